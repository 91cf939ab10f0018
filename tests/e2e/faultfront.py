# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes between one stream and faultproxy.py: what breaks before there is a request to speak of.

    front = Front(proxy)
    front.script = [None, BreakConnection("up", 3), BreakConnection("down", 200, "stall")]

Each connection takes the next item of the script; None passes.
"""

import re
import socket
import threading
import time

from faultproxy import IO_BYTES, TCP_ESTABLISHED, close, peer_of, reset, shake

REQUEST_LINE = re.compile(rb"POST /(\w+) HTTP/1.1\r\n")


class BreakConnection:
    """A connection breaks at byte `at` of what goes "up" to the service or comes "down" from it.

    how         "reset", "end" or "stall"
    operation   the first connection whose first request is for it; None takes any
    """

    def __init__(self, way, at, how="reset", operation=None):
        self.way = way
        self.at = at
        self.how = how
        self.operation = operation

    def __str__(self):
        return f"{self.how} at byte {self.at} {self.way}"


class Link:
    """One connection, and the one that goes on from it."""

    def __init__(self, client, fault):
        self.client = client
        self.upstream = None
        self.fault = fault
        self.answered = False
        self.stalled = False
        self.over = False
        self.n_bytes = {"up": 0, "down": 0}

    @property
    def is_waiting(self):
        """For a service that does not answer; the client is still there."""
        return (self.stalled or not self.answered) and not self.over and is_held(self.client)

    def cut(self, how):
        self.over = True
        for sock in (self.client, self.upstream):
            if sock is None:
                continue
            if how == "end":
                close(sock)
            else:
                shake(sock)
                reset(sock)

    def pump(self, way, source, target):
        """Forwards until the connection breaks; returns whether by the fault."""
        fault = self.fault if self.fault is not None and self.fault.way == way else None
        while not self.over and not self.stalled:
            room = fault.at - self.n_bytes[way] if fault else IO_BYTES
            if room <= 0:
                return True
            data = source.recv(min(room, IO_BYTES))
            if not data:
                return False
            if self.over or self.stalled:
                return False
            # Who gets an answer may be back with the next request before this goes on
            self.answered |= way == "down"
            target.sendall(data)
            self.n_bytes[way] += len(data)
        return False


class Front:
    """Listens as soon as it is made. outage: "reset" or "stall" while nothing shall get through."""

    def __init__(self, proxy, host="127.0.0.1", receive_buffer=0):
        self.proxy = proxy
        self.script = []
        self.outage = None
        self.connected = []  # when each connection came
        self.most_waiting = 0
        self.faults_met = []
        self.links = []
        self.lock = threading.Lock()
        self.listener = socket.socket()
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if proxy.tls else 'http'}://{host}:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        shake(self.listener)
        close(self.listener)
        self.break_all("reset")

    def break_all(self, how):
        with self.lock:
            links = list(self.links)
        for link in links:
            if how == "stall":
                link.stalled = True
            else:
                link.cut(how)

    def begin_outage(self, how):
        self.outage = how
        self.break_all(how)

    def accept(self):
        while not self.proxy.ended.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(client, None)
        with self.lock:
            self.connected.append(time.monotonic())
            self.links.append(link)
            self.most_waiting = max(self.most_waiting, sum(one.is_waiting for one in self.links))
            outage = self.outage
        try:
            if outage is not None:
                self.hold(link, outage)
                return
            link.fault = self.take_fault(client)
            link.upstream = socket.create_connection(("127.0.0.1", self.proxy.port))
            link.upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.relay(link)
        except OSError:
            pass
        finally:
            link.cut("end")
            with self.lock:
                self.links.remove(link)

    def take_fault(self, client):
        with self.lock:
            fault = self.script[0] if self.script else None
        if fault is not None and fault.operation is not None:
            if operation_of(client) != fault.operation:
                return None
        with self.lock:
            return self.script.pop(0) if self.script else None

    def relay(self, link):
        up = threading.Thread(target=self.run, args=(link, "up", link.client, link.upstream),
                              daemon=True)
        up.start()
        self.run(link, "down", link.upstream, link.client)
        up.join()

    def run(self, link, way, source, target):
        try:
            by_fault = link.pump(way, source, target)
        except OSError:
            by_fault = False
        if by_fault:
            self.faults_met.append(link.fault)
            self.hold(link, link.fault.how)
        elif link.stalled:
            self.hold(link, "stall")
        else:
            link.cut("end")

    def hold(self, link, how):
        """Breaks it, or keeps it until the client has gone."""
        if how == "stall":
            link.stalled = True
            while not self.proxy.ended.is_set() and not link.over and is_held(link.client):
                time.sleep(0.02)
        link.cut("reset" if how == "stall" else how)


def is_held(sock):
    """Whether the peer has it open."""
    peer = peer_of(sock)
    return peer is not None and peer[0] == TCP_ESTABLISHED


def operation_of(client):
    """Of the request that comes first; nothing of it is taken."""
    begin = b""
    while is_held(client):
        begin = client.recv(100, socket.MSG_PEEK)
        if match := REQUEST_LINE.match(begin):
            return match.group(1).decode()
        if not begin or len(begin) == 100:
            break
        time.sleep(0.005)
    return None
