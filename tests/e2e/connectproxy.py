# SPDX-License-Identifier: LGPL-2.1-or-later
"""An HTTP proxy on loopback that knows CONNECT and nothing else."""

import base64
import socket
import threading

MAX_HEAD = 65536


class ConnectProxy:
    """Listens as soon as it is made. login: "user:password" that it wants; status: what it answers to
    all requests in place of opening a tunnel. targets: what it was asked for; logins: how."""

    def __init__(self, login=None, status=None, port=0):
        self.login = login
        self.status = status
        self.targets = []
        self.logins = []
        self.sockets = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, login=None):
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}"

    def stop(self):
        with self.lock:
            sockets, self.sockets = self.sockets, set()
        for sock in [self.listener, *sockets]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def keep(self, sock):
        with self.lock:
            self.sockets.add(sock)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.keep(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            self.handle(client)
        except (OSError, ValueError):
            pass
        finally:
            client.close()

    def handle(self, client):
        head = b""
        while b"\r\n\r\n" not in head and len(head) < MAX_HEAD:
            data = client.recv(1)
            if not data:
                return
            head += data
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        pairs = (line.split(": ", 1) for line in lines[1:] if ": " in line)
        headers = {name.lower(): value for name, value in pairs}
        status = self.judge(method, headers)
        self.targets.append(target)
        if status != 200:
            client.sendall(f"HTTP/1.1 {status} No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
                           "Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return
        host, port = target.rsplit(":", 1)
        with socket.create_connection((host.strip("[]"), int(port))) as upstream:
            self.keep(upstream)
            # a header that the service sends too: it must not be taken for the service's
            client.sendall(b"HTTP/1.1 200 Connection established\r\n"
                           b"Date: Mon, 01 Jan 2001 00:00:00 GMT\r\n\r\n")
            back = threading.Thread(target=pump, args=(upstream, client), daemon=True)
            back.start()
            pump(client, upstream)
            back.join()

    def judge(self, method, headers):
        login = headers.get("proxy-authorization", "")
        if login.startswith("Basic "):
            login = base64.b64decode(login[6:]).decode()
        self.logins.append(login)
        if method != "CONNECT":
            return 405
        if self.login is not None and login != self.login:
            return 407
        return self.status or 200


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
