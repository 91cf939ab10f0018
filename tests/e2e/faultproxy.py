# SPDX-License-Identifier: LGPL-2.1-or-later
"""A proxy on loopback between a producer and kvs-local that knows the protocol and breaks it.

It reads each request's operation and stream. A stream has a script, a list of faults (faults.py):
the first of the list meets the next request for its operation, then the second one, and so on;
everything else passes unchanged. What happened is kept, with times, for each stream.

    proxy = FaultProxy()
    kvs = KvsLocal(args=["--public-url", proxy.url]).start()
    proxy.upstream_port = kvs.port
    proxy.script("cam", [faults.ResetUpload(at=1000), faults.Answer("putMedia", 503)])
"""

import fcntl
import json
import re
import socket
import ssl
import struct
import termios
import threading
import time

IO_BYTES = 65536
TCP_ESTABLISHED = 1


class Broken(Exception):
    """This exchange is over."""


class Reader:
    """Buffered reading of a socket."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def more(self):
        data = self.sock.recv(IO_BYTES)
        if not data:
            raise Broken("end")
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        at = self.buffer.index(mark) + len(mark)
        taken, self.buffer = self.buffer[:at], self.buffer[at:]
        return taken

    def take(self, size):
        while len(self.buffer) < size:
            self.more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def some(self):
        if not self.buffer:
            self.more()
        taken, self.buffer = self.buffer, b""
        return taken


def header(head, name):
    match = re.search(rb"(?im)^%s:[ \t]*([^\r\n]*)" % name.encode(), head)
    return match.group(1).decode() if match else None


def reset(sock):
    """Closes with a reset, whatever other threads do with the socket."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    close(sock, shut=False)


def close(sock, shut=True):
    """May be called again, and by any thread."""
    try:
        if shut:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    try:
        if isinstance(sock, ssl.SSLSocket):
            # without the goodbye of TLS
            fd = sock.detach()
            if fd >= 0:
                socket.socket(fileno=fd).close()
        else:
            sock.close()
    except OSError:
        pass


class Exchange:
    """One request and its answer."""

    def __init__(self, proxy, client, operation, stream, head):
        self.proxy = proxy
        self.client = client
        self.operation = operation
        self.stream = stream
        self.head = head
        self.upstream = None
        self.fault = None
        self.persisted = False
        self.stalled = False
        self.over = threading.Event()
        self.began = time.monotonic()

    def note(self, what, detail=None):
        self.proxy.note(self.stream, what, detail)

    def note_break(self):
        """What was told before "breaking" has been read if "broken" says that all was."""
        self.note("breaking")
        peer = peer_of(self.client)
        self.note("broken", peer is not None and peer[1] == 0)

    def reset(self):
        """As if the network had gone: the client gets a reset, the service too."""
        self.note_break()
        self.over.set()
        for sock in (self.client, self.upstream):
            if sock is not None:
                shake(sock)
                reset(sock)

    def finish(self):
        """An orderly end where none belongs."""
        self.note_break()
        self.over.set()
        for sock in (self.client, self.upstream):
            if sock is not None:
                close(sock)

    def stall(self):
        """Nothing more happens until the client has gone, or the proxy ends."""
        self.stalled = True
        while not self.proxy.ended.is_set() and is_established(self.client):
            time.sleep(0.02)
        raise Broken("stalled")

    def send_chunk(self, data):
        self.client.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.over.set()
        for sock in (self.client, self.upstream):
            if sock is not None:
                close(sock)


def peer_of(sock):
    """State of the peer's socket, and how many bytes it has not read; None if it is gone.

    One whose bytes nobody reads cannot say that it has closed: the kernel knows.
    """
    try:
        here, there = (f":{port:04X}" for port in (sock.getsockname()[1], sock.getpeername()[1]))
    except OSError:
        return None
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file:
            local, remote, state, queues = line.split()[1:5]
            if local.endswith(there) and remote.endswith(here):
                return int(state, 16), int(queues.split(":")[1], 16)
    return None


def shake(sock):
    """Ends the reading of another thread: closing a socket alone does not."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        pass


def is_established(sock):
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED
    except OSError:
        return False


def has_unread(sock):
    try:
        return fcntl.ioctl(sock, termios.FIONREAD, bytes(4)) != bytes(4)
    except (OSError, ValueError):
        return False


def is_alive(exchange):
    """Whether its client has not left it. The end of a connection is not seen before the bytes ahead of
    it are read: there may be no room for it, and a busy machine takes its time. Where nobody reads any
    more, it never is."""
    n_quiet = 0
    while not exchange.over.is_set() and not exchange.stalled and is_established(exchange.client):
        n_quiet = 0 if has_unread(exchange.client) else n_quiet + 1
        if n_quiet == 2:
            return True
        time.sleep(0.05)
    return False


class FaultProxy:
    """Listens as soon as it is made. tls: an SSLContext, which may be changed at any time."""

    def __init__(self, tls=None, port=0, receive_buffer=0):
        self.tls = tls
        self.upstream_port = None
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.scripts = {}
        self.events = {}  # of each stream: (monotonic time, what, detail)
        self.outages = {}  # faults that break all requests of a stream for a while
        self.puts = {}  # PutMedia requests that are under way
        self.too_many = []  # a second PutMedia while the first one still was alive
        self.sockets = set()
        self.receive_buffer = receive_buffer
        self.data_urls = {}  # of a stream: what GetDataEndpoint says instead
        self.keep_alive = True
        self.listener = None
        self.port = port
        self.listen()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def listen(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self.listener.bind(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        self.listener.listen(256)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def refuse(self):
        """No new connection is taken, and those there are get a reset; listen() ends it."""
        shake(self.listener)
        close(self.listener)
        self.reset_all()

    def reset_all(self):
        with self.lock:
            sockets, self.sockets = self.sockets, set()
        for sock in sockets:
            shake(sock)
            reset(sock)

    def stop(self):
        self.ended.set()
        self.refuse()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def script(self, stream, faults):
        with self.lock:
            self.scripts[stream] = list(faults)

    def note(self, stream, what, detail=None):
        with self.lock:
            self.events.setdefault(stream, []).append((time.monotonic(), what, detail))

    def events_of(self, stream, *whats):
        with self.lock:
            return [event for event in self.events.get(stream, [])
                    if not whats or event[1] in whats]

    def is_through(self, stream):
        """Whether the stream has met all faults of its script."""
        with self.lock:
            outage = self.outages.get(stream)
            return not self.scripts.get(stream) and (outage is None or outage.is_over())

    # ---- connections ----

    def accept(self, listener):
        while not self.ended.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.sockets.add(client)
        plain = client
        try:
            if self.tls is not None:
                client = self.tls.wrap_socket(client, server_side=True)
                with self.lock:
                    self.sockets.discard(plain)
                    self.sockets.add(client)
            reader = Reader(client)
            while not self.ended.is_set() and self.serve_request(client, reader):
                pass
        except (Broken, OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.sockets.discard(client)
            close(client)

    def serve_request(self, client, reader):
        """Returns whether another request may follow."""
        head = reader.until(b"\r\n\r\n")
        operation = head.split(b" ", 2)[1].decode().lstrip("/")
        body = b"" if operation == "putMedia" else reader.take(
            int(header(head, "content-length") or 0))
        exchange = Exchange(self, client, operation, stream_of(head, body), head)
        exchange.note("request", operation)
        outage = self.outages.get(exchange.stream)
        if outage is not None and not outage.is_over():
            outage.stop(exchange)
        exchange.fault = self.take_fault(exchange)
        if operation == "putMedia":
            self.serve_put_media(exchange, reader)
            return False
        return self.serve_call(exchange, body)

    def take_fault(self, exchange):
        with self.lock:
            script = self.scripts.get(exchange.stream)
            if not script or script[0].operation != exchange.operation:
                return None
            fault = script[0]
        fault.meet(exchange)
        return fault

    def fault_is_over(self, exchange):
        """The fault has happened as often as it should."""
        with self.lock:
            script = self.scripts.get(exchange.stream)
            if script and script[0] is exchange.fault:
                script.pop(0)
        exchange.fault = None

    def begin_outage(self, exchange):
        self.outages[exchange.stream] = exchange.fault
        self.fault_is_over(exchange)

    def connect(self, exchange):
        exchange.upstream = socket.create_connection(("127.0.0.1", self.upstream_port))
        exchange.upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.sockets.add(exchange.upstream)
        return exchange.upstream

    def disconnect(self, exchange):
        with self.lock:
            self.sockets.discard(exchange.upstream)
        if exchange.upstream is not None:
            close(exchange.upstream)

    # ---- the control plane ----

    def serve_call(self, exchange, body):
        if exchange.fault is not None and exchange.fault.on_request(exchange):
            return True
        try:
            self.connect(exchange).sendall(exchange.head + body)
            answer = Reader(exchange.upstream)
            head = answer.until(b"\r\n\r\n")
            data = head + answer.take(int(header(head, "content-length") or 0))
        finally:
            self.disconnect(exchange)
        if exchange.operation == "getDataEndpoint" and exchange.stream in self.data_urls:
            data = with_data_endpoint(data, self.data_urls[exchange.stream])
        if exchange.fault is not None:
            exchange.fault.on_answer(exchange, data)
        else:
            exchange.client.sendall(data)
        return self.keep_alive

    # ---- PutMedia ----

    def serve_put_media(self, exchange, reader):
        self.look_at_others(exchange)
        down = None
        try:
            if exchange.fault is not None and exchange.fault.on_request(exchange):
                return
            self.connect(exchange).sendall(exchange.head)
            down = threading.Thread(target=self.relay_acks, args=(exchange,), daemon=True)
            down.start()
            self.relay_body(exchange, reader)
        except (Broken, OSError):
            pass
        finally:
            exchange.end()
            self.disconnect(exchange)
            if down is not None:
                down.join()
            with self.lock:
                self.puts[exchange.stream].remove(exchange)
            exchange.note("put-ended")

    def look_at_others(self, exchange):
        """One session at a time: the client has left the one before when it begins the next."""
        with self.lock:
            others = list(self.puts.setdefault(exchange.stream, []))
            self.puts[exchange.stream].append(exchange)
        for other in others:
            if is_alive(other):
                self.too_many.append(exchange.stream)

    def relay_body(self, exchange, reader):
        n_sent = 0
        while not exchange.over.is_set():
            try:
                data = reader.some()
            except (Broken, OSError):
                if not exchange.over.is_set():
                    exchange.note("client-left")
                raise
            if exchange.stalled:
                exchange.stall()
            if exchange.fault is not None:
                data = exchange.fault.on_body(exchange, data, n_sent)
            n_sent += len(data)
            exchange.upstream.sendall(data)
            if n_sent >= 5 and data.endswith(b"\r\n0\r\n\r\n"):
                exchange.note("body-ended")
                exchange.over.wait()

    def relay_acks(self, exchange):
        try:
            reader = Reader(exchange.upstream)
            head = reader.until(b"\r\n\r\n")
            exchange.client.sendall(head)
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                exchange.client.sendall(reader.take(int(header(head, "content-length") or 0)))
                return
            exchange.note("session")
            self.relay_chunks(exchange, reader)
        except (Broken, OSError):
            if not exchange.over.is_set():
                exchange.note("service-left")
        finally:
            exchange.over.set()
            close(exchange.client)
            close(exchange.upstream)

    def relay_chunks(self, exchange, reader):
        while True:
            size = int(reader.until(b"\r\n"), 16)
            data = reader.take(size + 2)[:-2]
            if size == 0:
                break
            if exchange.fault is not None:
                exchange.fault.on_ack(exchange, json.loads(data), data)
            else:
                self.send_ack(exchange, data)
        if exchange.fault is not None:
            exchange.fault.on_last_ack(exchange)
        exchange.note("session-ended")
        exchange.client.sendall(b"0\r\n\r\n")

    def send_ack(self, exchange, data):
        exchange.send_chunk(data)
        self.note_ack(exchange, json.loads(data))

    def note_ack(self, exchange, ack):
        exchange.persisted |= ack["EventType"] == "PERSISTED"
        if ack["EventType"] in ("PERSISTED", "ERROR"):
            exchange.note(ack["EventType"].lower(), ack.get("FragmentTimecode"))


def with_data_endpoint(answer, url):
    head, body = answer.split(b"\r\n\r\n", 1)
    body = json.dumps({**json.loads(body), "DataEndpoint": url}).encode()
    head = re.sub(rb"(?im)^content-length:[^\r]*", b"Content-Length: %d" % len(body), head)
    return head + b"\r\n\r\n" + body


def stream_of(head, body):
    name = header(head, "x-amzn-stream-name")
    if name is not None or not body:
        return name
    request = json.loads(body)
    return request.get("StreamName") or request["StreamARN"].split("/")[1]
