# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metadata of fragments, from properties and tag lists, as mkvinfo finds them in GetMedia's answer."""

import os
import re
import tempfile
import unittest

import media
import support
from kvslocal import KvsLocal

SOURCE = ("videotestsrc num-buffers=90 ! video/x-raw,format=I420,width=176,height=144,framerate=30/1"
          " ! x264enc key-int-max=30 speed-preset=ultrafast")


class Metadata(unittest.TestCase):
    timeout = 60

    def setUp(self):
        self.kvs = KvsLocal().start()
        self.addCleanup(self.kvs.__exit__)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def upload(self, between="", *properties):
        words = SOURCE.split() + between.split() + ["!", "kvssink", "stream-name=cam",
                                                    "streaming-type=offline", *properties]
        child = support.pipeline(words, env=self.kvs.env)
        status = child.wait(60)
        return child, status

    def tags(self):
        """Names and values of each fragment, but those that the service adds."""
        result = []
        for data in media.split_files(self.kvs.get_media("cam")):
            path = os.path.join(self.folder, "fragment.mkv")
            with open(path, "wb") as file:
                file.write(data)
            text = media.check_with_mkvinfo(path)
            found = dict(re.findall(r"\+ Name: (\S+)\n[| ]+\+ String(?:: (.*))?", text))
            result.append({name: value for name, value in found.items()
                           if not re.fullmatch(r"AWS_KINESISVIDEO_(FRAGMENT_NUMBER|MILLIS_.*"
                                               r"|(SERVER|PRODUCER)_TIMESTAMP|CONTINUATION_TOKEN)",
                                               name)})
        return result

    def test_on_each_fragment(self):
        child, status = self.upload(
            '! taginject tags=extended-comment="kvs:who=me",title="not&for&upload"',
            "metadata=metadata,site=gate,camera=(string)2", "generate-images=true",
            "image-prefix=front/", "send-notifications=true")
        self.assertEqual(status, 0, child.output)
        self.assertNotIn("WARNING", child.output)
        wanted = {"site": "gate", "camera": "2", "who": "me",
                  "AWS_KINESISVIDEO_IMAGE_GENERATION": "",
                  "AWS_KINESISVIDEO_IMAGE_PREFIX": "front/",
                  "AWS_KINESISVIDEO_NOTIFICATION": ""}
        self.assertEqual(self.tags(), [wanted] * 3)

    def test_without_any(self):
        child, status = self.upload()
        self.assertEqual(status, 0, child.output)
        self.assertEqual(self.tags(), [{}] * 3)

    def test_what_does_not_fit_is_told(self):
        """Ten from the property; the tag would be one more, and the stream goes on without it."""
        ten = ",".join(f"n{i}=v" for i in range(10))
        child, status = self.upload('! taginject tags=extended-comment="kvs:who=me"',
                                    f"metadata=metadata,{ten}")
        self.assertEqual(status, 0, child.output)
        self.assertRegex(child.output, r"WARNING: .*10")
        self.assertEqual(self.tags(), [{f"n{i}": "v" for i in range(10)}] * 3)

    def test_a_reserved_name_is_a_bad_setting(self):
        child, status = self.upload("", "metadata=metadata,AWS_site=gate")
        self.assertEqual(status, 1, child.output)
        self.assertRegex(child.output, r"ERROR: .*AWS_site")


if __name__ == "__main__":
    unittest.main()
