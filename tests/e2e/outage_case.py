# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the test modules of outages share: one rig a test, and what is true of each stream."""

import tempfile
import unittest

import kvslocal_case
import outages
import support
from outages import Rig

# A stream that was made is not made again, and a tag that was refused is not tried again.
ONCE = ("createStream", "tagStream")
CALLS = ("describeStream", "createStream", "tagStream", "getDataEndpoint")
OPERATIONS = CALLS + ("putMedia",)
# what there is no upload without
UPLOAD = tuple(operation for operation in OPERATIONS if operation != "tagStream")
TAGGED = "stream-tags=tags,site=(string)gate"


class Case(unittest.TestCase):
    timeout = 420

    @classmethod
    def setUpClass(cls):
        kvslocal_case.require_kvs_local()
        outages.require_gi()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.frames = outages.make_frames(cls.folder)

    def rig(self, **options):
        rig = Rig(self.folder, self.frames, **options)
        self.addCleanup(rig.__exit__)
        return rig.__enter__()

    def check(self, rig, stream, lost=0, doubled=0, warnings=None):
        """doubled: fragments that may be there twice if acks come at once; warnings: how many there may
        be."""
        self.assertEqual(stream.errors, [])
        self.assertEqual(stream.result["state"], "playing")
        self.assertEqual(stream.stored.strange, 0)
        self.assertTrue(stream.stored.is_in_order, stream.stored.fragments)
        self.assertLessEqual(stream.n_lost, lost)
        self.assertEqual(rig.n_needless(stream), 0)
        # Acks that come later than half a fragment lasts are not waited for: on a busy machine each
        # break may find one more fragment without them
        if support.SLOWNESS == 1:
            late = stream.result["stats"]["reconnects"] if doubled else 0
            self.assertLessEqual(stream.stored.n_doubled, doubled + late)
        self.assertNotIn(stream.name, rig.proxy.too_many)
        self.check_stats(stream)
        if warnings is not None:
            self.assertLessEqual(len(stream.warnings), warnings, stream.warnings)

    def check_stats(self, stream):
        """They say the same as what is stored."""
        stats = stream.result["stats"]
        dropped = sum(n for name, n in stats.items() if name.startswith("frames-dropped-"))
        self.assertEqual(stats["frames-in"], stream.result["frames"])
        self.assertEqual(stats["frames-persisted"] + dropped, stats["frames-in"])
        self.assertGreaterEqual(stats["frames-sent"], stats["frames-persisted"])
        self.assertEqual(stats["fragments-buffered"], 0)
        self.assertGreater(stats["ack-latency"], 0)
        # a warning says it all, but for what is told no more than once a minute
        self.assertEqual(stats["last-error"] is not None, bool(stream.warnings))

    def check_all(self, rig, **bounds):
        rig.table()
        for stream in rig.streams.values():
            with self.subTest(str(stream)):
                self.check(rig, stream, **{**bounds, **stream.bounds})
