"""Mails: the same as Alertmanager's, every way to log in, servers that fail, and a real one."""

import email
import email.policy
import email.utils
import pwd
import shutil
import socket
import threading
import time

from agent import WAIT_SECONDS, free_port, until
from authority import Authority, server_context
from mailbox import PASSWORD, USER, Mailbox
from service import Service

CONFIG = """
global: {{smtp_smarthost: "127.0.0.1:{port}", smtp_from: "Gate Way <{user}>", smtp_require_tls: false, smtp_hello: gw.example}}
route: {{receiver: mail, group_by: [alertname], group_wait: 200ms, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: mail
  email_configs:
  - to: 'Ann Lee <ann@example.org>, "Müller, Jörg" <joerg@example.org>, ann@example.org'
    send_resolved: true
    text: "Tür offen\\n.\\n..zwei  \\n{long}"
    html: "<b>Tür = offen</b>"
    headers: {{Subject: "Die Tür steht offen und das seit einer ganzen Weile, wie wir mit Bedauern sehen", X-Site: one}}
    {more}
  webhook_configs: [{{url: "{sink}/hook"}}]
"""
LONG = "word " * 60
# Headers that both must set to the same; Date, Message-Id and To are looked at by themselves.
SAME = ("Subject", "From", "X-Site", "MIME-Version")


def config(port, sink, more=""):
    return CONFIG.format(port=port, user=USER, sink=sink.url, more=more, long=LONG)


def alert(name, **labels):
    return {"labels": {"alertname": name, **labels}, "startsAt": "2024-01-01T00:00:00Z"}


def read(mail):
    return email.message_from_bytes(mail.content, policy=email.policy.default)


def parts(message):
    return [(part.get_content_type(), part.get_content_charset(), part.get_content().rstrip("\r\n")) for part in message.iter_parts()]


def same_as_alertmanager(world):
    """The same config and alert to both: what a mail program shows of the two mails is the same."""
    sink, mails = world.sink(), []
    for start in (world.subject, world.oracle):
        box = Mailbox()
        world.at_end(box.close)
        agent = start(config(box.port, sink))
        agent.api.post_alerts(alert("Door", site="1"))
        mails.append(box.wait(1, WAIT_SECONDS)[0])
    ours, theirs = map(read, mails)
    assert mails[0].sender == mails[1].sender == USER, mails
    assert sorted(set(mails[1].recipients)) == sorted(mails[0].recipients), "the same recipients, ours each once"
    for header in SAME:
        assert str(ours[header]) == str(theirs[header]), f"{header}: {ours[header]!r}, Alertmanager's {theirs[header]!r}"
    assert parts(ours) == parts(theirs) and ours.get_content_type() == theirs.get_content_type(), parts(ours)
    assert not ours.defects and not any(part.defects for part in ours.walk()), ours.defects
    # Alertmanager encodes the whole list as one word, which RFC 2047 forbids; ours is a list of addresses.
    people = [(it.display_name, it.addr_spec) for it in ours["To"].addresses]
    assert people[:2] == [("Ann Lee", "ann@example.org"), ("Müller, Jörg", "joerg@example.org")], people
    assert abs(email.utils.parsedate_to_datetime(ours["Date"]).timestamp() - time.time()) < 3600, ours["Date"]
    assert ours["Message-Id"].endswith("@example.org>"), ours["Message-Id"]
    assert all(len(line) <= 78 for line in mails[0].content.split(b"\r\n")), "no line is longer than lines should be"


def every_login(world):
    """Each mechanism by itself, and a password that is wrong."""
    sink = world.sink()
    secrets = {"PLAIN": "auth_password", "LOGIN": "auth_password", "CRAM-MD5": "auth_secret", "XOAUTH2": "auth_token"}
    for mechanism, key in secrets.items():
        box = Mailbox(mechanism)
        world.at_end(box.close)
        secret = world.directory / f"{mechanism}.txt"
        secret.write_text(PASSWORD + "\n")
        more = f"auth_username: {USER}\n    {key}_file: {secret}"
        agent = world.subject(config(box.port, sink, more), name=mechanism)
        agent.api.post_alerts(alert("Door"))
        (mail,) = box.wait(1, WAIT_SECONDS)
        assert mail.login in (mechanism, mechanism.replace("-", "_")), mail
        secret.write_text("wrong")
        agent.api.post_alerts(alert("Other"))
        until(f"{mechanism} is refused", lambda: "535" in agent.log())
        assert "wrong" not in agent.log().replace("wrong user", ""), "the log tells a secret"
        assert len(box.wait(1, 0)) == 1


def encrypted(world):
    """STARTTLS and TLS from the first byte, by a certificate that is trusted; one that is not is told in the log."""
    sink, authority = world.sink(), Authority(world.directory / "authority")
    context = server_context(authority.issue("mail"))
    for name, box, implicit in (
        ("starttls", Mailbox("PLAIN", starttls=context), "false"),
        ("implicit", Mailbox("LOGIN", implicit=context), "true"),
    ):
        world.at_end(box.close)
        login = f"auth_username: {USER}\n    auth_password: {PASSWORD}"
        trusted = f"{login}\n    force_implicit_tls: {implicit}\n    tls_config: {{ca_file: {authority.certificate}}}"
        text = config(box.port, sink, trusted).replace("smtp_require_tls: false", "smtp_require_tls: true")
        agent = world.subject(text, name=name)
        agent.api.post_alerts(alert("Door"))
        (mail,) = box.wait(1, WAIT_SECONDS)
        assert mail.login == ("PLAIN" if name == "starttls" else "LOGIN"), mail
        stranger = world.subject(text.replace(f"tls_config: {{ca_file: {authority.certificate}}}", ""), name=f"{name}-stranger")
        stranger.api.post_alerts(alert("Door"))
        until("the certificate is refused", lambda stranger=stranger: "TLS with 127.0.0.1" in stranger.log())
        assert len(box.wait(1, 0)) == 1


def oauth2(world):
    """A token is fetched, kept for the next mail, and fetched anew when the mail server refuses it."""
    sink, box = world.sink(), Mailbox("XOAUTH2")
    world.at_end(box.close)
    for name, own, says in (
        ("client", "client_secret: s3cret, scopes: [mail, send]", [("grant_type", "client_credentials"), ("scope", "mail send")]),
        ("user", "refresh_token: r3fresh", [("client_id", "gw"), ("grant_type", "refresh_token"), ("refresh_token", "r3fresh")]),
    ):
        tokens = iter(["ended", PASSWORD])
        server = Service(None, lambda _request, tokens=tokens: (200, {"access_token": next(tokens), "token_type": "Bearer", "expires_in": 3600}))
        world.at_end(server.close)
        before = len(box.wait(0, 0))
        agent = world.subject(config(box.port, sink, f"auth_username: {USER}\n    auth_oauth2: {{client_id: gw, token_url: '{server.url}/token', {own}}}"), name=name)
        agent.api.post_alerts(alert("Door"))
        box.wait(before + 1, WAIT_SECONDS)
        agent.api.post_alerts(alert("Other"))
        mail = box.wait(before + 2, WAIT_SECONDS)[-1]
        assert mail.login == "XOAUTH2", mail
        assert [it.body for it in server.requests] == [says] * 2, server.requests
        basic = server.requests[0].headers.get("authorization", "").startswith("Basic ")
        assert basic == (name == "client"), server.requests
        assert agent.metric("alertmanager_notification_requests_failed_total") == 0, agent.log()
        assert not any(secret in agent.log() for secret in (PASSWORD, "s3cret", "r3fresh", "ended\"")), "the log tells a secret"


def wrong_addresses(world):
    """A template that makes no address is final: no mail goes out, and nothing is tried again until the next flush."""
    sink, box = world.sink(), Mailbox()
    world.at_end(box.close)
    text = config(box.port, sink).replace("  - to: '", "  - to: '{{ .CommonLabels.to }}' #").replace("group_interval: 1s", "group_interval: 1h")
    agent = world.subject(text)
    agent.api.post_alerts(alert("Door", to="nobody at home"))

    def failed(what):
        return agent.metric(f"alertmanager_{what}_failed_total", integration="email")

    until("it is given up", lambda: failed("notifications") == 1)
    assert failed("notification_requests") == 1, agent.log()
    assert "to: " in agent.log() and "nobody at home" in agent.log(), agent.log()
    for number, evil in enumerate(("ann@example.org>\r\nRCPT TO:<evil@example.org", "ann@example.org\nDATA", "<ann@example.org> SIZE=1>"), 2):
        agent.api.post_alerts(alert(f"Door{number}", to=evil))
        until("it is given up", lambda number=number: failed("notifications") == number)
    agent.api.post_alerts(alert("Window", to="ann@example.org"))
    assert box.wait(1, WAIT_SECONDS)[0].recipients == ["ann@example.org"]


class Scripted:
    """A server that says what a function of the socket says."""

    def __init__(self, talk):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.taken = 0
        threading.Thread(target=self._serve, args=(talk,), daemon=True).start()

    def _serve(self, talk):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.taken += 1
            threading.Thread(target=self._talk, args=(talk, connection), daemon=True).start()

    def _talk(self, talk, connection):
        try:
            with connection:
                talk(connection)
        except OSError:
            pass

    def close(self):
        self._socket.close()


def hangs(connection):
    connection.recv(1)


def endless(connection):
    while True:
        connection.sendall(b"220-on and on\r\n" * 1000)


def refuses(connection):
    connection.sendall(b"554-5.7.1 We do not\r\n554-5.7.1 like your\r\n554 5.7.1 address\r\n")
    connection.recv(100)


def servers_that_fail(world):
    """Whatever a server does, others are told meanwhile, and the log says what it did."""
    for name, talk, word in (("hangs", hangs, None), ("endless", endless, "does not end"), ("refuses", refuses, "like your 5.7.1 address")):
        server, sink = Scripted(talk), world.sink()
        world.at_end(server.close)
        agent = world.subject(config(server.port, sink), name=name)
        begun = time.monotonic()
        agent.api.post_alerts(alert("Door"))
        sink.wait("/hook", 1, WAIT_SECONDS)
        until("the mail server is tried", lambda server=server: server.taken)
        if word:
            until(f"the log says {word!r}", lambda agent=agent, word=word: word in agent.log())
        assert agent.api.get("/-/healthy").status == 200
        assert time.monotonic() - begun < WAIT_SECONDS, name


def hostile_alerts(world):
    """Nothing that an alert says becomes a command, a header or the end of the mail."""
    box, sink = Mailbox(), world.sink()
    world.at_end(box.close)
    text = config(box.port, sink).replace('Subject: "Die Tür', 'Subject: "{{ .CommonLabels.evil }} Die Tür')
    agent = world.subject(text)
    evil = "x\r\nBcc: evil@example.org\r\n\r\n.\r\nRSET\r\nMAIL FROM:<evil@example.org>\r\n"
    agent.api.post_alerts(alert("Door", evil=evil))
    (mail,) = box.wait(1, WAIT_SECONDS)
    message = read(mail)
    assert mail.sender == USER and "evil@example.org" not in mail.recipients, mail
    assert message["Bcc"] is None and len(list(message.iter_parts())) == 2, message


EXIM = """
primary_hostname = mail.example
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
spool_directory = {directory}
log_file_path = {directory}/%slog
pid_file_path = {directory}/exim.pid
exim_user = {user}
exim_group = {user}
never_users =
acl_smtp_rcpt = rcpt
qualify_domain = mail.example
tls_advertise_hosts =
begin acl
rcpt:
  accept authenticated = *
  deny message = log in first
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = {directory}/mails
  user = {user}
begin authenticators
login:
  driver = {driver}
  public_name = {mechanism}
  {secret}
"""
AUTHENTICATORS = {
    "PLAIN": ("plaintext", 'server_prompts = :\n  server_condition = ${if eq{$auth2:$auth3}{USER:PASSWORD}}\n  server_set_id = $auth2'),
    "LOGIN": ("plaintext", 'server_prompts = Username:: : Password::\n  server_condition = ${if eq{$auth1:$auth2}{USER:PASSWORD}}\n  server_set_id = $auth1'),
    "CRAM-MD5": ("cram_md5", "server_secret = ${if eq{$auth1}{USER}{PASSWORD}fail}\n  server_set_id = $auth1"),
}


def exim(world):
    """Exim takes the mail by each of its ways to log in, and delivers it as it was meant."""
    sink = world.sink()
    user = pwd.getpwnam("Debian-exim").pw_name
    for mechanism, (driver, secret) in AUTHENTICATORS.items():
        directory = world.directory / f"exim-{mechanism}"
        directory.mkdir()
        world.directory.chmod(0o755)
        port = free_port()
        secret = secret.replace("USER", USER).replace("PASSWORD", PASSWORD)
        values = {"port": port, "directory": directory, "user": user, "driver": driver, "mechanism": mechanism, "secret": secret}
        conf = world.directory / f"exim-{mechanism}.conf"
        conf.write_text(EXIM.format(**values))
        shutil.chown(directory, user, user)
        world.spawn(f"exim-{mechanism}", "exim4", "-C", str(conf), "-bdf")
        until("exim listens", lambda port=port: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        key = "auth_secret" if mechanism == "CRAM-MD5" else "auth_password"
        agent = world.subject(config(port, sink, f"auth_username: {USER}\n    {key}: {PASSWORD}"), name=mechanism)
        agent.api.post_alerts(alert("Door"))
        mails = directory / "mails"
        until("exim delivers", lambda mails=mails: mails.exists() and b"offen</b>" in mails.read_bytes())
        agent.await_outcomes(1)
        content = mails.read_bytes().split(b"\n", 1)[1]
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert ("text/plain", "text/html") == tuple(part.get_content_type() for part in message.iter_parts()), message
        assert "Tür offen\n.\n..zwei" in message.get_body(("plain",)).get_content(), message


def cases(_settings):
    return [
        ("mail/same", same_as_alertmanager),
        ("mail/login", every_login),
        ("mail/encrypted", encrypted),
        ("mail/oauth2", oauth2),
        ("mail/wrong-addresses", wrong_addresses),
        ("mail/failing", servers_that_fail),
        ("mail/hostile", hostile_alerts),
        ("mail/exim", exim),
    ]
