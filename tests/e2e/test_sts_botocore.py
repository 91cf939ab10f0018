# SPDX-License-Identifier: LGPL-2.1-or-later
"""Assumes roles with botocore and with lib/aws/credentials: what is sent must be the same."""

import datetime
import os
import random
import subprocess
import unittest
from unittest import mock
from urllib.parse import parse_qs

try:
    import botocore.session
    from botocore import UNSIGNED
    from botocore.config import Config
except ImportError:
    botocore = None

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2024, 1, 2, 3, 4, 5)
AMZ_DATE = NOW.strftime("%Y%m%dT%H%M%SZ")
SEED = 20240102
ROLES_PER_TEST = 40
NAME_CHARS = "abcXYZ0189_+=,.@-"


class Sent(Exception):
    """Instead of a connection."""


def ask_botocore(operation, region, token, parameters):
    """Gives the request as botocore would put it on the wire."""
    kept = []

    def keep(request, **_):
        kept.append(request)
        raise Sent

    with mock.patch.dict(os.environ, {"AWS_EC2_METADATA_DISABLED": "true",
                                      "AWS_STS_REGIONAL_ENDPOINTS": "regional"}):
        unsigned = operation == "assume_role_with_web_identity"
        client = botocore.session.Session().create_client(
            "sts", region_name=region, aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY, aws_session_token=token,
            config=Config(signature_version=UNSIGNED) if unsigned else Config())
        client.meta.events.register("before-send.sts", keep)
        with mock.patch("botocore.auth.datetime.datetime") as clock:
            clock.utcnow.return_value = NOW
            clock.now.return_value = NOW.replace(tzinfo=datetime.timezone.utc)
            try:
                getattr(client, operation)(**parameters)
            except Sent:
                pass
    return kept[0]


def ask_ours(region, token, parameters):
    arguments = [
        f"https://sts.{region}.amazonaws.com", region, AMZ_DATE, ACCESS_KEY, SECRET_KEY,
        token or "-", parameters["RoleArn"], parameters["RoleSessionName"],
        str(parameters.get("DurationSeconds", 0)), parameters.get("ExternalId", "-"),
        parameters.get("WebIdentityToken", "-"),
    ]
    program = os.path.join(os.environ["KVS_BUILD"], "tests", "e2e", "sts-request")
    answer = subprocess.run([program, *arguments], capture_output=True, text=True, check=True,
                            timeout=20)
    head, body = answer.stdout.rstrip("\n").split("\n\n") if "\n\n" in answer.stdout.rstrip(
        "\n") else ("", answer.stdout.strip("\n"))
    return dict(line.split(": ", 1) for line in head.splitlines()), body


def text(value):
    return value.decode() if isinstance(value, bytes) else value


@unittest.skipIf(botocore is None, "this Python has no botocore")
class StsAgainstBotocore(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(SEED)

    def random_name(self, low, high, more=""):
        length = self.rng.randint(low, high)
        return "".join(self.rng.choice(NAME_CHARS + more) for _ in range(length))

    def random_role(self):
        role = {
            "RoleArn": "arn:aws:iam::123456789012:role/" + self.random_name(1, 30, "/"),
            "RoleSessionName": "s" + self.random_name(1, 63),
        }
        if self.rng.random() < 0.5:
            role["DurationSeconds"] = self.rng.randint(900, 43200)
        return role

    def check(self, operation, region, token, parameters):
        theirs = ask_botocore(operation, region, token, parameters)
        headers, body = ask_ours(region, token, parameters)
        self.assertEqual(theirs.method, "POST")
        self.assertEqual(theirs.url, f"https://sts.{region}.amazonaws.com/")
        self.assertEqual(parse_qs(body, strict_parsing=True),
                         parse_qs(text(theirs.body), strict_parsing=True))
        self.assertEqual(body, text(theirs.body))
        return headers, {name.lower(): text(value) for name, value in theirs.headers.items()}

    def test_assume_role(self):
        for _ in range(ROLES_PER_TEST):
            role = self.random_role()
            if self.rng.random() < 0.5:
                role["ExternalId"] = self.random_name(2, 60, ":/")
            headers, theirs = self.check(
                "assume_role", self.rng.choice(("eu-west-1", "us-gov-west-1", "ap-southeast-2")),
                self.rng.choice((None, "FwoGZXIvYXdzE+/=" * 20)), role)
            self.assertIn("Authorization", headers)
            for name, value in headers.items():
                self.assertEqual(value, theirs[name.lower()], name)

    def test_web_identity(self):
        for _ in range(ROLES_PER_TEST):
            role = self.random_role()
            role["WebIdentityToken"] = self.random_name(4, 2000, "/%&~")
            headers, theirs = self.check("assume_role_with_web_identity", "eu-west-1", None, role)
            self.assertEqual(headers, {})
            self.assertNotIn("authorization", theirs)


if __name__ == "__main__":
    unittest.main()
