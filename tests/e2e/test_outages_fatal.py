# SPDX-License-Identifier: LGPL-2.1-or-later
"""What no retry can mend: one error that says why, and no further request."""

import unittest

from faults import Answer, BreakUpload, ErrorAck
from outage_case import OPERATIONS, TAGGED, Case

# ids of kvs-api.md section 7
FATAL_ACKS = (4005, 4500, 4501, 4502, 4504, 4505, 4506)


class Fatal(Case):
    """What no retry can mend ends the pipeline with one error that says why."""

    def check_error(self, rig, stream, status=None, kind=None, text=""):
        with self.subTest(str(stream)):
            self.assertEqual(len(stream.errors), 1)
            error = stream.errors[0]
            self.assertIn(text, error["text"])
            self.assertIn("code", error["details"])
            if status is not None:
                self.assertEqual(error["details"]["http-status"], status)
                self.assertEqual(error["details"]["aws-error-type"], kind)
                self.assertEqual(error["details"]["request-id"], f"req-{status}")
            self.assertEqual(rig.proxy.events_of(stream.name)[-1][1:], self.last_event(rig, stream))

    def last_event(self, rig, stream):
        """Nothing is asked for after the fault."""
        events = rig.proxy.events_of(stream.name)
        fault = max(i for i, event in enumerate(events) if event[1] == "fault")
        self.assertNotIn("request", [event[1] for event in events[fault + 1:]])
        return events[-1][1:]

    def test_statuses(self):
        rig = self.rig()
        answers = ((403, "AccessDeniedException"), (401, "NotAuthorizedException"),
                   (403, "InvalidSignatureException"), (403, "UnrecognizedClientException"),
                   (400, "InvalidArgumentException"), (403, "ExpiredTokenException"))
        streams = [(rig.add("", [Answer(operation, status, kind)], fps=10), status, kind)
                   for operation in OPERATIONS if operation != "tagStream"
                   for status, kind in answers]
        rig.run(60)
        for stream, status, kind in streams:
            self.check_error(rig, stream, status, kind, kind)

    def test_error_acks(self):
        rig = self.rig()
        streams = [(rig.add("", [ErrorAck(error_id)]), str(error_id)) for error_id in FATAL_ACKS]
        rig.run(60)
        for stream, text in streams:
            self.check_error(rig, stream, text=text)

    def test_no_restart(self):
        rig = self.rig()
        kinds = ([Answer("describeStream", 503)], [Answer("putMedia", 500)],
                 [BreakUpload("reset", 500)], [ErrorAck(5000)])
        streams = [rig.add("", faults, sink="restart-on-error=false", fps=10) for faults in kinds]
        rig.run(60)
        for stream in streams:
            self.check_error(rig, stream)


if __name__ == "__main__":
    unittest.main()
