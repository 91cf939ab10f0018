# SPDX-License-Identifier: LGPL-2.1-or-later
"""Proxies, TLS and IP versions: what works, and one clear error where it cannot."""

import glob
import os
import re
import socket
import ssl
import tempfile
import unittest

import certificates
import support
from connectproxy import ConnectProxy
from faultproxy import FaultProxy
from kvslocal import KvsLocal

FRAMES = 20
SOURCE = (f"videotestsrc num-buffers={FRAMES} ! video/x-raw,width=160,height=120,framerate=30/1 "
          "! x264enc tune=zerolatency key-int-max=10 speed-preset=ultrafast ! ")
PASSWORD = "p%40ss%3Aw%2Frd"  # as it stands in an address
LOGIN = "me:p@ss:w/rd"  # as the proxy sees it
SECRETS = ("p%40ss", "p@ss", "w/rd", "w%2Frd")
# what the machine itself has is not for here
NO_PROXIES = {name: "" for variable in ("https_proxy", "http_proxy", "all_proxy", "no_proxy")
              for name in (variable, variable.upper())}


class Case(unittest.TestCase):
    """One kvs-local that speaks TLS, with a certificate that no system trusts."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kvs-network-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.good = certificates.certificate(cls.folder, "good")
        cls.kvs = KvsLocal(args=["--tls-cert", cls.good + ".crt", "--tls-key", cls.good + ".key"])
        cls.kvs.start()
        cls.addClassCleanup(cls.kvs.__exit__)

    def sink(self, settings="", env=None):
        environment = {**self.kvs.env, **NO_PROXIES, "AWS_CA_BUNDLE": self.good + ".crt", **(env or {})}
        # sanitizers take seconds to read the system's certificates
        sink = (f"kvssink stream-name={self.id().rsplit('.', 1)[1]} "
                f"connection-timeout={int(5 * support.SLOWNESS)} {settings}")
        child = support.pipeline((SOURCE + sink).split(), env=environment)
        status = child.wait(60)
        written = child.output.split("\n", 1)[1]  # after the command
        for secret in SECRETS:
            self.assertNotIn(secret, written)
        return child, status

    def text_file(self, name, text=""):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_well(self, settings="", env=None):
        child, status = self.sink(settings, env)
        self.assertEqual(status, 0, child.output)
        # on a busy machine the first answer may come late
        warnings = [line for line in child.output.splitlines()
                    if "WARNING" in line and "has not answered yet" not in line]
        self.assertEqual(warnings, [], child.output)
        return child

    def run_wrong(self, settings, expected, env=None):
        child, status = self.sink(f"restart-on-error=false {settings}", env)
        self.assertEqual(status, 1, child.output)
        own = [line for line in child.output.splitlines()
               if "ERROR" in line and "GstKvsSink" in line]
        self.assertEqual(len(own), 1, child.output)
        self.assertRegex(own[0], expected)


class Proxies(Case):
    def proxy(self, **options):
        proxy = ConnectProxy(**options)
        self.addCleanup(proxy.stop)
        return proxy

    def assert_all_went_through(self, proxy):
        self.assertGreaterEqual(len(proxy.targets), 1)
        self.assertEqual(set(proxy.targets), {f"127.0.0.1:{self.kvs.port}"})

    def test_property(self):
        proxy = self.proxy()
        self.run_well(f"proxy={proxy.url()}")
        self.assert_all_went_through(proxy)

    def test_property_with_password(self):
        proxy = self.proxy(login=LOGIN)
        self.run_well(f"proxy={proxy.url('me:' + PASSWORD)}")
        self.assert_all_went_through(proxy)
        self.assertEqual(set(proxy.logins), {LOGIN})

    def test_environment(self):
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            proxy = self.proxy(login=LOGIN)
            self.run_well(env={name: proxy.url("me:" + PASSWORD)})
            self.assert_all_went_through(proxy)

    def test_exceptions(self):
        proxy = self.proxy(status=403)
        for name in ("NO_PROXY", "no_proxy"):
            self.run_well(f"proxy={proxy.url()}", {name: "example.com,127.0.0.1"})
        self.run_well(env={"HTTPS_PROXY": proxy.url(), "NO_PROXY": "*"})
        self.run_well('proxy=""', {"HTTPS_PROXY": proxy.url()})
        self.assertEqual(proxy.targets, [])

    def test_property_goes_before_environment(self):
        wrong, right = self.proxy(status=403), self.proxy()
        self.run_well(f"proxy={right.url()}", {"HTTPS_PROXY": wrong.url()})
        self.assertEqual(wrong.targets, [])

    def test_wrong_password(self):
        proxy = self.proxy(login=LOGIN)
        at = f"127.0.0.1 port {proxy.port}"
        wrong = proxy.url("me:wrong")
        self.run_wrong(f"proxy={wrong}", f"{at}.*user name and password.*407.*correct proxy")
        self.run_wrong("", f"{at}.*407.*correct HTTPS_PROXY", {"HTTPS_PROXY": wrong})
        self.run_wrong(f"proxy={proxy.url()}", "407")

    def test_proxy_forbids_it(self):
        proxy = self.proxy(status=403)
        self.run_wrong(f"proxy={proxy.url()}",
                       f"127.0.0.1 port {proxy.port} refuses.*403.*proxy.*NO_PROXY")

    def test_nobody_there(self):
        port = support.free_port()
        self.run_wrong(f"proxy=http://127.0.0.1:{port}", f"the proxy of proxy: .*{port}")
        self.run_wrong("proxy=http://nowhere.invalid:3128",
                       "the proxy nowhere.invalid port 3128 cannot be resolved; correct proxy")

    def test_no_address_of_a_proxy(self):
        for text in ("ftp://me:p%40ss@x:1", "http://", "http://me:p%40ss@x:port"):
            self.run_wrong(f"proxy={text}", "proxy is not the address of a proxy")

    def test_live_source_waits_for_the_proxy(self):
        """What is wrong there may pass, and then nothing is lost."""
        proxy = self.proxy(status=503)
        child = support.pipeline(
            f"{SOURCE}kvssink stream-name=waits proxy={proxy.url()}".split(),
            env={**self.kvs.env, **NO_PROXIES, "AWS_CA_BUNDLE": self.good + ".crt"})
        child.wait_for_output(f"WARNING[^\n]*GstKvsSink[^\n]*port {proxy.port}[^\n]*503")
        proxy.status = None
        self.assertEqual(child.wait(60), 0, child.output)

    def test_no_password_in_logs_and_dumps(self):
        proxy = self.proxy(login=LOGIN)
        dots = os.path.join(self.folder, "dots")
        os.makedirs(dots, exist_ok=True)
        # GStreamer itself logs the text of a pipeline: the environment is the better place
        self.run_well(env={"HTTPS_PROXY": proxy.url("me:" + PASSWORD), "GST_DEBUG": "*:6",
                           "GST_DEBUG_DUMP_DOT_DIR": dots})
        self.run_well(f"proxy={proxy.url('me:' + PASSWORD)}", {"GST_DEBUG_DUMP_DOT_DIR": dots})
        files = glob.glob(os.path.join(dots, "*.dot"))
        self.assertNotEqual(files, [])
        for path in files:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for secret in SECRETS:
                self.assertNotIn(secret, text)


class Tls(Case):
    def server(self, path, **options):
        """Something that has another certificate, in front of the real service."""
        return self.serve(certificates.context(path, **options))

    def serve(self, context):
        proxy = FaultProxy(tls=context)
        self.addCleanup(proxy.stop)
        return f"endpoint={proxy.url}"

    def test_good(self):
        self.run_well()
        self.run_well(f"ca-path={self.good}.crt", {"AWS_CA_BUNDLE": ""})

    def test_profile_names_the_certificates(self):
        config = self.text_file("config", f"[default]\nca_bundle = {self.good}.crt\n")
        self.run_well(env={"AWS_CA_BUNDLE": "", "AWS_CONFIG_FILE": config})

    def test_unknown_authority(self):
        self.run_wrong("", "certificate of 127.0.0.1 comes from nobody in the system's trusted "
                           "certificates.*ca-path.*AWS_CA_BUNDLE", {"AWS_CA_BUNDLE": ""})
        other = certificates.certificate(self.folder, "other")
        self.run_wrong(f"ca-path={other}.crt", f"comes from nobody in {other}.crt")

    def test_expired(self):
        old = certificates.certificate(self.folder, "old",
                                       days=("20200101000000Z", "20200201000000Z"))
        self.run_wrong(f"{self.server(old)} ca-path={old}.crt",
                       "certificate of 127.0.0.1 has expired.*renewed.*clock")

    def test_not_yet_valid(self):
        young = certificates.certificate(self.folder, "young",
                                         days=("20990101000000Z", "20990201000000Z"))
        self.run_wrong(f"{self.server(young)} ca-path={young}.crt",
                       "certificate of 127.0.0.1 is not valid yet.*clock")

    def test_wrong_host(self):
        foreign = certificates.certificate(self.folder, "foreign", "DNS:other.example")
        self.run_wrong(f"{self.server(foreign)} ca-path={foreign}.crt",
                       "certificate of 127.0.0.1 is for other hosts")

    def test_ca_file_that_is_none(self):
        path = self.text_file("not.pem", "no certificate\n")
        self.run_wrong(f"ca-path={path}", f"{path} has no certificates in PEM.*ca-path")
        self.run_wrong("ca-path=/nonexistent.pem", "/nonexistent.pem does not exist.*ca-path")

    def test_old_tls(self):
        context = certificates.context(self.good)
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        self.run_wrong(self.serve(context), "TLS 1.2 or later")


class ClientCertificates(Case):
    """A server that wants one, in front of the service."""

    def setUp(self):
        self.own = certificates.certificate(self.folder, "own")
        context = certificates.context(self.good, client_ca=self.own + ".crt")
        # with TLS 1.3 a refusal may be lost, if the server closes the connection right after it
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        proxy = FaultProxy(tls=context)
        self.addCleanup(proxy.stop)
        kvs = KvsLocal(args=["--public-url", proxy.url])
        kvs.start()
        self.addCleanup(kvs.__exit__)
        proxy.upstream_port = kvs.port
        self.front = f"endpoint={proxy.url}"

    def test_good(self):
        self.run_well(f"{self.front} tls-client-cert={self.own}.crt tls-client-key={self.own}.key")

    def test_both_in_one_file(self):
        text = "".join(open(self.own + suffix, encoding="ascii").read()
                       for suffix in (".crt", ".key"))
        path = self.text_file("both.pem", text)
        self.run_well(f"{self.front} tls-client-cert={path}")

    def test_none(self):
        self.run_wrong(self.front, "client certificate, set tls-client-cert")

    def test_one_that_the_server_does_not_know(self):
        other = certificates.certificate(self.folder, "other")
        self.run_wrong(f"{self.front} tls-client-cert={other}.crt tls-client-key={other}.key",
                       "does not take the client certificate of tls-client-cert")

    def test_files(self):
        other = certificates.certificate(self.folder, "other")
        text = self.text_file("text.pem", "text\n")
        for cert, key, expected in (
                ("/nonexistent.crt", self.own + ".key", "tls-client-cert.*/nonexistent.crt"),
                (self.own + ".crt", "/nonexistent.key", "tls-client-key.*/nonexistent.key"),
                (text, self.own + ".key", f"{text}.*PEM"),
                (self.own + ".crt", text, f"{text}.*PEM"),
                (self.own + ".crt", other + ".key", f"{other}.key.*{self.own}.crt")):
            self.run_wrong(f"{self.front} tls-client-cert={cert} tls-client-key={key}", expected)
        self.run_wrong(f"{self.front} tls-client-key={self.own}.key", "set both")

    def test_encrypted_key(self):
        path = os.path.join(self.folder, "locked.key")
        certificates.openssl("pkcs8", "-topk8", "-in", self.own + ".key", "-out", path,
                             "-passout", "pass:x")
        self.run_wrong(f"{self.front} tls-client-cert={self.own}.crt tls-client-key={path}",
                       f"{path}.*encrypted")

    def test_token_without_the_engine(self):
        if glob.glob("/usr/lib/*/engines-3/pkcs11.so"):
            self.skipTest("this machine has the engine for PKCS#11")
        self.run_wrong(f"{self.front} tls-client-cert=pkcs11:object=camera",
                       "pkcs11:object=camera cannot be used.*engine for PKCS#11")


class IpVersions(unittest.TestCase):
    def test_choice(self):
        """localhost is 127.0.0.1 and ::1; the service is at one of them."""
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("this machine has no IPv6")
        for address, right, wrong in (("127.0.0.1", 4, 6), ("::1", 6, 4)):
            with KvsLocal(args=["--bind", address]) as kvs:
                url = f"http://localhost:{kvs.port}"
                for version, status in (("any", 0), (right, 0), (wrong, 1)):
                    child = support.pipeline(
                        f"{SOURCE}kvssink stream-name=cam endpoint={url} data-endpoint={url} "
                        f"restart-on-error=false ip-version={version}".split(), env=kvs.env)
                    self.assertEqual(child.wait(60), status, child.output)
                    if status:
                        self.assertIsNotNone(re.search("ERROR.*localhost", child.output))


if __name__ == "__main__":
    unittest.main()
