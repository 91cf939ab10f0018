# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of kvs-local's archived media share."""

import json
import socket

import kvslocal
import mkvwriter as mkv
from kvslocal_case import Case, require_kvs_local

__all__ = ["ArchiveCase", "require_kvs_local", "unknown_members"]


def unknown_members(client, operation, answer):
    """Paths within a JSON answer that the model of the service does not have, or of another type."""
    return list(_unknown(client.meta.service_model.operation_model(operation).output_shape, answer,
                         operation))


def _unknown(shape, value, path):
    types = {"string": str, "blob": str, "integer": int, "long": int, "boolean": bool,
             "timestamp": (int, float), "double": (int, float)}
    if value is None:
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in value.items():
            if name not in shape.members:
                yield f"{path}.{name}"
            else:
                yield from _unknown(shape.members[name], member, f"{path}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for i, member in enumerate(value):
            yield from _unknown(shape.member, member, f"{path}[{i}]")
    elif shape.type_name not in types or not isinstance(value, types[shape.type_name]):
        yield path


class ArchiveCase(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.archive = cls.kvs.client("kinesis-video-archived-media")

    @classmethod
    def tearDownClass(cls):
        cls.archive.close()
        super().tearDownClass()

    def fill(self, count=5, start="100", **options):
        """Fragments of a second each from the producer's time `start` on; gives their numbers."""
        body = mkv.header() + b"".join(mkv.cluster(1000 * i, [0, 250, 500, 750])
                                       for i in range(count))
        acks = self.put(timecodes="RELATIVE", start=start, **options).send_all(body)
        return [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]

    @staticmethod
    def selector(selector, start, end):
        return {"FragmentSelectorType": selector,
                "TimestampRange": {"StartTimestamp": start, "EndTimestamp": end}}

    def list_fragments(self, selector, start, end, **members):
        """As a client does that sends fractions of seconds, which botocore cuts off."""
        body = {"StreamName": self.stream, "FragmentSelector": self.selector(selector, start, end),
                **members}
        return self.call("list_fragments", body)

    def call(self, operation, body):
        """A call with this body, whose answer botocore parses."""
        def replace(params, **_):
            params["body"] = json.dumps(body).encode()

        name = f"before-call.kinesis-video-archived-media.{self.model_name(operation)}"
        self.archive.meta.events.register(name, replace, unique_id="body")
        minimum = {key: value for key, value in body.items() if key == "StreamName"}
        required = self.archive.meta.service_model.operation_model(
            self.model_name(operation)).input_shape.required_members
        try:
            return getattr(self.archive, operation)(
                **minimum, **{key: body[key] for key in required if key in body})
        finally:
            self.archive.meta.events.unregister(name, unique_id="body")

    def model_name(self, operation):
        return self.archive.meta.method_to_api_mapping[operation]

    def refused_raw(self, path, members, code, status=400):
        """A request that botocore would not send."""
        body = {"StreamName": self.stream, **members}
        got, headers, answer = self.post(path, json.dumps(body).encode())
        self.assertEqual((got, headers.get("x-amzn-errortype", "").split(":")[0]), (status, code),
                         (members, answer))
        self.assertEqual(headers["x-amz-errortype"], headers["x-amzn-errortype"])
        return json.loads(answer).get("Message")

    def signed_request(self, path, body):
        """A connection on which a request has been sent and whose answer nobody has read."""
        sock = socket.create_connection(("127.0.0.1", self.kvs.port), timeout=30)
        self.addCleanup(sock.close)
        headers = kvslocal.sign("POST", path, {"Host": f"127.0.0.1:{self.kvs.port}",
                                               "Content-Type": "application/json"}, body=body)
        head = f"POST {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items())
        sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return sock
