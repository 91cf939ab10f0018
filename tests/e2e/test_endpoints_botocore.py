# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks botocore's endpoint rules and lib/aws/endpoint.c for the addresses of services in every region,
with and without FIPS and dual-stack, and for what environment and profile come to."""

import copy
import itertools
import os
import subprocess
import tempfile
import unittest
from unittest import mock

try:
    import botocore.exceptions
    import botocore.session
    from botocore.endpoint_provider import EndpointProvider
except ImportError:
    botocore = None

# The rules of the others are the same files; STS has some of its own.
SERVICES = ("kinesisvideo", "kinesis-video-media", "kinesis-video-archived-media", "sts")
UNKNOWN_REGIONS = ("us-west-9", "eu-somewhere-1", "xx-new-1")

# What AWS has published since, for an older botocore: partitions, their regions, and that
# dual-stack is supported in the isolated ones
SINCE = {
    "aws-iso": (r"^us\-iso\-\w+\-\d+$", "c2s.ic.gov", "api.aws.ic.gov",
                ("us-iso-east-1", "us-iso-west-1")),
    "aws-iso-b": (r"^us\-isob\-\w+\-\d+$", "sc2s.sgov.gov", "api.aws.scloud",
                  ("us-isob-east-1", "us-isob-west-1")),
    "aws-iso-e": (r"^eu\-isoe\-\w+\-\d+$", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk",
                  ("eu-isoe-west-1",)),
    "aws-iso-f": (r"^us\-isof\-\w+\-\d+$", "csp.hci.ic.gov", "api.aws.hci.ic.gov",
                  ("us-isof-east-1", "us-isof-south-1")),
    "aws-eusc": (r"^eusc\-(de)\-\w+\-\d+$", "amazonaws.eu", "api.amazonwebservices.eu",
                 ("eusc-de-east-1",)),
}


def bring_up_to_date(partitions):
    partitions = copy.deepcopy(partitions)
    by_id = {partition["id"]: partition for partition in partitions["partitions"]}
    for name, (regex, suffix, dual_stack_suffix, regions) in SINCE.items():
        if name not in by_id:
            by_id[name] = {"id": name, "regionRegex": regex, "regions": {}, "outputs": {
                "name": name, "supportsFIPS": True}}
            partitions["partitions"].append(by_id[name])
        by_id[name]["outputs"].update(
            dnsSuffix=suffix, dualStackDnsSuffix=dual_stack_suffix, supportsDualStack=True)
        for region in regions:
            by_id[name]["regions"].setdefault(region, {})
    return partitions


def run_program(*arguments, text=None, environment=None):
    program = os.path.join(os.environ["KVS_BUILD"], "tests", "e2e", "print-endpoint")
    answer = subprocess.run([program, *arguments], input=text, capture_output=True, timeout=60,
                            encoding="utf-8", env=environment, check=True)
    return answer.stdout.splitlines()


@unittest.skipIf(botocore is None, "this Python has no botocore")
class Matrix(unittest.TestCase):
    def setUp(self):
        loader = botocore.session.Session().get_component("data_loader")
        self.partitions = bring_up_to_date(loader.load_data("partitions"))
        self.rules = {service: loader.load_service_model(service, "endpoint-rule-set-1")
                      for service in SERVICES}

    def ask_botocore(self, service, region, fips, dual_stack):
        rules = self.rules[service]
        parameters = {"Region": region, "UseFIPS": fips, "UseDualStack": dual_stack}
        if "UseGlobalEndpoint" in rules["parameters"]:
            parameters["UseGlobalEndpoint"] = False
        provider = EndpointProvider(rules, self.partitions)
        return provider.resolve_endpoint(**parameters).url

    def test_every_region_with_every_switch(self):
        regions = [region for partition in self.partitions["partitions"]
                   for region in partition["regions"] if not region.endswith("-global")]
        self.assertGreater(len(regions), 35)
        cases = list(itertools.product(SERVICES, [*regions, *UNKNOWN_REGIONS], (False, True),
                                       (False, True)))
        # the planes of the service share their hosts
        hosts = {"sts": "sts"}
        lines = [f"{hosts.get(service, 'kinesisvideo')} {region} {fips:d} {dual_stack:d}"
                 for service, region, fips, dual_stack in cases]
        ours = run_program(text="\n".join(lines) + "\n")
        self.assertEqual(len(ours), len(cases))
        for case, address in zip(cases, ours):
            with self.subTest(case=case):
                self.assertEqual(address, self.ask_botocore(*case))


def endpoint_of(client):
    """What a call would go to, or the error it would end with"""
    operation = client.meta.service_model.operation_model("DescribeStream")
    return client._ruleset_resolver.construct_endpoint(
        operation_model=operation, call_args={}, request_context={}).url


def ask_botocore():
    session = botocore.session.Session()
    try:
        # version 2 of the CLI and the SDKs of other languages look into AWS_REGION first
        client = session.create_client("kinesisvideo", aws_access_key_id="a",
                                       aws_secret_access_key="b")
        return [client.meta.region_name, endpoint_of(client).rstrip("/")]
    except botocore.exceptions.BotoCoreError as error:
        return ["error", str(error)]


CONFIG = """[default]
region = eu-west-1
[profile plain]
region = cn-north-1
output = json
[profile fips]
region = us-gov-west-1
use_fips_endpoint = TRUE
[profile dual]
region = ap-south-1
use_dualstack_endpoint = true
use_fips_endpoint = false
[profile both]
region = us-east-2
use_dualstack_endpoint = True
use_fips_endpoint = true
[profile odd]
region = us-east-2
use_dualstack_endpoint = 1
use_fips_endpoint = yes
[profile old]
region = fips-us-east-1
[profile url]
region = us-west-2
endpoint_url = https://profile.example
[profile services]
region = us-west-2
endpoint_url = https://profile.example
services = cams
[profile ignoring]
region = us-west-2
endpoint_url = https://profile.example
ignore_configured_endpoint_urls = true
[profile other]
region = us-west-2
services = others
[services cams]
s3 =
  endpoint_url = https://s3.example
kinesis_video =
  endpoint_url = https://kvs.example
  x = y
[services others]
s3 =
  endpoint_url = https://s3.example
"""
PROFILES_WITH_URLS = ("url", "services", "ignoring", "other")


@unittest.skipIf(botocore is None, "this Python has no botocore")
class Choice(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        config = os.path.join(scratch.name, "config")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = kept | {"AWS_CONFIG_FILE": config, "AWS_EC2_METADATA_DISABLED": "true",
                                   "AWS_SHARED_CREDENTIALS_FILE": os.path.join(scratch.name, "no")}

    def compare(self, **variables):
        environment = self.environment | {k: v for k, v in variables.items() if v is not None}
        with self.subTest(**variables):
            with mock.patch.dict(os.environ, environment, clear=True):
                theirs = ask_botocore()
            ours = run_program("choose", environment=environment)
            self.assertEqual(ours[0], theirs[0], f"botocore {theirs}, we {ours}")
            if theirs[0] != "error":
                self.assertEqual(ours, theirs)

    def test_region_and_switches(self):
        profiles = (None, "plain", "fips", "dual", "both", "odd", "old")
        switches = ((None, None), ("true", None), ("False", "TRUE"), ("true", "true"), ("x", "1"))
        for profile, region, (fips, dual_stack) in itertools.product(
                profiles, (None, "us-iso-east-1"), switches):
            if region is not None and (profile in ("dual", "both") or dual_stack is not None):
                continue  # an older botocore knows of no dual-stack there
            self.compare(AWS_PROFILE=profile, AWS_DEFAULT_REGION=region,
                         AWS_USE_FIPS_ENDPOINT=fips, AWS_USE_DUALSTACK_ENDPOINT=dual_stack)

    def test_addresses(self):
        try:
            from botocore.configprovider import ConfiguredEndpointProvider  # noqa: F401
        except ImportError:
            self.skipTest("this botocore takes no addresses from environment and profile")
        urls = ((None, None), ("https://all.example", None), (None, "https://own.example"),
                ("https://all.example", "https://own.example:8443"))
        for profile, (general, own), ignored, fips in itertools.product(
                (None, *PROFILES_WITH_URLS), urls, (None, "true", "false"), (None, "true")):
            if fips is not None and ignored is not None:
                continue  # botocore needs its time
            self.compare(AWS_PROFILE=profile, AWS_ENDPOINT_URL=general,
                         AWS_ENDPOINT_URL_KINESIS_VIDEO=own, AWS_USE_FIPS_ENDPOINT=fips,
                         AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=ignored)

    def test_no_profile(self):
        self.compare(AWS_PROFILE="absent")


if __name__ == "__main__":
    unittest.main()
