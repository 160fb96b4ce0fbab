"""A mail server in this process that records every mail, offers the ways to log in that it is told to, and knows one user."""

import base64
import hashlib
import hmac
import logging
import threading
import warnings
from typing import NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, MISSING, auth_mechanism

USER, PASSWORD = "gw@example.org", "hunter2"
# That it offers to log in without TLS is what is tested.
warnings.filterwarnings("ignore", module="aiosmtpd")
logging.getLogger("mail.log").setLevel(logging.CRITICAL)


class Mail(NamedTuple):
    """A mail as it arrived; `login` is how its sender logged in."""

    sender: str
    recipients: list
    content: bytes
    login: str


class _Server(SMTP):
    """Also CRAM-MD5 and XOAUTH2, which aiosmtpd does not have."""

    @auth_mechanism("CRAM-MD5")
    async def auth_CRAM_MD5(self, _server, _args):
        challenge = b"<1.2@mailbox>"
        answer = await self.challenge_auth(challenge)
        if answer is MISSING:
            return AuthResult(success=False, handled=False)
        user, digest = answer.decode().rsplit(" ", 1)
        right = hmac.new(PASSWORD.encode(), challenge, hashlib.md5).hexdigest()
        return AuthResult(success=(user, digest) == (USER, right), handled=False, auth_data="CRAM-MD5")

    @auth_mechanism("XOAUTH2")
    async def auth_XOAUTH2(self, _server, args):
        said = base64.b64decode(args[1])
        if said == f"user={USER}\x01auth=Bearer {PASSWORD}\x01\x01".encode():
            return AuthResult(success=True, auth_data="XOAUTH2")
        await self.challenge_auth(b'{"status":"401"}')
        return AuthResult(success=False, handled=False)


class _Controller(Controller):
    def __init__(self, handler, implicit, **options):
        self.options = options
        super().__init__(handler, hostname="127.0.0.1", port=0, ready_timeout=30, ssl_context=implicit)

    def factory(self):
        return _Server(self.handler, **self.options)

    def _trigger_server(self):
        """The port is only known now."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Mailbox:
    """Listens on a free port of 127.0.0.1; `mechanisms` are the ways to log in that it offers, none that none is needed.

    With `starttls`, a server's SSL context, nothing is taken before it; with `implicit` TLS is spoken from the first byte.
    """

    def __init__(self, *mechanisms, starttls=None, implicit=None):
        every = {"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"}
        self._mails = []
        self._changed = threading.Condition()
        self._controller = _Controller(
            self,
            implicit,
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=self._authenticate,
            auth_required=bool(mechanisms),
            auth_require_tls=starttls is not None,
            auth_exclude_mechanism=every - set(mechanisms),
            enable_SMTPUTF8=True,
        )
        self._controller.start()
        self.port = self._controller.port

    def _authenticate(self, _server, _session, _envelope, mechanism, data):
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False, auth_data=mechanism)

    async def handle_DATA(self, _server, session, envelope):
        with self._changed:
            login = session.auth_data if session.authenticated else ""
            self._mails.append(Mail(envelope.mail_from, envelope.rcpt_tos, envelope.original_content, login))
            self._changed.notify_all()
        return "250 taken"

    def wait(self, count, seconds):
        """Wait until `count` mails have arrived; answers them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._mails) >= count, seconds)
            mails = list(self._mails)
        assert len(mails) >= count, f"{len(mails)} of {count} mails within {seconds} s"
        return mails

    def close(self):
        self._controller.stop()
