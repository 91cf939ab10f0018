# SPDX-License-Identifier: LGPL-2.1-or-later
"""What no retry can mend: one error that says why, and no further request."""

import unittest

from faults import Answer, BreakUpload, ErrorAck
from outage_case import TAGGED, UPLOAD, Case

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
                self.assertEqual(error["details"].get("aws-error-type"), kind)
                self.assertEqual(error["details"]["request-id"], f"req-{status}")
            # the message ends with what to do about it
            self.assertTrue(error["text"].startswith(stream.result["stats"]["last-error"]))
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
                   for operation in UPLOAD
                   for status, kind in answers]
        rig.run(60)
        for stream, status, kind in streams:
            self.check_error(rig, stream, status, kind, kind)

    def test_bodies_that_say_nothing(self):
        """The status and the head's error type have to do."""
        rig = self.rig()
        streams = []
        for operation in UPLOAD:
            for body in ("html", "empty", "truncated", "nested"):
                for status in (400, 403, 413):
                    fault = Answer(operation, status, body=body)
                    streams.append((rig.add("", [fault], fps=10), status, None, f"HTTP {status} "))
            for body, status, kind in (("empty", 413, "RequestEntityTooLargeException"),
                                       ("truncated", 403, "AccessDeniedException"),
                                       ("cut", 400, "InvalidArgumentException")):
                fault = Answer(operation, status, kind, body=body)
                streams.append((rig.add("", [fault], fps=10), status, kind, kind))
        rig.run(60)
        for stream, status, kind, text in streams:
            self.check_error(rig, stream, status, kind, text)

    def test_statuses_that_are_fatal_for_tags_alone(self):
        """Footage without tags is worth more than no footage."""
        rig = self.rig()
        answers = ((400, "InvalidArgumentException", "aws"), (403, "AccessDeniedException", "cut"),
                   (401, "NotAuthorizedException", "empty"),
                   (400, "TagsPerResourceExceededLimitException", "aws"),
                   (404, "ResourceNotFoundException", "aws"), (400, None, "html"),
                   (403, None, "empty"), (404, None, "html"), (413, None, "truncated"))
        streams = [(rig.add("", [Answer("tagStream", status, kind, body=body)], TAGGED, fps=10),
                    status, kind) for status, kind, body in answers]
        rig.run(60)
        self.check_all(rig)
        for stream, status, kind in streams:
            with self.subTest(str(stream)):
                self.assertEqual(len(stream.warnings), 1, stream.warnings)
                _, text, details = stream.warnings[0]
                self.assertIn(kind or f"HTTP {status}", text)
                self.assertIn("TagStream", text)
                self.assertEqual(details["http-status"], status)
                requests = [event[2] for event in rig.proxy.events_of(stream.name, "request")]
                self.assertEqual(requests.count("tagStream"), 1)

    def test_not_once_the_service_has_let_in(self):
        """An answer of somebody in between is no reason to end what ran for a year."""
        rig = self.rig()
        for operation in ("getDataEndpoint", "putMedia"):
            for status in (400, 403, 404, 405, 413):
                rig.add("", [BreakUpload("reset", 10, cluster=2),
                             Answer(operation, status, body="html"),
                             Answer(operation, status, "BrandNewException", body="empty")],
                        bounds={"doubled": 1, "warnings": 2})
        rig.run(60)
        self.check_all(rig)

    def test_error_acks(self):
        rig = self.rig()
        streams = [(rig.add("", [ErrorAck(error_id)]), str(error_id)) for error_id in FATAL_ACKS]
        rig.run(60)
        for stream, text in streams:
            self.check_error(rig, stream, text=text)
            details = stream.errors[0]["details"]
            self.assertEqual(details["error-id"], int(text))
            self.assertEqual(details["error-code"], "SOME_ERROR")
            self.assertGreater(details["timecode"], 0)
            self.assertNotIn("http-status", details)

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
