# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local as a program: its options, signals, files and TLS."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import kvslocal
import mkvwriter as mkv
from kvslocal import HttpError, KvsLocal
from kvslocal_case import events, persisted, require_kvs_local, tool, wait_for


def setUpModule():
    require_kvs_local()


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.data = os.path.join(self.folder.name, "data")

    def start(self, **options):
        kvs = KvsLocal(data=self.data, **options)
        self.addCleanup(kvs.stop)
        return kvs.start()

    def media(self):
        return [os.path.join(root, name) for root, _, names in
                os.walk(os.path.join(self.data, "media")) for name in names]

    def test_restart(self):
        kvs = self.start()
        kvs.client().create_stream(StreamName="cam", DataRetentionInHours=1, Tags={"a": "b"})
        info = kvs.client().describe_stream(StreamName="cam")["StreamInfo"]
        first = kvs.put_media().send_all(mkv.header() + mkv.cluster(0))
        data = kvs.get_media()
        self.assertEqual(kvs.stop(), 0)

        kvs = self.start()
        self.assertEqual(kvs.client().describe_stream(StreamName="cam")["StreamInfo"], info)
        self.assertEqual(kvs.client().list_tags_for_stream(StreamName="cam")["Tags"], {"a": "b"})
        second = kvs.put_media().send_all(mkv.header() + mkv.cluster(1000))
        self.assertGreater(second[0]["FragmentNumber"], first[0]["FragmentNumber"])
        again = mkv.chunks(kvs.get_media())
        self.assertEqual(len(again), 2)
        self.assertEqual(again[0]["clusters"], mkv.chunks(data)[0]["clusters"])
        kvs.client().delete_stream(StreamARN=info["StreamARN"])
        self.assertEqual(self.media(), [])
        self.assertEqual(kvs.stop(), 0)
        self.assertEqual(self.start().client().list_streams()["StreamInfoList"], [])

    def test_crash(self):
        kvs = self.start()
        kvs.client().create_stream(StreamName="cam", DataRetentionInHours=1)
        connection = kvs.put_media().accepted()
        connection.send(mkv.header() + mkv.cluster(0) + mkv.cluster(1000))
        connection.until("PERSISTED")
        connection.until("BUFFERING")
        self.assertEqual(len(self.media()), 2)
        kvs.kill()
        connection.close()
        stray = os.path.join(os.path.dirname(self.media()[0]), "1.mkv")
        with open(stray, "wb") as file:
            file.write(b"renamed, but not in the index")
        os.mkdir(os.path.join(self.data, "media", "gone-1"))

        kvs = self.start()
        self.assertEqual(len(self.media()), 1)
        self.assertEqual(len(os.listdir(os.path.join(self.data, "media"))), 1)
        self.assertEqual(len(mkv.chunks(kvs.get_media())), 1)

    def test_one_process_a_folder(self):
        self.start()
        with self.assertRaisesRegex(RuntimeError, "another kvs-local"):
            self.start()

    def test_ends_with_open_connections(self):
        kvs = self.start()
        kvs.client().create_stream(StreamName="cam", DataRetentionInHours=1)
        connection = kvs.put_media().accepted()
        connection.send(mkv.header() + mkv.cluster(0))
        connection.until("BUFFERING")
        waiting = kvs.put_media(headers={"Expect": "100-continue"})
        client = kvs.client("kinesis-video-media")
        payload = client.get_media(StreamName="cam", StartSelector={
            "StartSelectorType": "NOW"})["Payload"]
        self.assertEqual(kvs.stop(), 0)
        self.assertEqual(kvs.errors(), "")
        payload.close()
        connection.close()
        waiting.close()
        self.assertEqual(self.media(), [])

    def test_clients_leave_nothing_behind(self):
        kvs = self.start()
        kvs.client().create_stream(StreamName="cam", DataRetentionInHours=1)

        def n_files():
            return len(os.listdir(f"/proc/{kvs.process.pid}/fd"))

        before = n_files()
        for i in range(30):
            with socket.create_connection(("127.0.0.1", kvs.port)):
                pass
            connection = http.client.HTTPConnection("127.0.0.1", kvs.port, timeout=30)
            connection.request("GET", "/kvs-local/health")
            connection.getresponse().read()
            connection.close()
            with kvs.put_media() as connection:
                connection.send_all(mkv.header() + mkv.cluster(i))
            with kvs.put_media("nowhere") as connection:
                self.assertRaises(HttpError, connection.accepted)
            kvs.put_media().abort()
        wait_for(lambda: n_files() <= before)

    def test_ready_line(self):
        kvs = self.start()
        self.assertEqual(kvs.ready_line, f"kvs-local: listening on {kvs.url}\n")
        self.assertEqual(kvs.stop(signal.SIGINT), 0)

    def test_help(self):
        run = subprocess.run([kvslocal.program(), "--help"], capture_output=True, text=True,
                             check=True)
        for option in ("--port", "--data", "--bind", "--port-file", "--region", "--account",
                       "--tls-cert", "--tls-key", "--public-url", "--credentials", "--no-auth",
                       "--verbose", "--idle-seconds", "--keep-alive-seconds",
                       "--max-connection-seconds",
                       "--get-media-empty-seconds", "--max-fragment-bytes", "--creating-seconds",
                       "--no-page", "--hls-js"):
            self.assertIn(option, run.stdout)

    def test_options(self):
        kvs = self.start(args=["--region", "eu-west-1", "--account", "42", "--public-url",
                               "https://kvs.example:1234"])
        client = kvs.client(region_name="eu-west-1")
        self.assertRegex(client.create_stream(StreamName="cam")["StreamARN"],
                         "^arn:aws:kinesisvideo:eu-west-1:42:stream/cam/")
        self.assertEqual(client.get_data_endpoint(StreamName="cam", APIName="GET_MEDIA")
                         ["DataEndpoint"], "https://kvs.example:1234")

    def test_region_of_environment(self):
        kvs = self.start(env={"AWS_REGION": None, "AWS_DEFAULT_REGION": "ap-south-1"})
        arn = kvs.client(region_name="ap-south-1").create_stream(StreamName="cam")["StreamARN"]
        self.assertIn(":ap-south-1:", arn)

    def test_verbose_tells_no_secrets(self):
        kvs = self.start(args=["--verbose"], env={"AWS_SESSION_TOKEN": "the-session-token"})
        kvs.client(aws_session_token="the-session-token").create_stream(
            StreamName="cam", DataRetentionInHours=1)
        kvs.put_media(token="the-session-token").send_all(mkv.header() + mkv.cluster(0))
        kvs.stop()
        self.assertIn("/putMedia", kvs.errors())
        self.assertIn('"EventType":"PERSISTED"', kvs.errors())
        for secret in (kvslocal.SECRET_KEY, "the-session-token", "Signature"):
            self.assertNotIn(secret, kvs.errors())

    def test_real_video(self):
        """What ffmpeg muxes is taken, comes out playable, and each file plays by itself."""
        source = os.path.join(self.folder.name, "source.mkv")
        subprocess.run(
            [tool("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10",
             "-f", "lavfi", "-i", "sine=sample_rate=16000", "-t", "6", "-c:v", "libx264", "-g", "10",
             "-keyint_min", "10", "-bf", "0", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le",
             "-f", "matroska", "-cluster_time_limit", "1000", "-live", "1", source], check=True)
        with open(source, "rb") as file:
            body = file.read()
        kvs = self.start()
        kvs.client().create_stream(StreamName="cam", DataRetentionInHours=1)
        acks = kvs.put_media(timecodes="RELATIVE", start=f"{time.time():.3f}").send_all(body, 1000)
        self.assertEqual([a for a in acks if a["EventType"] == "ERROR"], [])
        stored = sum(a["EventType"] == "PERSISTED" for a in acks)
        self.assertGreaterEqual(stored, 5)
        self.assertEqual(len(self.media()), stored)
        out = os.path.join(self.folder.name, "out.mkv")
        with open(out, "wb") as file:
            file.write(kvs.get_media())
        probe = [tool("ffprobe"), "-v", "error", "-of", "json", "-show_streams", "-count_packets"]
        total = 0
        for path in self.media():
            run = subprocess.run(probe + [path], capture_output=True, text=True, check=True)
            streams = json.loads(run.stdout)["streams"]
            self.assertEqual([s["codec_name"] for s in streams], ["h264", "pcm_s16le"])
            total += int(streams[0]["nb_read_packets"])
        self.assertEqual(total, 60)
        if shutil.which("mkvinfo"):
            run = subprocess.run(["mkvinfo", self.media()[0]], capture_output=True, text=True,
                                 check=True)
            self.assertIn("Cluster", run.stdout)


class Tls(unittest.TestCase):
    def test_everything_over_tls(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        cert, key = (os.path.join(folder.name, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(
            [tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True)
        # LeakSanitizer of GCC 12 crashes once GnuTLS is loaded
        env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        kvs = KvsLocal(args=["--tls-cert", cert, "--tls-key", key, "--get-media-empty-seconds", "1"],
                       env=env)
        self.addCleanup(kvs.__exit__)
        kvs.start()
        self.assertEqual(kvs.ready_line, f"kvs-local: listening on https://127.0.0.1:{kvs.port}\n")
        control = kvs.client(verify=cert)
        control.create_stream(StreamName="cam", DataRetentionInHours=1)
        self.assertEqual(control.get_data_endpoint(StreamName="cam", APIName="PUT_MEDIA")
                         ["DataEndpoint"], kvs.url)
        for i, options in enumerate(({}, {"headers": {"Expect": "100-continue"}},
                                     {"early": mkv.header()})):
            connection = kvs.put_media(**options).accepted()
            if "early" not in options:
                connection.send(mkv.header())
            connection.send(mkv.cluster(1000 * i), split=1)
            self.assertEqual(connection.ack()["EventType"], "BUFFERING")
            connection.end()
            self.assertEqual(events(connection.acks()), persisted(1000 * i)[1:])
            connection.close()
        with self.assertRaises(HttpError):
            kvs.put_media("nowhere").accepted()
        connection = kvs.put_media().accepted()
        connection.send(mkv.header() + mkv.cluster(0))
        connection.ack()
        connection.abort()
        media = kvs.client("kinesis-video-media", verify=cert)
        data = media.get_media(StreamName="cam", StartSelector={
            "StartSelectorType": "EARLIEST"})["Payload"].read()
        self.assertEqual(len(mkv.chunks(data)), 3)
        self.assertEqual(kvs.stop(), 0)
        self.assertEqual(kvs.errors(), "")


if __name__ == "__main__":
    unittest.main()
