# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of credentials share: every source as a user would set it up, and pipelines that
have nothing but that."""

import collections
import hashlib
import json
import os
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import kvslocal_case
import mkvwriter as mkv
import support
from credential_services import (ACCOUNT, ROLE, ROLE_ALIAS, ROLE_ARN, THING, USER_KEY, USER_SECRET,
                                 Certificates, CredentialServices, Keyring, iso)
from kvslocal import REGION, KvsLocal

FPS = 10
N_FRAMES = 20
PARALLEL = 4
MEDIA = ("videotestsrc is-live=true num-buffers={frames} "
         f"! video/x-raw,width=160,height=120,framerate={FPS}/1 "
         "! x264enc tune=zerolatency key-int-max=5 speed-preset=ultrafast ! ")
STATIC_KEY = "AKIDSTATICEXAMPLE"
STATIC_SECRET = "staticSecret/+bPxRfiCYEXAMPLEKEYSTATIC"
STATIC_TOKEN = "staticSessionToken/+0123456789=="


class Place:
    """A machine with its user: a home, an environment, properties, and the services around."""

    def __init__(self, folder, keyring, certificates, name):
        self.name = name
        self.home = os.path.join(folder, name)
        os.makedirs(os.path.join(self.home, ".aws"))
        self.keyring = keyring
        self.certificates = certificates
        self.services = CredentialServices(keyring, certificates)
        self.static_key = None
        self.env = {}
        self.sink = []

    def path(self, *parts):
        return os.path.join(self.home, *parts)

    def write(self, name, text, mode=0o600):
        """A file in the home, there as a whole or not at all."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path + ".new", mode)
        os.replace(path + ".new", path)
        return path

    def allow_static_keys(self, suffix="", token=STATIC_TOKEN):
        """Keys that kvs-local takes and nobody gave: their access key is told apart by suffix."""
        self.static_key = STATIC_KEY + suffix
        self.keyring.add(self.static_key, STATIC_SECRET, token)
        return self.static_key, STATIC_SECRET, token

    def environment(self, url):
        """All that the process sees of AWS."""
        return {"AWS_REGION": REGION, "AWS_ENDPOINT_URL_KINESIS_VIDEO": url, "HOME": self.home,
                **self.env}


def keys_text(access_key, secret_key, token=""):
    return (f"aws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\n"
            + (f"aws_session_token = {token}\n" if token else ""))


# ---- sources, each set up in a place ----

def use_tls(place):
    place.env["AWS_CA_BUNDLE"] = place.certificates.path("ca.crt")


def use_sts(place):
    use_tls(place)
    place.env["AWS_ENDPOINT_URL_STS"] = place.services.tls_url


def use_imds(place):
    place.env["AWS_EC2_METADATA_DISABLED"] = "false"
    place.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = place.services.url + "/"


def use_container(place):
    place.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = place.services.url + "/v2/credentials/7a3"
    place.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = place.services.container_token


def use_pod_identity(place):
    place.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = place.services.url + "/v1/credentials"
    place.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = place.write(
        "var/run/eks-pod-identity-token", place.services.pod_token)


def use_web_identity(place):
    use_sts(place)
    place.env["AWS_ROLE_ARN"] = ROLE_ARN
    place.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = place.write(
        "var/run/token", place.services.web_identity_token + "\n")


def use_web_identity_of_profile(place):
    use_sts(place)
    token = place.write("token", place.services.web_identity_token)
    place.write(".aws/config", f"[default]\nrole_arn = {ROLE_ARN}\nrole_session_name = camera\n"
                               f"web_identity_token_file = {token}\n")


def use_source_profile(place):
    use_sts(place)
    place.write(".aws/config", f"[profile camera]\nrole_arn = {ROLE_ARN}\nsource_profile = base\n")
    place.write(".aws/credentials", "[base]\n" + keys_text(USER_KEY, USER_SECRET))
    place.env["AWS_PROFILE"] = "camera"


def use_credential_source(place, name):
    use_sts(place)
    place.write(".aws/config",
                f"[profile camera]\nrole_arn = {ROLE_ARN}\ncredential_source = {name}\n")
    place.sink.append("profile=camera")


def use_role_of_environment(place):
    use_credential_source(place, "Environment")
    place.env.update(AWS_ACCESS_KEY_ID=USER_KEY, AWS_SECRET_ACCESS_KEY=USER_SECRET)


def use_role_of_instance(place):
    use_credential_source(place, "Ec2InstanceMetadata")
    use_imds(place)


def use_role_of_container(place):
    use_credential_source(place, "EcsContainer")
    use_container(place)


def use_sso(place, expires_in=3600):
    use_tls(place)
    place.env["AWS_ENDPOINT_URL_SSO"] = place.services.tls_url
    place.write(".aws/config",
                f"[default]\nsso_session = ours\nsso_account_id = {ACCOUNT}\n"
                f"sso_role_name = {ROLE}\n"
                "[sso-session ours]\nsso_region = us-east-1\n"
                "sso_start_url = https://example.awsapps.com/start\n"
                "sso_registration_scopes = sso:account:access\n")
    name = hashlib.sha1(b"ours").hexdigest()
    place.write(f".aws/sso/cache/{name}.json", json.dumps({
        "startUrl": "https://example.awsapps.com/start", "region": "us-east-1",
        "accessToken": place.services.sso_token, "expiresAt": iso(time.time() + expires_in)}))


def iot_fields(place):
    certificates = place.certificates
    return {"endpoint": place.services.iot_endpoint, "cert-path": certificates.path("thing.crt"),
            "key-path": certificates.path("thing.key"), "ca-path": certificates.path("ca.crt")}


def use_iot_structure(place):
    """As pipelines of the AWS producer SDK have it."""
    fields = {**iot_fields(place), "role-aliases": ROLE_ALIAS, "iot-thing-name": THING}
    place.sink.append("iot-certificate=iot-certificate," + ",".join(
        f"{name}=(string){value}" for name, value in fields.items()))


def use_iot_properties(place):
    """The thing's name is the stream's."""
    place.services.thing = place.name
    fields = {**iot_fields(place), "role-alias": ROLE_ALIAS}
    place.sink += [f"iot-{name}={value}" for name, value in fields.items()]


def use_process(place):
    place.write("bin/keys", '#!/bin/sh\nexec curl -sSf "$1"\n', 0o700)
    place.write(".aws/config",
                f"[default]\ncredential_process = \"{place.path('bin', 'keys')}\" "
                f"{place.services.url}/process\n")


def use_environment(place):
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    place.env.update(zip(names, place.allow_static_keys("ENV")))


def use_credentials_file(place):
    place.write(".aws/credentials", "[default]\n" + keys_text(*place.allow_static_keys("FILE")))


def use_config_file(place):
    path = place.write("etc/aws",
                       "[profile camera]\n" + keys_text(*place.allow_static_keys("CONF")))
    place.env.update(AWS_CONFIG_FILE=path, AWS_PROFILE="camera")


def use_profile_property(place):
    path = place.write("etc/keys", "[camera]\n" + keys_text(*place.allow_static_keys("PROP")))
    place.env.update(AWS_SHARED_CREDENTIALS_FILE=path, AWS_PROFILE="another")
    place.sink.append("profile=camera")


def use_credential_path(place):
    """The one-line file of the AWS producer SDK, with an expiration."""
    key, secret, token = place.allow_static_keys("LINE")
    path = place.write("credential", f"CREDENTIALS {key} {iso(time.time() + 600)} {secret} {token}")
    place.sink.append(f"credential-path={path}")


def use_short_credential_path(place):
    key, secret, _ = place.allow_static_keys("SHORT", "")
    path = place.write("credential", f"CREDENTIALS {key} {secret}\n")
    place.sink.append(f"credential-path={path}")


def use_properties(place):
    names = ("access-key", "secret-key", "session-token")
    place.sink += [f"{name}={value}" for name, value
                   in zip(names, place.allow_static_keys("TYPED"))]


# service: which one of CredentialServices decides; words: what a message calls the source; slow:
# how many seconds an answer may take
Remote = collections.namedtuple("Remote", "use service words slow", defaults=(3,))
REMOTE = {
    "web-identity": Remote(use_web_identity, "sts", "web identity"),
    "web-identity-of-profile": Remote(use_web_identity_of_profile, "sts", "web identity"),
    "source-profile": Remote(use_source_profile, "sts", "assumed role"),
    "role-of-environment": Remote(use_role_of_environment, "sts", "assumed role"),
    "role-of-instance": Remote(use_role_of_instance, "sts", "assumed role"),
    "role-of-container": Remote(use_role_of_container, "sts", "assumed role"),
    "sso": Remote(use_sso, "sso", "IAM Identity Center"),
    "container": Remote(use_container, "container", "container credentials", 1.5),
    "pod-identity": Remote(use_pod_identity, "pod", "container credentials", 1.5),
    "imds": Remote(use_imds, "imds", "EC2 instance metadata", 0.7),
    "iot-structure": Remote(use_iot_structure, "iot", "IoT credentials"),
    "iot-properties": Remote(use_iot_properties, "iot", "IoT credentials"),
    "process": Remote(use_process, "process", "credential_process"),
}
# what is there from the start
LOCAL = {
    "environment": use_environment,
    "credentials-file": use_credentials_file,
    "config-file": use_config_file,
    "profile-property": use_profile_property,
    "credential-path": use_credential_path,
    "short-credential-path": use_short_credential_path,
    "properties": use_properties,
}


class Case(unittest.TestCase):
    """A kvs-local that takes what the services give, for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        kvslocal_case.require_kvs_local()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.certificates = Certificates(cls.folder)
        cls.keyring = Keyring(os.path.join(cls.folder, "keyring"))
        cls.kvs = KvsLocal(args=["--credentials", cls.keyring.path, "--verbose",
                                 "--get-media-empty-seconds", "1"])
        cls.kvs.start()
        cls.addClassCleanup(cls.kvs.__exit__)

    def place(self, name):
        """name: also that of the stream."""
        name = f"{self._testMethodName[5:]}-{name}"
        place = Place(self.folder, self.keyring, self.certificates, name)
        self.addCleanup(place.services.stop)
        return place

    def run_each(self, names, begin, check, parallel=PARALLEL):
        """Some pipelines at a time. begin: given a name and a place, starts one; check: given name,
        place and pipeline, waits for its end and says what is wrong."""
        places = {name: self.place(name) for name in names}

        def run(name):
            try:
                check(name, places[name], begin(name, places[name]))
            except Exception as error:  # pylint: disable=broad-except
                return error
            return None

        with ThreadPoolExecutor(parallel) as pool:
            for name, error in zip(names, pool.map(run, names)):
                with self.subTest(name):
                    if error is not None:
                        raise error

    def start(self, place, frames=N_FRAMES, env=None, options=("-e",), media=MEDIA):
        words = media.format(frames=frames).split()
        return support.pipeline(
            words + ["kvssink", "name=sink", f"stream-name={place.name}", *place.sink],
            place.name, {**place.environment(self.kvs.url), **(env or {})}, options)

    # ---- what became of it ----

    def stored_times(self, place):
        """The time of each stored frame, in order."""
        times = []
        for number, content, _, _ in mkv.parse(self.kvs.get_media(place.name)):
            for cluster in mkv.children(content, mkv.CLUSTER) if number == mkv.SEGMENT else ():
                base = int.from_bytes(mkv.children(cluster, mkv.TIMECODE)[0], "big")
                times += [base + int.from_bytes(block[1:3], "big", signed=True)
                          for block in mkv.children(cluster, mkv.SIMPLE_BLOCK)]
        return times

    def check_stored(self, place, frames=N_FRAMES):
        times = self.stored_times(place)
        self.assertEqual(len(times), frames)
        self.assertTrue(all(a < b for a, b in zip(times, times[1:])), times)

    def check_error(self, child, pattern):
        """One clear error, and the end of the process."""
        self.assertEqual(child.wait(40), 1, child.output)
        own = [line for line in child.output.splitlines()
               if "ERROR" in line and "GstKvsSink" in line]
        self.assertEqual(len(own), 1, child.output)
        self.assertRegex(own[0], pattern)

    def signers(self):
        """Access keys that signed PutMedia requests."""
        return [line.split()[-1] for line in self.kvs.errors().splitlines()
                if " /putMedia signed by " in line]
