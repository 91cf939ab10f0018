# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts and stops kvs-local for a test, and speaks PutMedia to it over a raw socket.

    with KvsLocal() as kvs:
        kvs.client("kinesisvideo").create_stream(StreamName="cam", DataRetentionInHours=2)
        subprocess.run(["gst-launch-1.0", ...], env={**os.environ, **kvs.env})

Needs python3-botocore for client() and put_media(). The program is taken from
$KVS_BUILD_DIR/examples/kvs-local/kvs-local, or $KVS_BUILD, default ./build.
"""

import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse

ACCESS_KEY = "AKIDLOCALEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "us-west-2"
ACCOUNT = "123456789012"

# under sanitizers and valgrind everything takes longer; tests/e2e/run.py says how much
SLOWNESS = float(os.environ.get("KVS_TEST_SLOWNESS", "1"))
START_SECONDS = 30 * SLOWNESS
STOP_SECONDS = 30 * SLOWNESS


def program():
    build = os.environ.get("KVS_BUILD_DIR") or os.environ.get("KVS_BUILD") or "build"
    return os.path.abspath(os.path.join(build, "examples", "kvs-local", "kvs-local"))


class KvsLocal:
    """One kvs-local process. `data` keeps its files between two of them; else they are thrown away.

    args    further arguments for kvs-local
    env     further environment for kvs-local; a value of None takes the variable away
    data    data directory; by default a temporary one
    wrapper words before the program, such as ["valgrind", "-q"]
    """

    def __init__(self, args=(), env=None, data=None, wrapper=()):
        self.args = list(args)
        self.extra_env = dict(env or {})
        self.wrapper = list(wrapper)
        self.process = None
        self.port = None
        self.ready_line = None
        self._own_data = None
        self._run = None
        self.last_errors = ""
        if data is None:
            self._own_data = tempfile.TemporaryDirectory(prefix="kvs-local-")
            data = self._own_data.name
        self.data = os.fspath(data)

    # ---- process ----

    def start(self):
        self._run = tempfile.TemporaryDirectory(prefix="kvs-local-run-")
        port_file = os.path.join(self._run.name, "port")
        env = {**os.environ}
        for name in list(env):
            if name.startswith("AWS_"):
                del env[name]
        env.update(AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY, AWS_REGION=REGION)
        for name, value in self.extra_env.items():
            if value is None:
                env.pop(name, None)
            else:
                env[name] = value
        command = self.wrapper + [
            program(), "--port", "0", "--port-file", port_file, "--data", self.data,
        ] + self.args
        self.stderr = open(os.path.join(self._run.name, "stderr"), "w+b")
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.stderr
        )
        end = time.monotonic() + START_SECONDS
        while not os.path.exists(port_file):
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                self.process.wait()
                raise RuntimeError("kvs-local did not start: " + self.errors())
            time.sleep(0.01)
        with open(port_file, encoding="ascii") as file:
            self.port = int(file.read())
        self.ready_line = self.process.stdout.readline().decode()
        return self

    def stop(self, signum=signal.SIGTERM):
        """Ends it and gives its exit status; may be called again."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            status = self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        self.last_errors = self.errors()
        self.stderr.close()
        self.process = None
        self._run.cleanup()
        return status

    def kill(self):
        """As a power cut would."""
        return self.stop(signal.SIGKILL)

    def errors(self):
        """What it wrote to stderr so far."""
        if self.process is None:
            return self.last_errors
        with open(self.stderr.name, "rb") as file:
            return file.read().decode(errors="replace")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        if self._own_data is not None:
            self._own_data.cleanup()

    # ---- what clients need ----

    @property
    def url(self):
        scheme = "https" if "--tls-cert" in self.args else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def env(self):
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_KINESIS_VIDEO": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service="kinesisvideo", **options):
        """A botocore client: "kinesisvideo" or "kinesis-video-media"."""
        import botocore.config
        import botocore.session

        settings = {
            "region_name": REGION,
            "endpoint_url": self.url,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
            "config": botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60),
        }
        settings.update(options)
        return botocore.session.Session().create_client(service, **settings)

    def put_media(self, stream="cam", **options):
        """Opens a PutMedia request; see PutMedia."""
        return PutMedia(self, stream, **options)

    def get_media(self, stream="cam", selector="EARLIEST", **members):
        """The whole body that GetMedia gives."""
        client = self.client("kinesis-video-media")
        start = {"StartSelectorType": selector, **members}
        try:
            return client.get_media(StreamName=stream, StartSelector=start)["Payload"].read()
        finally:
            client.close()


class HttpError(Exception):
    """An answer to PutMedia that is not 200."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status} {headers.get('x-amzn-errortype')} {body!r}")
        self.status = status
        self.headers = headers
        self.body = body
        self.code = headers.get("x-amzn-errortype", "").split(":")[0]

    @property
    def message(self):
        body = json.loads(self.body)
        return body.get("Message", body.get("message"))


class PutMedia:
    """A PutMedia connection whose body is sent piece by piece while acks are read.

    stream          name, or with arn=True the ARN
    timecodes       "ABSOLUTE" or "RELATIVE"
    start           x-amzn-producer-start-timestamp
    acks            x-amzn-fragment-acknowledgment-required, None leaves it out
    headers         further headers; a value of None takes a header away
    unsigned        headers that are sent but not signed
    access_key ...  other credentials, region or service than those of the server
    amz_date        another x-amz-date
    signed          False sends no Authorization
    tamper          function (headers) called after signing
    length          Content-Length in place of chunks
    early           body bytes sent in one packet with the head
    payload_hash    the last line of the canonical request, if not that of an empty body
    query           query string, which is signed
    target          request target on the wire, if not the path
    """

    def __init__(self, kvs, stream="cam", *, arn=False, timecodes="ABSOLUTE", start="0",
                 acks="1", headers=None, unsigned=None, access_key=ACCESS_KEY,
                 secret_key=SECRET_KEY, token=None, region=REGION, service="kinesisvideo",
                 amz_date=None, signed=True, tamper=None, length=None, early=b"",
                 timeout=30, path="/putMedia", payload_hash=None, query="", target=None,
                 sock=None):
        self._buffer = b""
        self._body_over = False
        self.chunks = []
        self.length = length
        self.sock = sock or self._connect(kvs, timeout)
        sent = {
            "Host": f"127.0.0.1:{kvs.port}",
            "User-Agent": "kvslocal.py",
            "Connection": "keep-alive",
            ("x-amzn-stream-arn" if arn else "x-amzn-stream-name"): stream,
            "x-amzn-fragment-timecode-type": timecodes,
            "x-amzn-producer-start-timestamp": start,
            "x-amzn-fragment-acknowledgment-required": acks,
        }
        if length is None:
            sent["Transfer-Encoding"] = "chunked"
        else:
            sent["Content-Length"] = str(length)
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        if signed:
            sent = sign("POST", path, sent, access_key, secret_key, token, region, service,
                        amz_date, payload_hash, query=query)
        sent.update(unsigned or {})
        if tamper is not None:
            tamper(sent)
        target = (target or path) + ("?" + query if query else "")
        head = f"POST {target} HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in sent.items()) + "\r\n"
        self.sock.sendall(head.encode() + (self.frame(early) if early else b""))

    def _connect(self, kvs, timeout):
        sock = socket.create_connection(("127.0.0.1", kvs.port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if kvs.url.startswith("https"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            sock = context.wrap_socket(sock)
        return sock

    # ---- sending ----

    def frame(self, data):
        if self.length is not None:
            return bytes(data)
        return b"%x\r\n%s\r\n" % (len(data), data)

    def send(self, data, split=None):
        """Sends bytes of the body, in chunks of at most `split` bytes."""
        data = bytes(data)
        step = split or len(data) or 1
        self.sock.sendall(b"".join(
            self.frame(data[i:i + step]) for i in range(0, len(data), step)))

    def send_raw(self, data):
        self.sock.sendall(data)

    def end(self):
        """Sends the terminating chunk."""
        if self.length is None:
            self.sock.sendall(b"0\r\n\r\n")

    def shut_down(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def abort(self):
        """Closes with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- receiving ----

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError("connection closed; unread: %r" % self._buffer)
        self._buffer += data

    def _take_until(self, mark):
        while mark not in self._buffer:
            self._more()
        taken, self._buffer = self._buffer.split(mark, 1)
        return taken

    def _take(self, size):
        while len(self._buffer) < size:
            self._more()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def head(self):
        """Reads one status line with headers: (status, headers with lower-case names)."""
        lines = self._take_until(b"\r\n\r\n").decode().split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(lines[0].split()[1]), headers

    def accepted(self):
        """Reads the head of the answer; raises HttpError unless it is 200."""
        self.continued = 0
        status, headers = self.head()
        while status == 100:
            self.continued += 1
            status, headers = self.head()
        self.status, self.headers = status, headers
        if status != 200:
            raise HttpError(status, headers, self._take(int(headers.get("content-length", "0"))))
        return self

    def ack(self):
        """The next ack as a dict, or None at the end of the body. Keeps one raw chunk an ack."""
        if self._body_over:
            return None
        size = int(self._take_until(b"\r\n"), 16)
        data = self._take(size + 2)
        if data[-2:] != b"\r\n":
            raise ValueError("chunk without its end")
        if size == 0:
            self._body_over = True
            return None
        self.chunks.append(data[:-2])
        if not data.endswith(b"}\n\r\n"):
            raise ValueError("not one whole ack with a newline in a chunk: %r" % data)
        return json.loads(data)

    def acks(self):
        """All acks up to the end of the body."""
        found = []
        while (ack := self.ack()) is not None:
            found.append(ack)
        return found

    def until(self, event):
        """Reads acks until one of that EventType, and gives it."""
        while (ack := self.ack()) is not None:
            if ack["EventType"] == event:
                return ack
        raise EOFError(f"no {event} before the end of the acks")

    def send_all(self, data, split=None):
        """Sends the whole body, then reads all acks."""
        self.accepted()
        self.send(data, split)
        self.end()
        return self.acks()


def sign(method, path, headers, access_key=ACCESS_KEY, secret_key=SECRET_KEY, token=None,
         region=REGION, service="kinesisvideo", amz_date=None, payload_hash=None, body=b"",
         query=""):
    """The headers with those of SigV4 added. The payload is taken for empty, as producers do."""
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    class Auth(botocore.auth.SigV4Auth):
        def headers_to_sign(self, request):
            # botocore leaves some out; the C producers sign all that they send
            import http.client
            picked = http.client.HTTPMessage()
            for name, value in request.headers.items():
                if name.lower() not in ("authorization", "content-length", "expect"):
                    picked[name.lower()] = value
            return picked

        def _modify_request_before_signing(self, request):
            if amz_date is not None:
                request.context["timestamp"] = amz_date
            super()._modify_request_before_signing(request)

        def payload(self, request):
            return payload_hash or super().payload(request)

    request = botocore.awsrequest.AWSRequest(
        method=method, url="http://" + headers.get("Host", "") + urllib.parse.quote(path)
        + ("?" + query if query else ""),
        data=body, headers={name: value for name, value in headers.items()})
    auth = Auth(botocore.credentials.Credentials(access_key, secret_key, token), service, region)
    auth.add_auth(request)
    return dict(request.headers.items())
