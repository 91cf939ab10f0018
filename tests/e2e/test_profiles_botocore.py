# SPDX-License-Identifier: LGPL-2.1-or-later
"""Has botocore and lib/aws/credentials read the same config and credentials files: both must choose
the same keys, roles, commands and settings, and both must refuse the same files."""

import configparser
import json
import os
import random
import shlex
import subprocess
import tempfile
import unittest
from unittest import mock

try:
    import botocore.credentials
    import botocore.exceptions
    import botocore.session
except ImportError:
    botocore = None

SEED = 20240102
RANDOM_FILES = 150
# what botocore takes into a role, a process and so on from a profile, not from around it
METHODS = {
    "assume-role", "assume-role-with-web-identity", "sso", "shared-credentials-file",
    "custom-process", "config-file",
}
KEYS_A = "aws_access_key_id = AKIDA\naws_secret_access_key = secret/A+\n"
KEYS_B = "aws_access_key_id = AKIDB\naws_secret_access_key = secretB\naws_session_token = tokB==\n"
ROLE = "role_arn = arn:aws:iam::123456789012:role/r\n"
SSO = (
    "sso_account_id = 123456789012\nsso_role_name = viewer\n"
    "sso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n"
)

# name: (config file, credentials file, profiles to ask for; None is the default one)
CORPUS = {
    "nothing": ("", "", [None, "absent"]),
    "no files": (None, None, [None, "absent"]),
    "no default": ("[profile a]\nregion = r1\n", "[b]\n" + KEYS_A, [None, "a", "b", "default"]),
    "keys in credentials": ("[default]\nregion=eu-west-1", "[default]\n" + KEYS_A, [None]),
    "keys in config": ("[default]\n" + KEYS_B + "region = eu-west-1", None, [None, "default"]),
    "both files have the profile": (
        "[default]\nregion = r1\n" + KEYS_A + "[profile p]\nregion = r2\noutput = json\n" + KEYS_A,
        "[default]\n" + KEYS_B + "[p]\nregion = r3\n" + KEYS_B, [None, "p"]),
    "one key in each file": (
        "[default]\naws_secret_access_key = s\n", "[default]\naws_access_key_id = a\n", [None]),
    "no secret key": ("", "[default]\naws_access_key_id = a\n", [None]),
    "old token name": (
        "", "[default]\n" + KEYS_B + "aws_security_token = old\n", [None]),
    "comments": (
        "# first\n; second\n[default] # third\n  # indented\nregion = r1 # not a comment\n"
        "output = json ; nor this\n#region = r2\n;region = r3\n[profile a];x\nregion=#r\n",
        "[default]\n" + KEYS_A.replace("\n", " # x\n"), [None, "a"]),
    "spaces": (
        "[default]\n\nregion\t=\t r1 \t \n\n\n  [profile a]  \n   region   =r2\n  output=json\n"
        "[ profile b ]\nregion = r3\n[profile   c]\nregion = r4\n[profile\td]\nregion = r5\n",
        "[default]\n  aws_access_key_id  =  AKIDA  \n  aws_secret_access_key=secret\n"
        "[ a ]\n" + KEYS_B, [None, "a", " a ", "b", "c", "d"]),
    "no-break spaces": (
        "[default]\nregion = r1\u00a0\n\u00a0output = json\n", "[default]\n" + KEYS_A, [None]),
    "Windows line ends": (
        "[default]\r\nregion = r1\r\ns3 =\r\n  a = b\r\n\r\n[profile a]\r\nregion = r2\r\n",
        ("[default]\n" + KEYS_A + "[a]\n" + KEYS_B).replace("\n", "\r\n"), [None, "a"]),
    "old Macintosh line ends": (
        "[default]\rregion = r1\r", ("[default]\n" + KEYS_A).replace("\n", "\r"), [None]),
    "no final newline": ("[default]\nregion = r1", "[default]\n" + KEYS_A.rstrip(), [None]),
    "colons": ("[default]\nregion: r1\noutput : a=b\n", "[default]\naws_access_key_id:a\n"
               "aws_secret_access_key : b=c:d\n", [None]),
    "case of keys and names": (
        "[Default]\nregion = r1\n[profile A]\nRegion = r2\n[DEFAULT]\nregion = r3\n",
        "[default]\nAWS_ACCESS_KEY_ID = a\nAws_Secret_Access_Key = b\n", [None, "A", "a"]),
    "defaults of all sections": (
        "[DEFAULT]\nregion = all\n" + KEYS_A + "[default]\noutput = x\n[profile p]\nregion = own\n",
        "[DEFAULT]\naws_session_token = t\n[q]\n" + KEYS_B, [None, "p", "q", "DEFAULT"]),
    "nested": (
        "[default]\nregion = r1\ns3 =\n  region = wrong\n  # x\n\n  endpoint_url = http://s3\n"
        "use_fips_endpoint = true\n[profile a]\ns3=\n    x = y\nregion = r2\n", "", [None, "a"]),
    "nested without a value": ("[default]\nregion =\n  r1\n", "", [None]),
    "nested access key": ("", "[default]\naws_access_key_id =\n  a = b\n"
                          "aws_secret_access_key = s\n", [None]),
    "continued": (
        "[default]\ncredential_process = /bin/x\n  --with 'an argument'\n\n  --more\n", "", [None]),
    "profile default and default": (
        "[profile default]\nregion = r1\n[default]\nregion = r2\noutput = x\n", "", [None]),
    "default and profile default": (
        "[default]\nregion = r1\noutput = x\n[profile default]\nregion = r2\n", "", [None]),
    "quoted names": (
        "[profile 'my cam']\nregion = r1\n[profile \"your cam\"]\nregion = r2\n[profile my\\ cat]\n"
        "region = r3\n[profile \"a\"]\nregion = r4\n[profile b'c'd]\nregion = r5\n"
        "[profile \"x]\nregion = r6\n[profile two words]\nregion = r7\n[profile]\nregion = r8\n"
        "[profile \"\"]\nregion = r9\n[profilesque e]\nregion = r10\n",
        "[my cam]\n" + KEYS_A + "[\"your cam\"]\n" + KEYS_B,
        ["my cam", "your cam", "my cat", "a", "bcd", "x", "two words", "two", "e", "\"your cam\""]),
    "same profile quoted and not": (
        "[profile a]\nregion = r1\noutput = x\n[profile 'a']\nregion = r2\n", "", ["a"]),
    "brackets": ("[profile a] [b]\nregion = r1\n[default]]\nregion = r2\n", "[]]\n" + KEYS_A,
                 [None, "a", "a] [b", "]"]),
    "empty values": (
        "[default]\nregion =\nweb_identity_token_file =\nca_bundle =\n", "[default]\n" + KEYS_A,
        [None]),
    "empty role": ("[default]\nrole_arn = a\nweb_identity_token_file =\nsource_profile = b\n",
                   "[default]\n" + KEYS_A, [None]),
    "switches": (
        "[default]\nuse_fips_endpoint = TRUE\nuse_dualstack_endpoint = false\n[profile a]\n"
        "use_fips_endpoint = 1\nuse_dualstack_endpoint = yes\n[profile b]\n"
        "use_dualstack_endpoint = True\nca_bundle = /etc/x y.pem\n", "", [None, "a", "b"]),
    "process": (
        "[default]\ncredential_process = /opt/bin/x --a \"b c\" # d\n[profile a]\n" + KEYS_A
        + "credential_process = p\n[profile b]\ncredential_process = p\n",
        "[b]\n" + KEYS_B + "[c]\ncredential_process = q\n", [None, "a", "b", "c"]),
    "web identity": (
        "[default]\n" + ROLE + "web_identity_token_file = /var/run/t\nrole_session_name = cam\n"
        + KEYS_A + "[profile a]\nweb_identity_token_file = /t\n[profile b]\nsource_profile = default\n"
        + ROLE, "", [None, "a", "b"]),
    "role from a profile": (
        "[profile a]\n" + ROLE + "source_profile = b\nexternal_id = x y\nduration_seconds = 900\n"
        "role_session_name = cam\nregion = r1\n[profile b]\nregion = r2\n", "[b]\n" + KEYS_A, ["a"]),
    "role of a role": (
        "[profile a]\n" + ROLE + "source_profile = b\n[profile b]\n" + ROLE
        + "source_profile = c\n[profile c]\ncredential_process = x\n", "", ["a", "b", "c"]),
    "role from its own keys": (
        "[profile a]\n" + ROLE + "source_profile = a\n" + KEYS_A, "", ["a"]),
    "role and keys in the source": (
        "[profile a]\n" + ROLE + "source_profile = b\n[profile b]\n" + ROLE
        + "source_profile = c\n" + KEYS_B + "[profile c]\n" + KEYS_A, "", ["a", "b"]),
    "role in the credentials file": (
        "[profile b]\n" + KEYS_B, "[a]\nrole_arn = x\nsource_profile = b\n" + KEYS_A, ["a"]),
    "circles": (
        "[profile a]\n" + ROLE + "source_profile = b\n[profile b]\n" + ROLE + "source_profile = c\n"
        "[profile c]\n" + ROLE + "source_profile = a\n[profile d]\n" + ROLE
        + "source_profile = d\n[profile e]\n" + ROLE + "source_profile = f\n[profile f]\n" + ROLE
        + "source_profile = f\n", "", ["a", "b", "c", "d", "e"]),
    "bad sources": (
        "[profile a]\n" + ROLE + "source_profile = absent\n[profile b]\n" + ROLE + "[profile c]\n"
        + ROLE + "source_profile = d\n[profile d]\nregion = r\n[profile e]\n" + ROLE
        + "source_profile = d\ncredential_source = Environment\n[profile f]\n" + ROLE
        + "credential_source = environment\n[profile g]\n" + ROLE + "source_profile = h\n"
        "[profile h]\naws_secret_access_key = s\n", "", ["a", "b", "c", "e", "f", "g"]),
    "credential sources": (
        "".join(f"[profile {name}]\n{ROLE}credential_source = {name}\n"
                for name in ("Environment", "Ec2InstanceMetadata", "EcsContainer", "Other")), "",
        ["Environment", "Ec2InstanceMetadata", "EcsContainer", "Other"]),
    "durations": (
        "".join(f"[profile {i}]\n{ROLE}credential_source = Environment\nduration_seconds = {text}\n"
                for i, text in enumerate(("3600", "an hour", "", "12.5"))), "",
        ["0", "1", "2", "3"]),
    "older SSO": (
        "[default]\n" + SSO + "[profile a]\n" + SSO.replace("sso_region", "other")
        + "[profile b]\n" + ROLE + "source_profile = default\n[profile c]\nsso_start_url = x\n",
        "[default]\n" + KEYS_A, [None, "a", "b", "c"]),
    "SSO session": (
        "[profile a]\nsso_session = my-sso\nsso_account_id = 1\nsso_role_name = r\n"
        "[sso-session my-sso]\nsso_region = us-east-1\nsso_start_url = https://x\n"
        "sso_registration_scopes = sso:account:access\n[profile b]\nsso_session = absent\n"
        "sso_account_id = 1\nsso_role_name = r\n[profile c]\nsso_session = my-sso\n" + SSO
        + "[profile d]\nsso_session = my-sso\nregion = r1\n"
        "[profile e]\nsso_session = 'my sso'\nsso_account_id = 1\nsso_role_name = r\n"
        "[sso-session 'my sso']\nsso_region = us-east-2\n[profile f]\nsso_session = my sso\n"
        "sso_account_id = 1\nsso_role_name = r\nsso_start_url = https://own\n",
        "", ["a", "b", "c", "d", "e", "f"]),
    "no section": ("region = r1\n", "", [None]),
    "no key": ("[default]\n= r1\n", "", [None]),
    "no equals sign": ("[default]\nregion\n", "", [None]),
    "empty section": ("[]\nregion = r\n", "", [None]),
    "not UTF-8": (b"[default]\nregion = r\xff\n", "", [None]),
    "UTF-16": ("[default]\nregion = r1\n".encode("utf-16"), "", [None]),
    "bad credentials file": ("[default]\nregion = r\n", "[default]\nwhat\n", [None]),
}

RANDOM_LINES = [
    "[default]", "[profile a]", "[profile default]", "[a]", "[profile 'b c']", "[b c]", "[DEFAULT]",
    "  [profile a]", "[default] # x", "[ a ]", "[services s]", "region = r1", "region: r2",
    "  region = r3", "REGION=r4", "region = r5 # x", "region =", "\tregion = r6\t", "s3 =",
    "  a = b", "    c = d", " x", "# comment", "  ; comment", "", "  ", "\u00a0", "\u2003z = 1",
    "aws_access_key_id = AKID1", "aws_access_key_id=AKID2 ; y", "aws_secret_access_key = s+/=1",
    "aws_session_token = t", "aws_security_token = u", "credential_process = p 'q r'",
    "role_arn = arn", "source_profile = a", "source_profile = b c", "source_profile = default",
    "credential_source = Environment", "web_identity_token_file = /t", "use_fips_endpoint = true",
    "ca_bundle = /c", "duration_seconds = 1000", "sso_account_id = 1", "]", "[x", "=", ":v",
]


class Recorder:
    """Stands where botocore would talk to a service."""

    def __init__(self, **settings):
        self.settings = settings

    def fetch_credentials(self):
        raise AssertionError("nothing is to be fetched")


def describe(credentials):
    if isinstance(credentials, str):
        return {"kind": credentials}
    if isinstance(credentials, botocore.credentials.DeferredRefreshableCredentials):
        settings = credentials._refresh_using.__self__.settings
        return {name: value for name, value in settings.items() if value is not None}
    if credentials.method == "custom-process":
        return {"kind": "process", "process": credentials.access_key}
    names = ("access_key", "secret_key", "token")
    values = [getattr(credentials, name) for name in names]
    found = dict(zip(("access_key", "secret_key", "session_token"), values))
    # a nested value is no key; botocore has not noticed yet
    if any(isinstance(value, dict) for value in values):
        raise ValueError("nested")
    return {"kind": "keys"} | {name: value for name, value in found.items() if value is not None}


def role(source_credentials, role_arn, extra_args, **_):
    return Recorder(
        kind="role", role_arn=role_arn, source=describe(source_credentials),
        role_session_name=extra_args.get("RoleSessionName"),
        external_id=extra_args.get("ExternalId"),
        duration_seconds=extra_args.get("DurationSeconds"))


def web_identity(web_identity_token_loader, role_arn, extra_args, **_):
    return Recorder(
        kind="web-identity", role_arn=role_arn,
        web_identity_token_file=web_identity_token_loader._web_identity_token_path,
        role_session_name=extra_args.get("RoleSessionName"))


def sso(start_url, sso_region, role_name, account_id, sso_session_name=None, **_):
    return Recorder(
        kind="sso", sso_start_url=start_url, sso_region=sso_region, sso_role_name=role_name,
        sso_account_id=account_id, sso_session=sso_session_name)


def process(_, command):
    return {"access_key": command, "secret_key": "-", "token": None, "expiry_time": None}


def load_credentials(session):
    patches = {
        "AssumeRoleCredentialFetcher": role,
        "AssumeRoleWithWebIdentityCredentialFetcher": web_identity,
        "SSOCredentialFetcher": sso,
        "ProcessProvider._retrieve_credentials_using": process,
        "CanonicalNameCredentialSourcer.source_credentials": lambda _, name: name,
    }
    with mock.patch.multiple("botocore.credentials", **{
            name: value for name, value in patches.items() if "." not in name}):
        with mock.patch.object(botocore.credentials.ProcessProvider,
                               "_retrieve_credentials_using", process), \
             mock.patch.object(botocore.credentials.CanonicalNameCredentialSourcer,
                               "source_credentials", lambda _, name: name):
            resolver = botocore.credentials.create_credential_resolver(session)
            resolver.providers = [p for p in resolver.providers if p.METHOD in METHODS]
            return resolver.load_credentials()


def ask_botocore(config, credentials, profile):
    environment = {"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": credentials}
    with mock.patch.dict(os.environ, environment):
        session = botocore.session.Session(profile=profile)
        try:
            scoped = session.get_scoped_config()
        except botocore.exceptions.BotoCoreError as error:
            return {"error": str(error)}
        answer = {
            name: scoped[name] for name in ("region", "ca_bundle", "endpoint_url")
            if scoped.get(name) and isinstance(scoped[name], str)
        }
        for name in ("use_fips_endpoint", "use_dualstack_endpoint"):
            if name in scoped and isinstance(scoped[name], str):
                answer[name] = session.get_config_variable(name)
        try:
            found = load_credentials(session)
            if found is not None:
                answer["source"] = describe(found)
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            answer["error"] = str(error)
        return answer


def has_twins(path):
    """Whether a section or a key comes twice, which is no error to us"""
    try:
        configparser.RawConfigParser().read([path])
    except (configparser.DuplicateSectionError, configparser.DuplicateOptionError):
        return True
    except (configparser.Error, UnicodeDecodeError):
        pass
    return False


def run_program(*arguments, text=None):
    program = os.path.join(os.environ["KVS_BUILD"], "tests", "e2e", "print-profile")
    answer = subprocess.run([program, *arguments], input=text, capture_output=True,
                            encoding="utf-8", timeout=60, check=True)
    return json.loads(answer.stdout)


def ask_ours(config, credentials, profile):
    return run_program(config, credentials, *([] if profile is None else [profile]))


class Files(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.config = os.path.join(scratch.name, "config")
        self.credentials = os.path.join(scratch.name, "credentials")

    def write(self, config, credentials):
        for path, text in ((self.config, config), (self.credentials, credentials)):
            if os.path.exists(path):
                os.unlink(path)
            if text is None:
                continue
            with open(path, "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode("utf-8"))

    def ours(self, profile=None):
        return ask_ours(self.config, self.credentials, profile)


@unittest.skipIf(botocore is None, "this Python has no botocore")
class ProfilesAgainstBotocore(Files):
    def compare(self, profile):
        if has_twins(self.config) or has_twins(self.credentials):
            return False
        theirs = ask_botocore(self.config, self.credentials, profile)
        ours = self.ours(profile)
        where = f"profile {profile}: botocore {theirs}, we {ours}"
        self.assertEqual("error" in ours, "error" in theirs, where)
        ours.pop("error", None)
        theirs.pop("error", None)
        self.assertEqual(ours, theirs, where)
        return True

    def test_random_files(self):
        rng = random.Random(SEED)
        compared = 0
        for _ in range(RANDOM_FILES):
            texts = []
            for _ in range(2):
                lines = ["[default]"] * rng.randint(0, 1)
                lines += [rng.choice(RANDOM_LINES) for _ in range(rng.randint(0, 7))]
                texts.append(rng.choice(("\n", "\n", "\r\n")).join(lines))
            self.write(*texts)
            for profile in (None, "a", "b c"):
                with self.subTest(config=texts[0], credentials=texts[1], profile=profile):
                    compared += self.compare(profile)
        self.assertGreater(compared, RANDOM_FILES)

    def test_words(self):
        rng = random.Random(SEED)
        for _ in range(100):
            text = "".join(rng.choice("ab \t\n'\"\\#\u00e9$;") for _ in range(rng.randint(0, 12)))
            try:
                words = shlex.split(text) if text else None
            except ValueError:
                words = None
            self.assertEqual(run_program("--words", text=text).get("words"), words, repr(text))


def _corpus_test(config, credentials, profiles):
    def test(self):
        self.write(config, credentials)
        for profile in profiles:
            with self.subTest(profile=profile):
                self.assertTrue(self.compare(profile))
    return test


for _name, _case in CORPUS.items():
    setattr(ProfilesAgainstBotocore, "test_" + _name.replace(" ", "_").replace("-", "_"),
            _corpus_test(*_case))


class WhereBotocoreGivesUp(Files):
    """Files that other AWS tools take, and settings that the installed botocore may not know."""

    def test_byte_order_mark(self):
        self.write("\ufeff[default]\nregion = r1\n", "\ufeff[default]\n" + KEYS_A)
        answer = self.ours()
        self.assertEqual(answer["region"], "r1")
        self.assertEqual(answer["source"]["access_key"], "AKIDA")

    def test_sections_and_keys_that_come_twice(self):
        self.write("[default]\nregion = r1\n[profile a]\nregion = r2\n[default]\noutput = x\n"
                   "region = r3\nca_bundle = /c\n", "[default]\n" + KEYS_A + KEYS_B)
        answer = self.ours()
        self.assertEqual((answer["region"], answer["ca_bundle"]), ("r3", "/c"))
        self.assertEqual(answer["source"]["secret_key"], "secretB")

    def test_role_with_mfa(self):
        self.write("[default]\n" + ROLE + "source_profile = a\nmfa_serial = x\nregion = r1\n",
                   "[a]\n" + KEYS_A)
        answer = self.ours()
        self.assertIn("mfa_serial", answer["error"])
        self.assertEqual(answer["region"], "r1")

    def test_endpoint_urls(self):
        self.write("[default]\nendpoint_url = http://all\nservices = local\n[services local]\n"
                   "s3 =\n  endpoint_url = http://s3\nkinesis_video =\n"
                   "  endpoint_url = http://127.0.0.1:8080\n", "")
        answer = self.ours()
        self.assertEqual(answer["endpoint_url"], "http://all")
        self.assertEqual(answer["kinesis_video_endpoint_url"], "http://127.0.0.1:8080")

    def test_messages_name_file_and_line_but_show_no_secret(self):
        self.write("", "[default]\naws_access_key_id = AKIDA\naws_secret_access_key hidden\n")
        error = self.ours()["error"]
        self.assertIn(self.credentials, error)
        self.assertIn("line 3", error)
        self.assertNotIn("hidden", error)


if __name__ == "__main__":
    unittest.main()
