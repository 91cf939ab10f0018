# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local with TLS for the benchmark, and the programs that are measured against it."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile

import certificates
from kvslocal import KvsLocal

PREFIX = "bench-"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """CPU time that a process has used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Bench:
    """What the workloads share: programs, clip, certificate, and kvs-local's data with all streams."""

    def __init__(self, build, clip, scratch):
        self.build = build
        self.clip = clip
        self.scratch = scratch
        self.certificate = certificates.certificate(scratch, "bench")
        self.template = os.path.join(scratch, "template")
        self.failures = []

    def prepare(self, n_streams):
        """A data folder in which the streams are there, so that nobody has to make them."""
        with KvsLocal(data=self.template, args=["--no-auth"]) as kvs:
            client = kvs.client()
            for number in range(n_streams):
                client.create_stream(StreamName=f"{PREFIX}{number}", DataRetentionInHours=24)
            client.close()

    def service(self, data, port=0, with_tls=True):
        args = ["--no-auth"]
        if with_tls:
            args += ["--tls-cert", self.certificate + ".crt", "--tls-key", self.certificate + ".key"]
        if port:
            args += ["--port", str(port)]
        return KvsLocal(args, data=data)

    @contextlib.contextmanager
    def running(self, with_tls=True):
        """A fresh kvs-local, so that no run finds what another one left."""
        folder = tempfile.mkdtemp(dir=self.scratch)
        data = os.path.join(folder, "data")
        shutil.copytree(self.template, data)
        try:
            with self.service(data, with_tls=with_tls) as kvs:
                yield kvs
        finally:
            shutil.rmtree(folder)

    def environment(self, kvs):
        return {**os.environ, **kvs.env, "AWS_CA_BUNDLE": self.certificate + ".crt"}

    def program(self, name):
        return os.path.join(self.build, "tests", "bench", name)

    def streams_command(self, sink, streams, seconds, *options):
        return [self.program("bench-streams"), "--clip", self.clip, "--prefix", PREFIX,
                "--sink", sink, "--streams", str(streams), "--seconds", str(seconds), *options]

    def floor_command(self, kvs, streams, seconds, *options):
        return [self.program("bench-floor"), "--clip", self.clip, "--prefix", PREFIX,
                "--url", kvs.url, "--ca", self.certificate + ".crt",
                "--streams", str(streams), "--seconds", str(seconds), *options]

    def measure(self, kvs, command):
        """The JSON object that a program prints last, and the CPU time kvs-local used meanwhile;
        None where it failed."""
        before = cpu_seconds(kvs.process.pid)
        result = self.measure_alone(command, self.environment(kvs))
        if result is not None:
            result["service_cpu"] = cpu_seconds(kvs.process.pid) - before
        return result

    def measure_alone(self, command, environment=None):
        """The same, without kvs-local."""
        done = subprocess.run(command, env=environment or dict(os.environ),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        if done.stderr.strip():
            self.failures.append(done.stderr.strip()[-400:])
        if done.returncode != 0 or not lines or not lines[-1].startswith("{"):
            self.failures.append(f"{' '.join(command)} ended with {done.returncode}")
            return None
        return json.loads(lines[-1])
