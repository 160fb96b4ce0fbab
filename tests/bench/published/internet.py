"""A network namespace in which every name and every address is this process: it takes all mail and every request.

Needs root. Names are resolved to 10.0.0.1, as any address is answered here; TLS has a certificate for whatever name is asked
for, of an authority that the system's bundle holds within this namespace. It records whom it was asked to tell.
"""

import json
import re
import socket
import subprocess
import threading
from pathlib import Path

from authority import Authority, server_context

ADDRESS = "10.0.0.1"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
MAIL_PORTS = {25, 587, 1025, 2525}
MAIL_TLS_PORT = 465
WEB_PORTS = {80, 443}
# What any of the services takes for success.
ANSWER = {"ok": True, "errcode": 0, "errmsg": "ok", "access_token": "token", "expires_in": 7200, "status": 1, "result": {"message_id": 1, "date": 1, "chat": {"id": 1}}}
PUBLISHED = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>"


def isolate(directory):
    """Prepares the namespaces that this process was started in (`unshare -n -m`); answers the authority."""
    authority = Authority(directory / "authority")
    bundle, resolver = directory / "bundle", directory / "resolv.conf"
    bundle.write_bytes(BUNDLE.read_bytes() + Path(authority.certificate).read_bytes())
    resolver.write_text("nameserver 127.0.0.1\n")
    for source, place in ((bundle, BUNDLE), (resolver, Path("/etc/resolv.conf").resolve())):
        subprocess.run(["mount", "--bind", source, place], check=True)
    for words in ("link set lo up", "route add local 0.0.0.0/0 dev lo"):
        subprocess.run(["ip", *words.split()], check=True)
    return authority


def serve(listener, handle):
    """Each connection in a thread of its own."""

    def one(connection):
        try:
            connection.settimeout(30)
            handle(connection)
        except (OSError, ValueError):
            """A client that hangs up, or speaks nonsense, is its own affair."""
        finally:
            connection.close()

    def all_of_them():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=all_of_them, daemon=True).start()


class Internet:
    def __init__(self, authority):
        self._authority = authority
        self._contexts = {}
        self._ports = set()
        self._lock = threading.Lock()
        self.told = set()
        self._names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._names.bind(("127.0.0.1", 53))
        threading.Thread(target=self._resolve, daemon=True).start()

    def listen(self, ports, mail_ports):
        """Let these ports be served, and those speak SMTP."""
        for port in {*WEB_PORTS, *ports, *MAIL_PORTS, MAIL_TLS_PORT, *mail_ports} - self._ports:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("0.0.0.0", port))
            listener.listen(64)
            self._ports.add(port)
            implicit = port == MAIL_TLS_PORT
            serve(listener, (lambda it, implicit=implicit: self._mail(it, implicit)) if port in {*MAIL_PORTS, MAIL_TLS_PORT, *mail_ports} else self._web)

    def _resolve(self):
        """Every name has the one address, and none of IPv6."""
        while True:
            asked, sender = self._names.recvfrom(512)
            end = 12
            while asked[end]:
                end += asked[end] + 1
            question = asked[12 : end + 5]
            found = question[-4:-2] == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(ADDRESS) if found else b""
            self._names.sendto(asked[:2] + b"\x81\x80\0\1\0" + bytes([found]) + b"\0\0\0\0" + question + answer, sender)

    def _context(self, name, alternative):
        """A server's that has a certificate for this name."""
        with self._lock:
            if name not in self._contexts:
                self._contexts[name] = server_context(self._authority.issue(f"name-{len(self._contexts)}", alternative))
            return self._contexts[name]

    def _present(self, connection, name, _context):
        if name:
            connection.context = self._context(name, f"DNS:{name}")

    def _encrypt(self, connection):
        """One who names no host has gone to an address."""
        address = connection.getsockname()[0]
        context = self._context(address, f"IP:{address}")
        context.sni_callback = self._present
        return context.wrap_socket(connection, server_side=True)

    def _web(self, connection):
        first = connection.recv(1, socket.MSG_PEEK)
        scheme = "https" if first == b"\x16" else "http"
        if scheme == "https":
            connection = self._encrypt(connection)
        stream = connection.makefile("rwb")
        while line := stream.readline():
            method, target, _ = line.decode("latin-1").split(" ", 2)
            headers = {}
            while (field := stream.readline().decode("latin-1").strip()):
                name, _, value = field.partition(":")
                headers[name.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", 0)))
            if headers.get("transfer-encoding") == "chunked":
                while size := int(stream.readline().split(b";")[0], 16):
                    body += stream.read(size + 2)[:-2]
                stream.readline()
            self.told.add((f"{scheme} {method}", headers.get("host", "").lower().removesuffix(":443").removesuffix(":80"), target.partition("?")[0]))
            answer = PUBLISHED if b"Action=Publish" in body else json.dumps(ANSWER)
            kind = "text/xml" if answer is PUBLISHED else "application/json"
            stream.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n\r\n{answer}".encode())
            stream.flush()

    def _mail(self, connection, encrypted):
        if encrypted:
            connection = self._encrypt(connection)
        stream = connection.makefile("rwb")

        def say(*lines):
            stream.write("".join(f"{line}\r\n" for line in lines).encode())
            stream.flush()

        recipients = []
        say("220 everywhere ESMTP")
        while line := stream.readline().decode("latin-1").strip():
            word = line.upper()
            if word.startswith("EHLO"):
                say("250-everywhere", *([] if encrypted else ["250-STARTTLS"]), "250-AUTH PLAIN LOGIN", "250 8BITMIME")
            elif word.startswith("STARTTLS"):
                say("220 go on")
                connection, encrypted = self._encrypt(connection), True
                stream = connection.makefile("rwb")
            elif word.startswith("AUTH LOGIN"):
                for question in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"):
                    say(f"334 {question}")
                    stream.readline()
                say("235 welcome")
            elif word.startswith("AUTH PLAIN"):
                say("235 welcome")
            elif word.startswith("RCPT TO"):
                recipients.append(re.search("<(.*)>", line).group(1))
                say("250 ok")
            elif word.startswith("DATA"):
                say("354 go on")
                while stream.readline() not in (b".\r\n", b""):
                    pass
                say("250 taken")
                self.told |= {("mail", recipient, "") for recipient in recipients}
            elif word.startswith("QUIT"):
                say("221 bye")
                return
            else:
                say("250 ok")
