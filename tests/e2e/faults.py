# SPDX-License-Identifier: LGPL-2.1-or-later
"""What faultproxy.py can do to a request. A fault meets one request, or as many as its `times`."""

import json
import random
import time

CLUSTER_ID = b"\x1f\x43\xb6\x75"


class Fault:
    """Nothing goes wrong.

    operation   the path of the request that it waits for
    times       how many requests it meets
    final       it happens when the stream ends, not before
    """

    operation = "putMedia"
    final = False

    def __init__(self, operation="putMedia", times=1):
        self.operation = operation
        self.times = times
        self.n_met = 0

    def __str__(self):
        return type(self).__name__

    def meet(self, exchange):
        self.n_met += 1

    def happen(self, exchange):
        """It happens now, for this request."""
        exchange.note("fault", str(self))
        if self.n_met >= self.times:
            exchange.proxy.fault_is_over(exchange)

    def on_request(self, exchange):
        """Returns whether the request was dealt with."""
        return False

    def on_answer(self, exchange, data):
        """The whole answer of a call."""
        exchange.client.sendall(data)

    def on_body(self, exchange, data, n_sent):
        return data

    def on_ack(self, exchange, ack, data):
        exchange.proxy.send_ack(exchange, data)

    def on_last_ack(self, exchange):
        pass


class Break(Fault):
    """The connection breaks: "reset", "end" (closed without a reason) or "stall"."""

    def __init__(self, how="reset", **options):
        super().__init__(**options)
        self.how = how

    def break_off(self, exchange):
        self.happen(exchange)
        if self.how == "stall":
            exchange.stall()
        elif self.how == "end":
            exchange.finish()
        else:
            exchange.reset()
        raise BrokenPipeError


class BreakRequest(Break):
    """Before there is an answer."""

    def __str__(self):
        return f"{self.operation}: {self.how} after the request"

    def on_request(self, exchange):
        self.break_off(exchange)


HEAD = (b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: lost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n")


class BreakAnswer(Break):
    """Within the answer, after `at` bytes; from the end if that is negative.

    An upload does not get to the service: what would arrive there meanwhile is a matter of luck.
    """

    def __init__(self, how="reset", at=0, **options):
        super().__init__(how, **options)
        self.at = at

    def __str__(self):
        return f"{self.operation}: {self.how} at byte {self.at} of the answer"

    def on_request(self, exchange):
        if exchange.operation == "putMedia":
            self.on_answer(exchange, HEAD)
        return False

    def on_answer(self, exchange, data):
        exchange.client.sendall(data[:self.at] if self.at else b"")
        self.break_off(exchange)


class BreakUpload(Break):
    """Within the body: after `at` bytes, or `at` bytes after the start of Cluster number `cluster`,
    counted from the first fragment of the session that is persisted: without success in between the
    producer would rightly take longer and longer breaks."""

    def __init__(self, how="reset", at=0, cluster=None, **options):
        super().__init__(how, **options)
        self.at = at
        self.cluster = cluster
        self.left = None
        self.n_clusters = 0

    def __str__(self):
        where = f"byte {self.at}" + (f" of fragment {self.cluster}" if self.cluster else "")
        return f"upload: {self.how} at {where}"

    def meet(self, exchange):
        super().meet(exchange)
        self.left = self.at if self.cluster is None else None
        self.n_clusters = 0

    def on_body(self, exchange, data, n_sent):
        begin = 0
        if self.left is None and not exchange.persisted:
            return data
        if self.left is None:
            at = data.find(CLUSTER_ID)
            while at >= 0 and self.left is None:
                self.n_clusters += 1
                if self.n_clusters == self.cluster:
                    self.left, begin = self.at, at
                at = data.find(CLUSTER_ID, at + 4)
        if self.left is None:
            return data
        if begin + self.left > len(data):
            self.left -= len(data) - begin
            return data
        exchange.upstream.sendall(data[:begin + self.left])
        self.break_off(exchange)
        return b""


class BreakUploadAnywhere(BreakUpload):
    """At random bytes, counted from the first fragment of the session that is persisted."""

    def __init__(self, how, seed, most, **options):
        super().__init__(how, **options)
        self.random = random.Random(seed)
        self.most = most

    def __str__(self):
        return f"upload: {self.how} at {self.times} random bytes up to {self.most}"

    def meet(self, exchange):
        self.at = self.random.randrange(self.most)
        super().meet(exchange)

    def on_body(self, exchange, data, n_sent):
        return super().on_body(exchange, data, n_sent) if exchange.persisted else data


class BreakAcks(Break):
    """Within ack number `n`, after `at` bytes of its chunk."""

    def __init__(self, how="reset", n=1, at=0, **options):
        super().__init__(how, **options)
        self.n = n
        self.at = at
        self.n_acks = 0

    def __str__(self):
        return f"acks: {self.how} at byte {self.at} of ack {self.n}"

    def meet(self, exchange):
        super().meet(exchange)
        self.n_acks = 0

    def on_ack(self, exchange, ack, data):
        self.n_acks += 1
        if self.n_acks < self.n:
            exchange.proxy.send_ack(exchange, data)
            return
        chunk = b"%x\r\n%s\r\n" % (len(data), data)
        exchange.client.sendall(chunk[:self.at])
        self.break_off(exchange)


AWS_BODY = b'{"Message":"what the service says"}'
BODIES = {
    "aws": AWS_BODY,
    "empty": b"",
    "html": b"<html><body><h1>Bad gateway</h1></body></html>",
    "huge": b'{"Message":"' + b"x" * 300000 + b'"}',
    "nested": b"[" * 50000,
    "truncated": AWS_BODY[:-6],
    "cut": AWS_BODY,
}


class Answer(Fault):
    """The service answers at once with a status: body is one of BODIES, "cut" ends too early."""

    def __init__(self, operation, status, error_type=None, body="aws", retry_after=None,
                 whole_request=False, **options):
        super().__init__(operation, **options)
        self.status = status
        self.error_type = error_type
        self.body = body
        self.retry_after = retry_after
        self.whole_request = whole_request

    def __str__(self):
        kind = " ".join(filter(None, (self.error_type, self.body)))
        return f"{self.operation}: status {self.status} {kind} x{self.times}"

    def on_request(self, exchange):
        body = BODIES[self.body]
        head = f"HTTP/1.1 {self.status} Whatever\r\nx-amzn-RequestId: req-{self.status}\r\n"
        if self.error_type:
            head += f"x-amzn-ErrorType: {self.error_type}:http://internal/\r\n"
        if self.retry_after:
            head += f"Retry-After: {self.retry_after}\r\n"
        close = exchange.operation == "putMedia" or self.body == "cut"
        head += "Connection: close\r\n" if close else ""
        self.happen(exchange)
        answer = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
        exchange.client.sendall(answer[:-10] if self.body == "cut" else answer)
        if close:
            self.linger(exchange)
        return True

    def linger(self, exchange):
        """A server that closed at once would reset what the client still sends."""
        exchange.client.shutdown(1)
        exchange.client.settimeout(2)
        while exchange.client.recv(65536):
            pass
        exchange.finish()
        raise BrokenPipeError


class Text(Fault):
    """The call is answered with status 200 and this text."""

    def __init__(self, operation, text, **options):
        super().__init__(operation, **options)
        self.text = text

    def __str__(self):
        return f"{self.operation}: answered {self.text[:24]!r}"

    def on_request(self, exchange):
        self.happen(exchange)
        exchange.client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                                % (len(self.text), self.text))
        return True


class ErrorAck(Fault):
    """Fragment number `fragment` of the session is answered with an error."""

    def __init__(self, error_id, fragment=2, code="SOME_ERROR", with_timecode=True, **options):
        super().__init__(**options)
        self.error_id = error_id
        self.fragment = fragment
        self.code = code
        self.with_timecode = with_timecode
        self.n = 0
        self.given = False

    def __str__(self):
        return (f"error ack {self.error_id} x{self.times}"
                + ("" if self.with_timecode else " without timecode"))

    def meet(self, exchange):
        super().meet(exchange)
        self.n = 0

    def on_ack(self, exchange, ack, data):
        if ack["EventType"] == "BUFFERING":
            self.n += 1
        exchange.proxy.send_ack(exchange, data)
        if ack["EventType"] != "BUFFERING" or self.n != self.fragment:
            return
        error = {"EventType": "ERROR", "FragmentTimecode": ack["FragmentTimecode"],
                 "FragmentNumber": ack["FragmentNumber"], "ErrorCode": self.code,
                 "ErrorId": self.error_id}
        if not self.with_timecode:
            del error["FragmentTimecode"], error["FragmentNumber"]
        exchange.send_chunk(json.dumps(error).encode() + b"\n")
        self.happen(exchange)
        exchange.stall()


class Acks(Fault):
    """The acks of one session, up to ack number `most`, are written in another way."""

    def __init__(self, how, most=12, **options):
        super().__init__(**options)
        self.how = how
        self.most = most
        self.n = 0
        self.held = []

    def __str__(self):
        return f"acks {self.how}"

    def meet(self, exchange):
        super().meet(exchange)
        self.n = 0
        self.held = []

    def on_ack(self, exchange, ack, data):
        self.n += 1
        getattr(self, self.how)(exchange, ack, data)
        if self.n >= self.most and not self.held:
            self.happen(exchange)

    def on_last_ack(self, exchange):
        self.flush(exchange, False)

    def flush(self, exchange, backwards):
        held, self.held = self.held, []
        for ack, data in (reversed(held) if backwards else held):
            exchange.send_chunk(data)
            exchange.proxy.note_ack(exchange, ack)

    def split(self, exchange, ack, data):
        """Each byte in a chunk and a packet of its own."""
        for i in range(len(data)):
            exchange.send_chunk(data[i:i + 1])
            time.sleep(0.0002)
        exchange.proxy.note_ack(exchange, ack)

    def merged(self, exchange, ack, data):
        self.held.append((ack, data))
        if len(self.held) >= 5:
            exchange.send_chunk(b"".join(item for _, item in self.held))
            for one, _ in self.held:
                exchange.proxy.note_ack(exchange, one)
            self.held = []

    def repeated(self, exchange, ack, data):
        for _ in range(3):
            exchange.proxy.send_ack(exchange, data)

    def backwards(self, exchange, ack, data):
        self.held.append((ack, data))
        if len(self.held) >= 6:
            self.flush(exchange, True)

    def unknown(self, exchange, ack, data):
        exchange.send_chunk(b'{"EventType":"GREETING","FragmentTimecode":1,"New":{"a":[1,2]}}\n')
        exchange.proxy.send_ack(exchange, data)
        exchange.send_chunk(b'{"EventType":"PERSISTED","FragmentTimecode":1,'
                            b'"FragmentNumber":"1"}\n')

    def malformed(self, exchange, ack, data):
        for garbage in (b'{"EventType":\n', b"x" * 5000 + b"\n", b"\xff\xfe\x00\n", b"[]\n",
                        b"{}\n", b'{"EventType":"PERSISTED","FragmentTimecode":"soon"}\n',
                        b"null\n"):
            exchange.send_chunk(garbage)
        exchange.proxy.send_ack(exchange, data)

    def without_buffering_and_received(self, exchange, ack, data):
        if ack["EventType"] == "PERSISTED":
            exchange.proxy.send_ack(exchange, data)

    def without_one_persisted(self, exchange, ack, data):
        if ack["EventType"] != "PERSISTED" or self.n > 6:
            exchange.proxy.send_ack(exchange, data)


class LoseFinalAck(Break):
    """The last PERSISTED does not come; then "end" ends the answer as it should."""

    final = True

    def __init__(self, how="reset", **options):
        super().__init__(how, **options)
        self.held = None

    def __str__(self):
        return f"final ack lost, then {self.how}"

    def on_ack(self, exchange, ack, data):
        if self.held is not None:
            exchange.proxy.send_ack(exchange, self.held)
            self.held = None
        if ack["EventType"] == "PERSISTED":
            self.held = data
        else:
            exchange.proxy.send_ack(exchange, data)

    def on_last_ack(self, exchange):
        self.held = None
        if self.how == "end":
            self.happen(exchange)
        else:
            self.break_off(exchange)


class Throttle(Fault):
    """The upload is read no faster than this, for a while."""

    def __init__(self, bytes_per_s, seconds, **options):
        super().__init__(**options)
        self.bytes_per_s = bytes_per_s
        self.seconds = seconds
        self.began = None

    def __str__(self):
        return f"bandwidth {self.bytes_per_s * 8 // 1000} kbit/s for {self.seconds} s"

    def on_body(self, exchange, data, n_sent):
        now = time.monotonic()
        if self.began is None:
            self.began = now
            exchange.note("fault", str(self))
        if now - self.began > self.seconds:
            exchange.proxy.fault_is_over(exchange)
        else:
            time.sleep(len(data) / self.bytes_per_s)
        return data


class Outage(Fault):
    """From byte `at` of an upload on, nothing works for some seconds: "reset" or "stall"."""

    def __init__(self, seconds, how="reset", at=3000):
        super().__init__()
        self.seconds = seconds
        self.how = how
        self.at = at
        self.until = None

    def __str__(self):
        return f"outage of {self.seconds} s ({self.how})"

    def on_body(self, exchange, data, n_sent):
        if n_sent + len(data) < self.at:
            return data
        self.until = time.monotonic() + self.seconds
        exchange.note("fault", str(self))
        exchange.proxy.begin_outage(exchange)
        self.stop(exchange)
        return b""

    def is_over(self):
        return time.monotonic() > self.until

    def stop(self, exchange):
        if self.how == "stall":
            exchange.stall()
        exchange.reset()
        raise BrokenPipeError
