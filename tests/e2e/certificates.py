# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates of all kinds for tests, made with the openssl program."""

import os
import ssl
import subprocess

import support

CA_CONFIG = """[ca]
default_ca = own
[own]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def openssl(*arguments):
    subprocess.run([support.tool("openssl"), *arguments], check=True, capture_output=True)


def certificate(folder, name, subject="IP:127.0.0.1,DNS:localhost", days=2):
    """Path of a certificate that is its own CA, without .crt and .key; days: (from, to) for fixed
    dates such as "20200101000000Z"."""
    path = os.path.join(folder, name)
    request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}", "-keyout",
               path + ".key"]
    if not isinstance(days, tuple):
        openssl(*request, "-x509", "-days", str(days), "-out", path + ".crt")
        return path
    openssl(*request, "-new", "-out", path + ".csr")
    with open(path + ".cnf", "w", encoding="ascii") as file:
        file.write(CA_CONFIG.format(folder=folder))
    with open(os.path.join(folder, "index"), "w", encoding="ascii"):
        pass
    openssl("ca", "-batch", "-notext", "-selfsign", "-config", path + ".cnf", "-in", path + ".csr",
            "-keyfile", path + ".key", "-startdate", days[0], "-enddate", days[1],
            "-out", path + ".crt")
    return path


def context(path, client_ca=None):
    """For a server; client_ca: whose certificates clients must have."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path + ".crt", path + ".key")
    if client_ca is not None:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(client_ca)
    return tls
