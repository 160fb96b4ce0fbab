"""Access: TLS, passwords, tokens and client certificates, with the clients that people use; and what listens at all."""

import base64
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

from agent import LISTENING, WAIT_SECONDS, Agent, free_port, until
from api import Api
from authority import Authority
from browser import Browser, shows_certificates
from scenarios.prometheus import RULES, Exporter

CONFIG = """
route: {receiver: root, group_wait: 1s}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""
QUIET = "route: {receiver: root}\nreceivers: [{name: root}]\n"
PASSWORD = "correct horse"
HASH = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"
READER, POSTER = "reader-0123456789abcdef", "poster-0123456789abcdef"
HEADERS = "http_server_config: {headers: {X-Frame-Options: deny}}\n"
SECONDS = 120
IDLE_TLS_KIB_MAX = 256  # the certificate, the key and what rustls keeps of them


def rules(more=""):
    """A web.config.file with a user and two tokens."""
    tokens = f"tokens: [{{name: r, token: {READER}, rights: read-only}}, {{name: p, token: {POSTER}, rights: post-only}}]\n"
    return f"basic_auth_users: {{ann: '{HASH}'}}\n{tokens}{HEADERS}{more}"


class Served:
    """An agent whose web.config.file is empty when it starts, and is written afterwards: it is read anew.

    With `told` its notifications go to `sink`.
    """

    def __init__(self, world, told=False):
        self.directory = world.directory
        self.file = world.directory / "web.yml"
        self.file.write_text("{}\n")
        self.sink = world.sink() if told else None
        config = CONFIG.replace("SINK", self.sink.url) if told else QUIET
        self.agent = world.subject(config, f"--web.config.file={self.file}")
        self.port = self.agent.port

    def serve(self, text):
        """Write the rules, and wait until somebody without a password is refused."""
        self.file.write_text(text)
        scheme = "https" if "tls_server_config" in text else "http"
        until("the rules are in force", lambda: self.status(scheme, "--insecure") not in ("200", "000") or "RequireAndVerify" in text and self.status("http") == "400")

    def status(self, scheme, *arguments, path="/api/v2/alerts"):
        """The status that curl is answered with; 000 is none."""
        command = ["curl", "-sS", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code}", *map(str, arguments), f"{scheme}://localhost:{self.port}{path}"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def tls(authority, more=""):
    """The section tls_server_config with a certificate for localhost."""
    directory = authority.directory
    if not (directory / "server.crt").exists():
        authority.issue("server")
    return f"tls_server_config: {{cert_file: {directory}/server.crt, key_file: {directory}/server.key{more}}}\n"


def post(*arguments):
    alert = json.dumps([{"labels": {"alertname": "A"}}])
    return ("-X", "POST", "-H", "Content-Type: application/json", "-d", alert, *arguments)


def curl(world):
    """Passwords and tokens over TLS, the right ones and wrong ones; each right does what its name says."""
    authority = Authority(world.directory / "authority")
    served = Served(world)
    served.serve(rules(tls(authority)))
    ca = ("--cacert", authority.certificate)
    bearer = lambda token: ("-H", f"Authorization: Bearer {token}")
    ask = lambda *arguments, **path: served.status("https", *ca, *arguments, **path)
    assert ask() == "401"
    assert ask(path="/-/healthy") == "200" and ask(path="/-/ready") == "200", "health needs no password"
    for path in ("/", "/metrics", "/api/v2/status", "/bellwether/v1/history", "/assets/x", "/nothing"):
        assert ask(path=path) == "401", path
    assert ask("-X", "POST", path="/-/reload") == "401"
    assert ask("-u", f"ann:{PASSWORD}") == "200"
    for wrong in (("-u", "ann:wrong"), ("-u", f"bob:{PASSWORD}"), bearer("wrong"), ("-H", "Authorization: nonsense")):
        assert ask(*wrong) == "401", wrong
    assert [ask(*bearer(READER)), ask(*post(*bearer(READER))), ask("-X", "POST", *bearer(READER), path="/-/reload")] == ["200", "403", "403"]
    assert [ask(*bearer(POSTER)), ask(*post(*bearer(POSTER))), ask("-X", "POST", *bearer(POSTER), path="/-/reload")] == ["403", "200", "403"]
    assert ask(*post("-u", f"ann:{PASSWORD}")) == "200"
    assert served.status("https", "-u", f"ann:{PASSWORD}") == "000", "the certificate is the authority's, whom curl does not trust"
    assert served.status("http") == "400", "plain HTTP is told so"
    for version in ("--tls-max=1.2", "--tlsv1.3"):
        assert ask(version.split("=")[0], *version.split("=")[1:], "-u", f"ann:{PASSWORD}") == "200", version
    head = subprocess.run(["curl", "-sSI", *ca, f"https://localhost:{served.port}/-/healthy"], capture_output=True, text=True, check=True).stdout
    assert "X-Frame-Options: deny" in head, head
    log = served.agent.log()
    assert PASSWORD not in log and READER not in log and HASH not in log, "a secret is in the log"


def certificates(world):
    """Clients need a certificate of the authority; none and another's are refused. Other types ask for less, as they say."""
    authority, other = Authority(world.directory / "authority"), Authority(world.directory / "other")
    served = Served(world)
    more = f", client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.certificate}"
    served.serve(tls(authority, more))
    ca = ("--cacert", authority.certificate)
    right, wrong = authority.issue("client"), other.issue("client")
    for version in (("--tls-max", "1.2"), ("--tlsv1.3",)):
        ask = lambda *arguments: served.status("https", *ca, *version, *arguments)
        assert ask("--cert", right) == "200", version
        assert ask() == "000" and ask("--cert", wrong) == "000", version
    served.file.write_text(tls(authority, more + ", client_allowed_sans: [gateway.example]"))
    until("the name is asked for", lambda: served.status("https", *ca, "--cert", right) == "000")
    named = authority.issue("named", "DNS:gateway.example")
    assert served.status("https", *ca, "--cert", named) == "200"
    clients = world.directory / "clients.pem"
    clients.write_bytes(authority.certificate.read_bytes())
    taken = lambda: [served.status("https", *ca, *own) == "200" for own in ((), ("--cert", wrong), ("--cert", right))]
    for kind, file, expected in (
        ("RequestClientCert", "", [True, True, True]),
        ("RequireAnyClientCert", "", [False, True, True]),
        ("VerifyClientCertIfGiven", f", client_ca_file: {clients}", [True, False, True]),
        ("RequireAndVerifyClientCert", f", client_ca_file: {clients}", [False, False, True]),
    ):
        served.file.write_text(tls(authority, f", client_auth_type: {kind}{file}"))
        until(f"{kind} is in force", lambda expected=expected: taken() == expected)
    clients.write_bytes(other.certificate.read_bytes())
    until("the other authority is trusted instead", lambda: taken() == [False, True, False])


def amtool(world):
    """amtool and our own subcommands by TLS with a password, with a token and with a client certificate; wrong ones are refused."""
    authority, other = Authority(world.directory / "authority"), Authority(world.directory / "other")
    served = Served(world)
    served.serve(rules(tls(authority)))
    url = f"https://localhost:{served.port}"
    trust = {"ca_file": str(authority.certificate)}
    pairs = {}
    for issuer, name in ((authority, "right"), (other, "foreign")):
        issuer.issue("client")
        pairs[name] = {"cert_file": f"{issuer.directory}/client.crt", "key_file": f"{issuer.directory}/client.key"}
    password = lambda text: {"basic_auth": {"username": "ann", "password": text}, "tls_config": trust}
    token = lambda text: {"authorization": {"credentials": text}, "tls_config": trust}
    http = {"http": password(PASSWORD), "reader": token(READER), "wrong-password": password("wrong"), "wrong-token": token("wrong-0123456789abcdef")}
    http |= {"none": {"tls_config": trust}, **{name: {"tls_config": {**trust, **pair}} for name, pair in pairs.items()}}
    files = {"password": PASSWORD + "\n", "token": READER, "wrong": "wrong-0123456789abcdef", **{f"{name}.yml": json.dumps(text) for name, text in http.items()}}
    for name, text in files.items():
        (world.directory / name).write_text(text)

    def run(*command, status=0):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd=world.directory)
        assert done.returncode == status, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    tool = lambda file, *words, **options: run("amtool", f"--alertmanager.url={url}", f"--http.config.file={file}", *words, **options)
    tool("http.yml", "alert", "add", "alertname=Hot", "site=1")
    assert "Hot" in tool("http.yml", "alert", "query") and "Hot" in tool("reader.yml", "alert", "query")
    tool("http.yml", "silence", "add", "alertname=Hot", "--comment=c")
    tool("reader.yml", "silence", "add", "alertname=Hot", "--comment=c", status=1)
    for wrong in ("wrong-password.yml", "wrong-token.yml", "none.yml"):
        tool(wrong, "alert", "query", status=1)
    ours = lambda *words, **options: run(world.settings.subject, *words, f"--url={url}", "--ca-file", authority.certificate, **options)
    assert "alone" in ours("flock", "--user=ann", "--password-file=password")
    assert "alone" in ours("flock", "--token-file=token")
    ours("history", "--token-file=token")
    assert len(ours("ack", "Hot", "--user=ann", "--password-file=password").strip()) == 36
    assert "403" in ours("ack", "Hot", "--token-file=token", status=1)
    assert "answered 401" in ours("flock", "--token-file=wrong", status=1)
    assert "answered 401" in ours("flock", status=1)
    assert "ca_file" in run(world.settings.subject, "flock", f"--url={url}", "--token-file=token", status=1)
    # The same with client certificates alone.
    served.file.write_text(tls(authority, f", client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.certificate}"))
    until("a certificate is asked for", lambda: served.status("https", "--cacert", authority.certificate) == "000")
    shown = lambda name: [f"--{end}-file={pairs[name][f'{end}_file']}" for end in ("cert", "key")]
    assert "Hot" in tool("right.yml", "silence", "query")
    assert "alone" in ours("flock", *shown("right"))
    for wrong in ("none.yml", "foreign.yml"):
        tool(wrong, "alert", "query", status=1)
    ours("flock", status=1)
    ours("flock", *shown("foreign"), status=1)


def alerting(world, served, ways):
    """Prometheus posts an alert in each of these ways, one after the other: all but the last are refused."""
    sink = served.sink
    exporter = Exporter(80)
    (world.directory / "rules.yml").write_text(RULES)
    scrape = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": ["rules.yml"]}
    scrape["scrape_configs"] = [{"job_name": "site", "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}]
    for number, way in enumerate(ways):
        target = {"scheme": "https", "static_configs": [{"targets": [f"localhost:{served.port}"]}], **way}
        file = world.directory / f"prometheus-{number}.yml"
        file.write_text(json.dumps({**scrape, "alerting": {"alertmanagers": [target]}}))
        port = free_port()
        process = world.spawn(f"prometheus-{number}", "prometheus", f"--config.file={file}", f"--storage.tsdb.path=tsdb-{number}", f"--web.listen-address=127.0.0.1:{port}")
        if number + 1 < len(ways):
            def failed(port=port):
                try:
                    text = Api(port).get("/metrics").text
                except OSError:
                    return False
                return any(float(count) > 0 for count in re.findall(r"notifications_errors_total\{[^}]*\} (\S+)", text))

            until("Prometheus is refused", failed)
            assert sink.payloads("/root") == []
            process.terminate()
    (fired,) = sink.wait("/root", 1, SECONDS)
    assert fired["commonLabels"]["alertname"] == "TooHot", fired


def prometheus(world):
    """Prometheus posts by TLS with a token that may do nothing else; with a wrong one nothing comes."""
    authority = Authority(world.directory / "authority")
    served = Served(world, told=True)
    served.serve(rules(tls(authority)))
    ways = [{"tls_config": {"ca_file": str(authority.certificate)}, "authorization": {"credentials": token}} for token in ("wrong-0123456789abcdef", POSTER)]
    alerting(world, served, ways)


def prometheus_password(world):
    """Prometheus posts by TLS with a password; with a wrong one nothing comes."""
    authority = Authority(world.directory / "authority")
    served = Served(world, told=True)
    served.serve(rules(tls(authority)))
    ways = [{"tls_config": {"ca_file": str(authority.certificate)}, "basic_auth": {"username": "ann", "password": text}} for text in ("wrong", PASSWORD)]
    alerting(world, served, ways)


def prometheus_certificate(world):
    """Prometheus posts with a client certificate; with none, or with another authority's, nothing comes."""
    authority, other = Authority(world.directory / "authority"), Authority(world.directory / "other")
    served = Served(world, told=True)
    served.serve(tls(authority, f", client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.certificate}"))
    ways = [{"tls_config": {"ca_file": str(authority.certificate)}}]
    for issuer in (other, authority):
        issuer.issue("client")
        own = {"cert_file": f"{issuer.directory}/client.crt", "key_file": f"{issuer.directory}/client.key"}
        ways.append({"tls_config": {"ca_file": str(authority.certificate), **own}})
    alerting(world, served, ways)


def thousand(world):
    """1,000 wrong passwords from 40 clients: none gets in, health answers meanwhile, and a right password too."""
    served = Served(world)
    served.serve(rules())
    right = {"Authorization": "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()}
    api = Api(served.port)
    assert api.request("GET", "/api/v2/alerts", headers=right).status == 200
    quiet = worst(lambda: api.get("/-/healthy"), 200)
    # The loop's work on 1,000 requests that are let in, to compare with.
    used = loop_ticks(served.agent)
    for _ in range(1000):
        assert Api(served.port).request("GET", "/api/v2/alerts", headers=right).status == 200
    used = loop_ticks(served.agent) - used
    lost = loop_ticks(served.agent)
    before = served.agent.api.request("GET", "/metrics", headers=right).text
    answers, left, lock = [], list(range(1000)), threading.Lock()

    def attack():
        while True:
            with lock:
                if not left:
                    return
                number = left.pop()
            wrong = base64.b64encode(f"ann:wrong {number}".encode()).decode()
            status = Api(served.port).request("GET", "/api/v2/alerts", headers={"Authorization": f"Basic {wrong}"}).status
            with lock:
                answers.append(status)

    attackers = [threading.Thread(target=attack) for _ in range(40)]
    begun = time.monotonic()
    for attacker in attackers:
        attacker.start()
    healthy, slowest = 0, 0
    while any(attacker.is_alive() for attacker in attackers) or not healthy:
        slowest = max(slowest, worst(lambda: api.get("/-/healthy"), 1))
        assert api.request("GET", "/api/v2/alerts", headers=right).status == 200, "what was right before is let in"
        healthy += 1
    for attacker in attackers:
        attacker.join()
    lost = loop_ticks(served.agent) - lost
    minutes = 1 + (time.monotonic() - begun) // 60  # after each, an address may try again
    counts = {status: answers.count(status) for status in sorted(set(answers))}
    assert set(counts) <= {401, 429, 503} and sum(counts.values()) == 1000, counts
    count = lambda text: int(re.search(r"bellwether_http_access_refused_total (\d+)", text).group(1))
    after = api.request("GET", "/metrics", headers=right).text
    assert count(after) - count(before) == 1000, (count(before), count(after))
    assert counts.get(401, 0) <= 10 * minutes, counts
    # The loop also answers health and the right password meanwhile. A hash by bcrypt on it would be ten times as much.
    most = 2 * used * (1000 + 2 * healthy) / 1000 + 50
    assert lost < most, f"{lost} ticks of the loop for 1,000 wrong passwords, {used} for 1,000 right ones"
    assert slowest < 1, f"health took {slowest:.2f} s"
    return f"answers {counts}; the loop's time {lost * 10} ms, with health and a right password {healthy} times; 1,000 right ones alone {used * 10} ms; health {slowest * 1000:.0f} ms at worst, {quiet * 1000:.0f} before"


def loop_ticks(agent):
    """Hundredths of a second that the loop's thread has had of a processor."""
    fields = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 100 // os.sysconf("SC_CLK_TCK")


def worst(ask, times):
    """The longest that a question took, in seconds."""
    slowest = 0
    for _ in range(times):
        begun = time.monotonic()
        assert ask().status == 200
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


def page(world):
    """The page in Chromium by TLS: a password and a token with rights write, a token without does not, wrong ones see nothing."""
    authority = Authority(world.directory / "authority")
    served = Served(world)
    served.agent.api.post_alerts({"labels": {"alertname": "DiskFull"}, "endsAt": "2099-01-01T00:00:00Z"})
    served.serve(rules(tls(authority)))
    browser = Browser(world)
    # Whether the browser trusts our authority is its own affair.
    browser.cdp("Security.enable")
    browser.cdp("Security.setIgnoreCertificateErrors", ignore=True)
    browser.cdp("Network.enable")
    as_ = lambda header: browser.cdp("Network.setExtraHTTPHeaders", headers={"Authorization": header})
    basic = lambda password: "Basic " + base64.b64encode(f"ann:{password}".encode()).decode()
    silences = lambda: served.status("https", "--cacert", authority.certificate, "-u", f"ann:{PASSWORD}", path="/api/v2/silences")
    for wrong in (basic("wrong"), "Bearer wrong-0123456789abcdef", f"Bearer {POSTER}"):
        as_(wrong)
        browser.open(f"https://localhost:{served.port}/")
        assert "DiskFull" not in browser.find("body").text and not browser.all(".group"), wrong
    # By the address, as a person types the password.
    as_("")
    browser.cdp("Network.setExtraHTTPHeaders", headers={})
    browser.open(f"https://ann:{PASSWORD.replace(' ', '%20')}@localhost:{served.port}/")
    browser.open(f"https://localhost:{served.port}/")
    browser.find(".group", "DiskFull")
    browser.run("localStorage.setItem('bellwether.author', 'Ann')")
    browser.click(".alert button", "Acknowledge")
    made = lambda: json.loads(subprocess.run(["curl", "-sS", "--cacert", authority.certificate, "-u", f"ann:{PASSWORD}", f"https://localhost:{served.port}/api/v2/silences"], capture_output=True, text=True, check=True).stdout)
    until("the page has written", lambda: [it["createdBy"] for it in made()] == ["Ann"])
    assert silences() == "200"
    # A proxy that adds a token that may only read.
    reader = Browser(world)
    reader.cdp("Security.enable")
    reader.cdp("Security.setIgnoreCertificateErrors", ignore=True)
    reader.cdp("Network.enable")
    reader.cdp("Network.setExtraHTTPHeaders", headers={"Authorization": f"Bearer {READER}"})
    reader.open(f"https://localhost:{served.port}/#/silences")
    reader.find("body", "Ann")
    ask = "const [done] = [...arguments].slice(-1); fetch('api/v2/alerts', {method: 'POST', body: '[]', headers: {'Content-Type': 'application/json'}}).then((it) => done(it.status))"
    assert reader.driver.execute_async_script(ask) == 403


def page_certificate(world):
    """The page in Chromium with a client certificate, which writes; without one, or with another authority's, there is no page."""
    authority, other = Authority(world.directory / "authority"), Authority(world.directory / "other")
    served = Served(world)
    served.agent.api.post_alerts({"labels": {"alertname": "DiskFull"}, "endsAt": "2099-01-01T00:00:00Z"})
    served.serve(tls(authority, f", client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.certificate}"))
    url = f"https://localhost:{served.port}"
    shows_certificates(world, url)
    right = authority.issue("client")

    def opened(certificate):
        browser = Browser(world, certificate=certificate)
        browser.cdp("Security.enable")
        browser.cdp("Security.setIgnoreCertificateErrors", ignore=True)
        try:
            browser.open(url)
        except Exception as error:  # the driver tells so of a page that did not come
            assert "net::ERR_" in str(error), error
        return browser

    for refused in (None, other.issue("client")):
        browser = opened(refused)
        assert "ERR_" in browser.run("return document.documentElement.outerHTML"), refused
        assert not browser.all(".group"), refused
    browser = opened(right)
    browser.find(".group", "DiskFull")
    browser.run("localStorage.setItem('bellwether.author', 'Ann')")
    browser.click(".alert button", "Acknowledge")
    browser.find(".alert .state", "silenced")
    command = ["curl", "-sS", "--cacert", authority.certificate, "--cert", right, f"{url}/api/v2/silences"]
    (made,) = json.loads(subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout)
    assert made["createdBy"] == "Ann", made
    assert not browser.errors(), browser.errors()


def handshakes(world):
    """More handshakes at a time than are computed with: all are done. And the memory of served TLS before anybody connects."""
    authority = Authority(world.directory / "authority")
    tls(authority)
    memory = {}
    for name, text in (("plain", rules()), ("TLS", rules(tls(authority)))):
        (world.directory / "web.yml").write_text(text)
        (world.directory / name).mkdir()
        agent = Agent(world.settings.subject, world.directory / name, QUIET, f"--web.config.file={world.directory / 'web.yml'}")
        agent.launch()
        world.at_end(agent.stop)
        port = int(until("it listens", lambda agent=agent: LISTENING.search(agent.log())).group(1))
        time.sleep(1)
        status = Path(f"/proc/{agent.process.pid}/status").read_text()
        memory[name] = int(re.search(r"RssAnon:\s+(\d+)", status).group(1))
    context = ssl.create_default_context(cafile=str(authority.certificate))
    done, lock = [], threading.Lock()

    def shake():
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, context.wrap_socket(connection, server_hostname="localhost") as encrypted:
                encrypted.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = encrypted.recv(4096)
            with lock:
                done.append(answer.startswith(b"HTTP/1.1 200"))

    clients = [threading.Thread(target=shake) for _ in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert done == [True] * 100, done.count(True)
    costs = memory["TLS"] - memory["plain"]
    assert costs < IDLE_TLS_KIB_MAX, memory
    return f"{costs} KiB of memory for served TLS before anybody connects: {memory}"


def rotate(world):
    """A new certificate, password and token are taken without a restart; a mistake leaves the old ones in force."""
    authority = Authority(world.directory / "authority")
    served = Served(world)
    served.serve(rules(tls(authority)))
    ca, ann = ("--cacert", authority.certificate), ("-u", f"ann:{PASSWORD}")
    assert served.status("https", *ca, *ann) == "200"
    directory = authority.directory
    authority.issue("next")
    serial = lambda: subprocess.run(f"openssl s_client -connect localhost:{served.port} </dev/null 2>/dev/null | openssl x509 -noout -subject", shell=True, capture_output=True, text=True, check=False).stdout
    assert "server" in serial(), serial()
    for end in ("key", "crt"):
        (directory / f"server.{end}").write_bytes((directory / f"next.{end}").read_bytes())
    until("the next certificate is served", lambda: "next" in serial())
    served.file.write_text("basic_auth_users: {ann: hunter2}\n")
    until("the mistake is told", lambda: (served.status("https", *ca, *ann), "expected a hash by bcrypt" in served.agent.log())[1])
    assert served.status("https", *ca, *ann) == "200" and "hunter2" not in served.agent.log()
    served.file.write_text(tls(authority) + "tokens: [{name: n, token: another-0123456789}]\n")
    until("the old password is gone", lambda: served.status("https", *ca, *ann) == "401")
    assert served.status("https", *ca, "-H", "Authorization: Bearer another-0123456789") == "200"


def open_door(world):
    """An agent that others reach says at its start that it lets in anybody, also where a flag has given the address."""
    agent = world.subject(QUIET, "--web.listen-address=0.0.0.0:0")
    (warning,) = [line for line in agent.log().splitlines() if "without users or tokens" in line]
    assert "0.0.0.0:0" in warning and "127.0.0.1:0" not in warning, warning


def secrets(world):
    """A secret where something else is expected is in no answer to a reload, not in the log and not in the status."""
    agent = world.subject(QUIET)
    config = "route: {receiver: root}\nreceivers: [{name: root, webhook_configs: [{url: 'http://x/', KEYS}]}]\n"
    for keys in ('http_config: {authorization: "Bearer hunter2"}', "http_config: hunter2", "http_config: {http_headers: {X: {secrets: hunter2}}}", "http_config: {basic_auth: [hunter2]}", "url_file: {hunter2: 1}"):
        agent.write_config(config.replace("KEYS", keys))
        answer = agent.api.request("POST", "/-/reload")
        assert answer.status == 500 and "webhook_configs" in answer.text, f"{keys}: {answer.status} {answer.text}"
        for told in (answer.text, agent.log(), agent.api.get("/api/v2/status").text):
            assert "hunter2" not in told, f"{keys}: {told}"


def unix(world):
    """A Unix socket with its mode; TLS has no place there, and a socket that was left behind is replaced."""
    path = world.directory / "bellwether.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    agent = world.subject(QUIET, f"--web.listen-address=unix:{path}", "--web.socket-mode=0620")
    assert path.stat().st_mode & 0o777 == 0o620
    run = lambda *command: subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert run("curl", "-sS", "--unix-socket", str(path), "http://localhost/-/healthy").startswith("OK")
    assert run("curl", "-sS", "--unix-socket", str(path), *post(), "http://localhost/api/v2/alerts") == ""
    assert [alert["labels"]["alertname"] for alert in agent.api.alerts()] == ["A"]
    assert "alone" in run(world.settings.subject, "flock", f"--url=unix:{path}")
    agent.stop()
    assert not path.exists()


def systemd_socket(world):
    """The sockets that systemd passes are served, and nothing else; without one it does not start."""
    port, path = free_port(), world.directory / "passed.sock"
    flags = (f"--web.listen-address=127.0.0.1:{free_port()}", "--web.systemd-socket")
    agent = Agent(world.settings.subject, world.directory / "agent", QUIET, *flags[1:], listen=flags[0].partition("=")[2])
    passing = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "-l", str(path)]
    process = world.spawn("activated", *passing, *agent.command())
    told = world.directory / "activated.log"
    url = f"http://127.0.0.1:{port}"
    # The first connection starts the agent, and is answered by it.
    until("the socket is there", lambda: "Listening on" in told.read_text())
    run = lambda *command: subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert run("curl", "-sS", f"{url}/-/healthy").startswith("OK")
    assert run("curl", "-sS", "--unix-socket", str(path), *post(), "http://localhost/api/v2/alerts") == ""
    assert '"A"' in run("curl", "-sS", f"{url}/api/v2/alerts")
    listens = re.findall(r'msg="Listening on".*', told.read_text())
    assert len(listens) == 2 and str(port) in listens[0] and str(path) in listens[1], told.read_text()
    process.terminate()
    process.wait()
    # The path is systemd's, not the agent's.
    assert path.exists()
    alone = subprocess.run(agent.command(), capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert alone.returncode == 1 and "no socket was passed" in alone.stdout + alone.stderr, alone


def ports(world):
    """The default agent, alone in a network namespace: every port is tried, and HTTP on loopback is all that there is."""
    agent = Agent(world.settings.subject, world.directory / "default", QUIET, prefix=("unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"))
    command = [word for word in agent.command() if not word.startswith(("--web.listen", "--cluster.listen"))]
    process = world.spawn("default", *command)
    log = world.directory / "default.log"
    until("it listens", lambda: log.exists() and "Listening on" in log.read_text())
    scan = (
        "import socket\n"
        "for port in range(1, 65536):\n"
        "    for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):\n"
        "        with socket.socket(family) as probe:\n"
        # A probe whose own port happens to be the one that it tries meets itself.
        "            if probe.connect_ex((host, port)) == 0 and probe.getsockname() != probe.getpeername(): print(host, port)\n"
    )
    enter = ("nsenter", "-t", str(process.pid), "-n")
    found = subprocess.run([*enter, "python3", "-c", scan], capture_output=True, text=True, check=True).stdout.split("\n")
    assert [line for line in found if line] == ["127.0.0.1 9093"], found
    listed = "".join(subprocess.run([*enter, "cat", f"/proc/{process.pid}/net/{kind}"], capture_output=True, text=True, check=False).stdout for kind in ("udp", "udp6", "raw", "raw6"))
    sockets = [line for line in listed.splitlines() if "local_address" not in line]
    assert not sockets, sockets
    # Unix sockets of a name that others could connect to: one of the flags LISTEN (00010000).
    own = {Path(entry).readlink().name for entry in Path(f"/proc/{process.pid}/fd").iterdir()}
    listens = [line for line in Path(f"/proc/{process.pid}/net/unix").read_text().splitlines() if " 00010000 " in line and f"socket:[{line.split()[6]}]" in own]
    assert not listens, listens


def cases(_settings):
    return [
        ("access/curl", curl),
        ("access/certificates", certificates),
        ("access/amtool", amtool),
        ("access/prometheus", prometheus),
        ("access/prometheus_password", prometheus_password),
        ("access/prometheus_certificate", prometheus_certificate),
        ("access/thousand", thousand),
        ("access/page", page),
        ("access/page_certificate", page_certificate),
        ("access/handshakes", handshakes),
        ("access/rotate", rotate),
        ("access/open_door", open_door),
        ("access/secrets", secrets),
        ("access/unix", unix),
        ("access/systemd_socket", systemd_socket),
        ("access/ports", ports),
    ]


HEAVY = ("access/thousand", "access/ports")
