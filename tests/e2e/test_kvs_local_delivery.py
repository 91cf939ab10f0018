# SPDX-License-Identifier: LGPL-2.1-or-later
"""What fragments ask for by their tags, delivered to a folder (section 15)."""

import json
import os
import tempfile
import unittest

import mkvwriter as mkv
import support
from kvslocal_case import Case, persisted, require_kvs_local, wait_for

TOPIC = "arn:aws:sns:us-west-2:123456789012:topic"
NOTIFY = ("AWS_KINESISVIDEO_NOTIFICATION", "")


def setUpModule():
    require_kvs_local()


class Notifications(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.ARGS = ["--deliver", os.path.join(cls.folder.name, "deliver")]
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    def configure(self, status="ENABLED"):
        self.control.update_notification_configuration(
            StreamName=self.stream, NotificationConfiguration={
                "Status": status, "DestinationConfig": {"Uri": TOPIC}})

    def delivered(self):
        """Messages by fragment number."""
        folder = os.path.join(self.folder.name, "deliver", "notifications",
                              f"{self.stream}-{self.arn.split('/')[-1]}")
        if not os.path.exists(folder):
            return {}
        found = {}
        for name in os.listdir(folder):
            self.assertTrue(name.endswith(".json"), name)
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found[name[:-len(".json")]] = json.load(file)
        return found

    def numbers(self, acks):
        return [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]

    def test_message(self):
        self.configure()
        chunks_before = mkv.header() + mkv.tags(("mine", "all the time"))
        event = mkv.tags(NOTIFY, ("gate", "open"), ("who", "J\u00fcrgen"))
        acks = self.put(timecodes="RELATIVE", start="1664000000.5").send_all(
            chunks_before + mkv.cluster(0) + event + mkv.cluster(1000) + mkv.cluster(2000))
        numbers = self.numbers(acks)
        self.assertEqual(len(numbers), 3)
        found = self.delivered()
        self.assertEqual(list(found), [numbers[1]])
        chunk = self.chunks()[1]["tags"]
        server = chunk["AWS_KINESISVIDEO_SERVER_TIMESTAMP"]
        self.assertEqual(found[numbers[1]], {
            "StreamArn": self.arn, "FragmentNumber": numbers[1],
            "FragmentStartProducerTimestamp": 1664000001500,
            "FragmentStartServerTimestamp": int(server.replace(".", "")),
            "NotificationType": "PERSISTED",
            "NotificationPayload": {"gate": "open", "who": "J\u00fcrgen"}})

    def test_pairs_are_those_of_the_event(self):
        self.configure()
        image = mkv.tags(("AWS_KINESISVIDEO_IMAGE_GENERATION", ""), ("shot", "1"),
                         ("AWS_KINESISVIDEO_IMAGE_PREFIX", "x"))
        self.put_all(mkv.header() + mkv.tags(("camera", "2")) + image + mkv.tags(NOTIFY)
                     + mkv.cluster(0) + image + mkv.cluster(1000))
        self.assertEqual([message["NotificationPayload"] for message in self.delivered().values()],
                         [{}])

    def test_configuration_decides(self):
        body = lambda at: mkv.header() + mkv.tags(NOTIFY) + mkv.cluster(at)
        self.put_all(body(0))
        self.assertEqual(self.delivered(), {})
        self.configure("DISABLED")
        self.put_all(body(1000))
        self.assertEqual(self.delivered(), {})
        self.configure()
        self.put_all(body(2000))
        self.assertEqual(len(self.delivered()), 1)
        self.control.update_notification_configuration(StreamName=self.stream)
        self.put_all(body(3000))
        self.assertEqual(len(self.delivered()), 1)

    def test_fragments_that_are_refused_or_not_kept(self):
        self.configure()
        bad = mkv.tags(NOTIFY, ("AWS_OTHER", ""))
        self.put_all(mkv.header() + bad + mkv.cluster(0) + mkv.cluster(1000))
        self.assertEqual(self.delivered(), {})
        version = self.control.describe_stream(StreamName=self.stream)["StreamInfo"]["Version"]
        self.control.update_data_retention(
            StreamName=self.stream, CurrentVersion=version, DataRetentionChangeInHours=2,
            Operation="DECREASE_DATA_RETENTION")
        acks = self.put_all(mkv.header() + mkv.tags(NOTIFY) + mkv.cluster(2000))
        self.assertEqual(acks, ["BUFFERING 2000", "RECEIVED 2000"])
        self.assertEqual(self.delivered(), {})

    def test_kvssink(self):
        self.configure()
        child = support.pipeline(
            "videotestsrc num-buffers=60 ! video/x-raw,width=160,height=120,framerate=30/1 ! x264enc "
            "key-int-max=30 speed-preset=ultrafast ! "
            f"kvssink stream-name={self.stream} streaming-type=offline send-notifications=true "
            "metadata=metadata,site=gate".split(), env=self.kvs.env)
        self.assertEqual(child.wait(60), 0, child.output)
        found = self.delivered()
        self.assertEqual(sorted(found), sorted(
            chunk["tags"]["AWS_KINESISVIDEO_FRAGMENT_NUMBER"] for chunk in self.chunks()))
        self.assertEqual(len(found), 2)


class Failing(Case):
    """That nothing can be delivered is no reason to refuse media."""

    ARGS = ["--deliver", "/dev/null/nowhere"]

    @classmethod
    def tearDownClass(cls):
        cls.control.close()
        cls.media.close()
        cls.kvs.stop()
        cls.kvs.__exit__()

    def test_media_are_kept(self):
        self.control.update_notification_configuration(
            StreamName=self.stream, NotificationConfiguration={
                "Status": "ENABLED", "DestinationConfig": {"Uri": TOPIC}})
        self.assertEqual(self.put_all(mkv.header() + mkv.tags(NOTIFY) + mkv.cluster(0)),
                         persisted(0))
        wait_for(lambda: "notification: /dev/null/nowhere" in self.kvs.errors())


if __name__ == "__main__":
    unittest.main()
