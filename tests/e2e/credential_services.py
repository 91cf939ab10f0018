# SPDX-License-Identifier: LGPL-2.1-or-later
"""The services that give AWS credentials, on loopback: STS, EC2 instance metadata, the agents of
ECS and EKS, the IoT credentials endpoint, the portal of IAM Identity Center, and one that a
credential_process may ask.

What they give, kvs-local takes: both share a Keyring. How they answer is up to a Behaviour.

    keyring = Keyring(path)
    kvs = KvsLocal(args=["--credentials", keyring.path]).start()
    with CredentialServices(keyring, Certificates(folder)) as services:
        services.behave(Behaviour(lifetime=6))
        ... AWS_EC2_METADATA_SERVICE_ENDPOINT=services.url ...
"""

import base64
import dataclasses
import hashlib
import hmac
import http.server
import json
import os
import re
import secrets
import ssl
import subprocess
import threading
import time
import urllib.parse

import support
from kvslocal import ACCESS_KEY, REGION, SECRET_KEY

ROLE = "camera-role"
ROLE_ARN = f"arn:aws:iam::123456789012:role/{ROLE}"
ROLE_ALIAS = "camera-alias"
THING = "camera-thing"
ACCOUNT = "123456789012"
# Who may assume the role; kvs-local does not know these.
USER_KEY = "AKIDUSEREXAMPLE"
USER_SECRET = "userSecret/+bPxRfiCYEXAMPLEKEYUSERSECRET"
TOKEN_CHARS = 1200
UNKNOWN_CLIENT = (403, "InvalidClientTokenId",
                  "The security token included in the request is invalid")
FOR_GARBAGE = b"<html><body>Welcome to the hotel's network</body></html>"


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def random_token(chars=TOKEN_CHARS):
    return base64.b64encode(secrets.token_bytes(chars * 3 // 4 + 3)).decode()[:chars - 1] + "="


class Keyring:
    """The credentials that kvs-local takes, in a file that it reads at each request. Those of
    KvsLocal.client() are always among them."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.lines = {ACCESS_KEY: f"{ACCESS_KEY} {SECRET_KEY}"}
        self.write()

    def write(self):
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write("\n".join(self.lines.values()) + "\n")
        os.replace(self.path + ".new", self.path)

    def add(self, access_key, secret_key, token="", expiration=None):
        """expiration: in seconds as time.time() counts; a key that is there already is replaced."""
        words = [access_key, secret_key, token]
        if expiration is not None:
            words.append(iso(expiration))
        with self.lock:
            self.lines[access_key] = " ".join(words)
            self.write()


class Certificates:
    """Files that are made anew: a CA, a server for localhost, a thing, a thing of another CA."""

    def __init__(self, folder):
        self.folder = folder
        for name, ca in (("ca", None), ("server", "ca"), ("thing", "ca"), ("other", None)):
            self.make(name, ca)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, ca):
        more = ["-CA", self.path(ca) + ".crt", "-CAkey", self.path(ca) + ".key"] if ca else []
        if name == "server":
            more += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run(
            [support.tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-keyout", self.path(name) + ".key", "-out", self.path(name) + ".crt", *more],
            check=True, capture_output=True)

    def context(self, client_certificate=False):
        """For a server; what it is asked for by name, it remembers in server_names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.path("server.crt"), self.path("server.key"))
        if client_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.path("ca.crt"))
            context.sni_callback = self.require_server_name
        return context

    @staticmethod
    def require_server_name(_, name, __):
        return None if name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


@dataclasses.dataclass
class Behaviour:
    """How a service answers.

    lifetime   of what it gives, in seconds; less than 0: it has expired already
    delay      before each answer, in seconds
    failing    for how long from the first request on it answers 503, in seconds
    garbage    200 with something else
    denied     refuses, as that service does
    refused    how many of the credentials that it gives first the service calls expired
    """

    lifetime: float = 3600
    delay: float = 0
    failing: float = 0
    garbage: bool = False
    denied: bool = False
    refused: int = 0


@dataclasses.dataclass
class Given:
    """Credentials that were given."""

    service: str
    access_key: str
    secret_key: str
    token: str
    expiration: int


@dataclasses.dataclass
class Request:
    """One request that came."""

    service: str
    method: str
    path: str
    headers: dict
    body: str
    at: float


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass

    def do_GET(self):  # pylint: disable=invalid-name
        self.answer()

    do_PUT = do_POST = do_GET

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        path = urllib.parse.urlsplit(self.path).path
        for pattern, service, function in ROUTES[self.server.kind]:
            if re.fullmatch(pattern, path):
                self.server.owner.take(Request(service, self.command, self.path, dict(
                    (name.lower(), value) for name, value in self.headers.items()), body,
                    time.monotonic()), self, function)
                return
        self.send(404, "text/plain", b"not here")

    def send(self, status, kind, body, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, content, status=200, **headers):
        self.send(status, "application/json", json.dumps(content).encode(), **headers)

    def send_xml(self, text, status=200):
        self.send(status, "text/xml", text.encode())


class Server(http.server.ThreadingHTTPServer):
    """One listener."""

    daemon_threads = True
    # what a client sends after the end of a test is nobody's business
    block_on_close = False
    request_queue_size = 64

    def __init__(self, owner, kind, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.owner = owner
        self.kind = kind
        self.context = context
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def finish_request(self, request, client_address):
        # in the connection's own thread: handshakes may hang
        request.settimeout(60)
        if self.context is not None:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass


class CredentialServices:
    """All of them. url: of those with plain HTTP; tls_url: of STS and the SSO portal; iot_endpoint:
    host and port of the one that wants a client certificate."""

    def __init__(self, keyring, certificates):
        self.keyring = keyring
        self.lock = threading.Lock()
        self.behaviours = {}
        self.requests = []
        self.given = []
        self.first_request = {}
        self.tokens = set()
        # what clients authorize themselves with
        self.token_chars = TOKEN_CHARS
        self.web_identity_token = "eyJhbGciOi." + secrets.token_urlsafe(300) + ".c2lnbmF0dXJl"
        self.container_token = "Basic " + secrets.token_urlsafe(40)
        self.pod_token = secrets.token_urlsafe(200)
        self.sso_token = "sso-" + secrets.token_urlsafe(60)
        self.thing = THING
        self.users = {USER_KEY: (USER_SECRET, None)}
        self.servers = [Server(self, "plain"), Server(self, "tls", certificates.context()),
                        Server(self, "iot", certificates.context(client_certificate=True))]
        ports = [server.server_address[1] for server in self.servers]
        self.url = f"http://127.0.0.1:{ports[0]}"
        self.tls_url = f"https://127.0.0.1:{ports[1]}"
        self.iot_endpoint = f"localhost:{ports[2]}"

    def stop(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def behave(self, behaviour, *names):
        """From now on, these services, or all others than those that were named."""
        with self.lock:
            for name in names or (None,):
                self.behaviours[name] = behaviour

    @property
    def secrets(self):
        """All that must appear nowhere."""
        found = [self.web_identity_token, self.container_token, self.pod_token, self.sso_token,
                 USER_SECRET]
        for given in self.given:
            found += [given.secret_key, given.token]
        return found + sorted(self.tokens)

    def requests_to(self, service):
        with self.lock:
            return [request for request in self.requests if request.service == service]

    def given_by(self, service):
        with self.lock:
            return [given for given in self.given if given.service == service]

    # ---- answers ----

    def behaviour(self, service):
        return self.behaviours.get(service) or self.behaviours.get(None) or Behaviour()

    def take(self, request, handler, function):
        """In the connection's thread."""
        with self.lock:
            self.requests.append(request)
            began = self.first_request.setdefault(request.service, request.at)
            behaviour = self.behaviour(request.service)
        time.sleep(behaviour.delay)
        if request.at - began < behaviour.failing:
            handler.send(503, "text/plain", b"try later")
        elif behaviour.garbage:
            handler.send(200, "text/html", FOR_GARBAGE)
        else:
            function(self, request, handler, behaviour)

    def give(self, service, behaviour):
        """New credentials, which kvs-local knows before the client does."""
        with self.lock:
            n = sum(given.service == service for given in self.given)
            given = Given(service, "ASIA" + secrets.token_hex(8).upper(),
                          secrets.token_urlsafe(30) + "/+" + secrets.token_urlsafe(6),
                          random_token(self.token_chars), int(time.time() + behaviour.lifetime))
            self.given.append(given)
            self.users[given.access_key] = (given.secret_key, given.token)
        real = time.time() - 1 if n < behaviour.refused else given.expiration
        self.keyring.add(given.access_key, given.secret_key, given.token, real)
        return given

    def give_json(self, request, handler, behaviour, **more):
        given = self.give(request.service, behaviour)
        handler.send_json({"AccessKeyId": given.access_key, "SecretAccessKey": given.secret_key,
                           "Token": given.token, "Expiration": iso(given.expiration), **more})

    # ---- EC2 instance metadata, version 2 alone ----

    def imds_token(self, request, handler, behaviour):
        ttl = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if request.method != "PUT":
            handler.send(405, "text/plain", b"")
        elif not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            handler.send(400, "text/plain", b"Bad Request")
        else:
            token = "AQAEA" + secrets.token_urlsafe(40) + "=="
            with self.lock:
                self.tokens.add(token)
            handler.send(200, "text/plain", token.encode(),
                         x_aws_ec2_metadata_token_ttl_seconds=ttl)

    def imds(self, request, handler, behaviour):
        role = request.path.rsplit("/", 1)[-1]
        if request.headers.get("x-aws-ec2-metadata-token") not in self.tokens:
            handler.send(401, "text/plain", b"Unauthorized")
        elif behaviour.denied or role not in ("", ROLE):
            handler.send(404, "text/html", b"<html>404 - Not Found</html>")
        elif not role:
            handler.send(200, "text/plain", ROLE.encode())
        else:
            self.give_json(request, handler, behaviour, Code="Success", Type="AWS-HMAC",
                           LastUpdated=iso(time.time()))

    # ---- the agents of ECS and EKS ----

    def container(self, request, handler, behaviour):
        token = self.pod_token if request.service == "pod" else self.container_token
        if request.headers.get("authorization") != token or behaviour.denied:
            handler.send_json({"code": "AccessDeniedException",
                               "message": "the role of this container cannot be assumed"}, 403)
        else:
            self.give_json(request, handler, behaviour, AccountId=ACCOUNT)

    # ---- STS ----

    def sts(self, request, handler, behaviour):
        form = dict(urllib.parse.parse_qsl(request.body, strict_parsing=True))
        operation = form.get("Action")
        wrong = {"AssumeRole": self.check_user,
                 "AssumeRoleWithWebIdentity": self.check_web_identity}[operation](request, form)
        if behaviour.denied:
            wrong = (403, "AccessDenied", f"Not authorized to perform sts:{operation}")
        elif form.get("RoleArn") != ROLE_ARN or form.get("Version") != "2011-06-15":
            wrong = (400, "ValidationError", "another role")
        elif not re.fullmatch(r"[\w+=,.@-]{2,64}", form.get("RoleSessionName", "")):
            wrong = (400, "ValidationError", "not a session name")
        namespace = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
        if wrong:
            handler.send_xml(
                f"<ErrorResponse {namespace}><Error><Type>Sender</Type><Code>{wrong[1]}</Code>"
                f"<Message>{wrong[2]}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>",
                wrong[0])
            return
        given = self.give(request.service, behaviour)
        handler.send_xml(
            f"<{operation}Response {namespace}><{operation}Result><AssumedRoleUser><Arn>{ROLE_ARN}"
            f"/s</Arn><AssumedRoleId>ARO:s</AssumedRoleId></AssumedRoleUser><Credentials>"
            f"<AccessKeyId>{given.access_key}</AccessKeyId>"
            f"<SecretAccessKey>{given.secret_key}</SecretAccessKey>"
            f"<SessionToken>{given.token}</SessionToken>"
            f"<Expiration>{iso(given.expiration)}</Expiration></Credentials></{operation}Result>"
            "<ResponseMetadata><RequestId>r-2</RequestId></ResponseMetadata>"
            f"</{operation}Response>")

    def check_web_identity(self, request, form):
        if "authorization" in request.headers:
            return 400, "ValidationError", "it is not signed"
        if form.get("WebIdentityToken") != self.web_identity_token:
            return 400, "InvalidIdentityToken", "the token is not that of the identity provider"
        return None

    def check_user(self, request, _):
        """The signature of the source of the role (kvs-api.md section 17)."""
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/"
                             r"aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
                             request.headers.get("authorization", ""))
        if not match or match[1] not in self.users:
            return UNKNOWN_CLIENT
        key, date, region, service, names, signature = match.groups()
        secret, token = self.users[key]
        signed = set(names.split(";"))
        if (region, service) != (REGION, "sts") or not {"host", "x-amz-date"} < signed:
            return 403, "SignatureDoesNotMatch", f"another scope: {region} {service} {names}"
        if request.headers.get("x-amz-security-token") != token:
            return UNKNOWN_CLIENT
        if sign(request, date, secret, names) != signature:
            return 403, "SignatureDoesNotMatch", "The request signature does not match"
        return None

    # ---- IoT, IAM Identity Center, a credential_process ----

    def iot(self, request, handler, behaviour):
        thing = request.headers.get("x-amzn-iot-thingname")
        if behaviour.denied or f"/{ROLE_ALIAS}/" not in request.path or thing != self.thing:
            handler.send_json({"message": "Access Denied"}, 403,
                              x_amzn_ErrorType="AccessDeniedException")
            return
        given = self.give(request.service, behaviour)
        handler.send_json({"credentials": {
            "accessKeyId": given.access_key, "secretAccessKey": given.secret_key,
            "sessionToken": given.token, "expiration": iso(given.expiration)}})

    def sso(self, request, handler, behaviour):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        if behaviour.denied or query != {"role_name": [ROLE], "account_id": [ACCOUNT]}:
            handler.send_json({"message": "No access"}, 403, x_amzn_ErrorType="ForbiddenException")
        elif request.headers.get("x-amz-sso_bearer_token") != self.sso_token:
            handler.send_json({"message": "Session token not found or invalid"}, 401,
                              x_amzn_ErrorType="UnauthorizedException")
        else:
            given = self.give(request.service, behaviour)
            handler.send_json({"roleCredentials": {
                "accessKeyId": given.access_key, "secretAccessKey": given.secret_key,
                "sessionToken": given.token, "expiration": given.expiration * 1000}})

    def process(self, request, handler, behaviour):
        if behaviour.denied:
            handler.send(403, "text/plain", b"no")
            return
        given = self.give(request.service, behaviour)
        handler.send_json({"Version": 1, "AccessKeyId": given.access_key,
                           "SecretAccessKey": given.secret_key, "SessionToken": given.token,
                           "Expiration": iso(given.expiration)})


def sign(request, date, secret, names):
    """The signature that a POST without a query should have."""
    headers = "".join(f"{name}:{request.headers.get(name, '')}\n" for name in names.split(";"))
    payload = hashlib.sha256(request.body.encode()).hexdigest()
    canonical = f"{request.method}\n{request.path}\n\n{headers}\n{names}\n{payload}"
    scope = f"{date}/{REGION}/sts/aws4_request"
    text = (f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n"
            + hashlib.sha256(canonical.encode()).hexdigest())
    key = ("AWS4" + secret).encode()
    for part in scope.split("/") + [text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


# By listener: pattern of the path, name of the service, what answers
ROUTES = {
    "plain": (
        ("/latest/api/token", "imds", CredentialServices.imds_token),
        ("/latest/meta-data/iam/security-credentials/.*", "imds", CredentialServices.imds),
        ("/v2/credentials/.+", "container", CredentialServices.container),
        ("/v1/credentials", "pod", CredentialServices.container),
        ("/process", "process", CredentialServices.process),
    ),
    "tls": (
        ("/", "sts", CredentialServices.sts),
        ("/federation/credentials", "sso", CredentialServices.sso),
    ),
    "iot": (("/role-aliases/.+/credentials", "iot", CredentialServices.iot),),
}
