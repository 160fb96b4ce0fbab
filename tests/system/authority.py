"""Certificates of every kind, by openssl: an authority that signs good ones and bad ones."""

import base64
import hashlib
import ssl
import subprocess
from pathlib import Path

CONFIG = """
[ca]
default_ca = own
[own]
new_certs_dir = {directory}
database = {directory}/index
serial = {directory}/serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
"""
VALID = ("20200101000000Z", "20490101000000Z")
EXPIRED = ("20200101000000Z", "20200201000000Z")
NOT_YET = ("20480101000000Z", "20490101000000Z")


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options).stdout


class Authority:
    """Signs certificates; its own is `certificate`, to be trusted or not."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        (self.directory / "index").touch()
        (self.directory / "serial").write_text("1000\n")
        self.config = self.directory / "openssl.cnf"
        self.config.write_text(CONFIG.format(directory=self.directory))
        self.certificate, self.key = self.directory / "ca.pem", self.directory / "ca.key"
        self._make_key(self.key)
        openssl("req", "-new", "-x509", "-config", self.config, "-extensions", "authority", "-subj", "/CN=authority", "-days", 3650, "-key", self.key, "-out", self.certificate)

    def _make_key(self, path):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)

    def issue(self, name, alternative="IP:127.0.0.1,DNS:localhost", valid=VALID, signed_by=None):
        """A certificate and its key, as one PEM file. `signed_by` "itself" makes a self-signed one."""
        request, key, certificate, whole = (self.directory / f"{name}.{end}" for end in ("csr", "key", "crt", "pem"))
        self._make_key(key)
        subject = ["-config", self.config, "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}", "-key", key]
        if signed_by == "itself":
            openssl("req", "-new", "-x509", *subject, "-days", 3650, "-out", certificate)
        else:
            openssl("req", "-new", *subject, "-out", request)
            start, end = valid
            openssl("ca", "-batch", "-notext", "-config", self.config, "-cert", self.certificate, "-keyfile", self.key, "-in", request, "-out", certificate, "-startdate", start, "-enddate", end)
        whole.write_bytes(certificate.read_bytes() + key.read_bytes())
        return whole


def pin(certificate):
    """Base64 of the SHA-256 of a certificate's public key."""
    public = openssl("x509", "-in", certificate, "-pubkey", "-noout")
    return base64.b64encode(hashlib.sha256(openssl("pkey", "-pubin", "-outform", "der", input=public)).digest()).decode()


def server_context(certificate, clients=None, newest=ssl.TLSVersion.TLSv1_3):
    """For a server with this certificate that asks for one that `clients`, an authority's certificate, has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.maximum_version = newest
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context
