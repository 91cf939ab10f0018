# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signs random requests with botocore and with lib/aws/sigv4.c: both must agree at every stage."""

import datetime
import hashlib
import os
import random
import subprocess
import unittest
from unittest import mock
from urllib.parse import quote

try:
    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    botocore = None

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2024, 1, 2, 3, 4, 5)
AMZ_DATE = NOW.strftime("%Y%m%dT%H%M%SZ")
SEED = 20240102
REQUESTS_PER_TEST = 150

NAME_CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
# all that can stand in a header value: visible ASCII, spaces and tabs
VALUE_CHARS = "".join(map(chr, range(0x21, 0x7F))) + " " * 40 + "\t" * 10
TEXT_CHARS = "abcXYZ019-._~ /:?#[]@!$&'()*+,;=%\"<>\\^`{|}\u00e9\u1234\U0001f4f7"
# botocore leaves these out of the signature, because proxies change them
UNSIGNED = {"expect", "user-agent", "x-amzn-trace-id"}


class Signer:
    """Our side: the program sigv4-sign, one request after the other."""

    def __init__(self):
        program = os.path.join(os.environ["KVS_BUILD"], "tests", "e2e", "sigv4-sign")
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=20)

    def sign(self, request):
        lines = [f"{name} {request[name]}" for name in request if name != "headers"]
        lines += [f"header {name} {value}" for name, value in request["headers"]]
        self.process.stdin.write("\n".join(lines) + "\n\n")
        self.process.stdin.flush()
        answer = {"C": [], "S": [], "A": []}
        while (line := self.process.stdout.readline()) not in ("\n", ""):
            answer[line[0]].append(line[2:].rstrip("\n"))
        return {stage: "\n".join(text) for stage, text in answer.items()}


def sign_with_botocore(method, path, query, headers, body, service, region, token):
    stages = {}

    class Auth(botocore.auth.SigV4Auth):
        def canonical_request(self, request):
            stages["C"] = super().canonical_request(request)
            return stages["C"]

        def string_to_sign(self, request, canonical_request):
            stages["S"] = super().string_to_sign(request, canonical_request)
            return stages["S"]

    url = f"https://kinesisvideo.{region}.amazonaws.com{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    with mock.patch("botocore.auth.datetime.datetime") as clock:
        clock.utcnow.return_value = NOW
        clock.now.return_value = NOW.replace(tzinfo=datetime.timezone.utc)
        Auth(Credentials(ACCESS_KEY, SECRET_KEY, token), service, region).add_auth(request)
    stages["A"] = request.headers["Authorization"]
    return stages


def random_text(rng, chars, low, high):
    return "".join(rng.choice(chars) for _ in range(rng.randint(low, high)))


def random_headers(rng):
    headers = []
    for _ in range(rng.randint(0, 8)):
        name = "x-" + random_text(rng, NAME_CHARS, 1, 12)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            headers.append((rng.choice((name, name.lower())), random_text(rng, VALUE_CHARS, 0, 30)))
    return [header for header in headers if header[0].lower() not in UNSIGNED]


def random_query(rng):
    keys = [random_text(rng, TEXT_CHARS, 1, 6) for _ in range(rng.randint(0, 5))]
    keys += keys[:rng.randint(0, len(keys))]
    pairs = [
        quote(key, safe="-_.~") + "=" + quote(random_text(rng, TEXT_CHARS, 0, 6), safe="-_.~")
        for key in keys
    ]
    rng.shuffle(pairs)
    return "&".join(pairs)


def random_path(rng):
    segments = [
        rng.choice(("", ".", "..", quote(random_text(rng, TEXT_CHARS, 1, 8), safe="-_.~")))
        for _ in range(rng.randint(0, 6))
    ]
    return "/" + "/".join(segments)


@unittest.skipIf(botocore is None, "this Python has no botocore")
class Sigv4AgainstBotocore(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(SEED)
        self.signer = Signer()

    def tearDown(self):
        self.assertEqual(self.signer.close(), 0)

    def check(self, method="POST", path="/describeStream", query="", headers=(), body=b"",
              service="kinesisvideo", region="us-west-2", token=None):
        theirs = sign_with_botocore(method, path, query, headers, body, service, region, token)
        signed = [("Host", f"kinesisvideo.{region}.amazonaws.com"), ("X-Amz-Date", AMZ_DATE)]
        if token:
            signed.append(("X-Amz-Security-Token", token))
        request = {
            "method": method,
            "path": path,
            "query": query,
            "hash": hashlib.sha256(body).hexdigest(),
            "date": AMZ_DATE,
            "region": region,
            "service": service,
            "access-key": ACCESS_KEY,
            "secret-key": SECRET_KEY,
            "headers": list(headers) + signed,
        }
        ours = self.signer.sign(request)
        for stage in "CSA":
            self.assertEqual(ours[stage], theirs[stage], f"stage {stage} of {request}")

    def test_headers(self):
        for _ in range(REQUESTS_PER_TEST):
            self.check(headers=random_headers(self.rng))

    def test_queries(self):
        for _ in range(REQUESTS_PER_TEST):
            self.check(method="GET", query=random_query(self.rng))

    def test_paths(self):
        for _ in range(REQUESTS_PER_TEST):
            self.check(path=random_path(self.rng))

    def test_bodies_regions_and_tokens(self):
        for _ in range(REQUESTS_PER_TEST):
            self.check(
                headers=random_headers(self.rng),
                query=random_query(self.rng),
                body=self.rng.randbytes(self.rng.randint(0, 3000)),
                region=self.rng.choice(("eu-west-1", "us-gov-west-1", "ap-southeast-2")),
                service=self.rng.choice(("kinesisvideo", "sts", "iam")),
                token=self.rng.choice((None, "FwoGZXIvYXdzE+/=" * 20)),
            )


if __name__ == "__main__":
    unittest.main()
