"""A flock whose mail server or MQTT broker takes connections and says nothing: one member at a time tries, its death hands the
turn on, and the receivers beside it hear of each group once and in time.

How long a take-over took decides, too, unless the machine stood still.
"""

import socket
import sys
import threading
import time
from collections import Counter

import netns
from agent import until
from netns import inside
from scenarios.turns import Site, timing
from world import Busy

CONFIG = """
global: {smtp_from: gateway@example.org, smtp_smarthost: "10.78.0.254:MAIL", smtp_require_tls: false}
route:
  {receiver: all, group_by: [instance], group_wait: 2s, group_interval: 5m, repeat_interval: 1h, routes: [{receiver: own, matchers: ['alertname=~"Bellwether.*"']}]}
receivers:
- name: own  # what the members tell of each other's deaths is no mail that is counted
- name: all
  webhook_configs: [{url: "URL/"}]
  email_configs: [{to: ann@example.org, send_resolved: true}]
  mqtt_configs: [{broker: "mqtt://10.78.0.254:BROKER", availability_topic: ""}]
"""
GROUPS = 10
HUNG = (6, 25)  # seconds; no mail is given up that soon
PROMISED = 2.0  # seconds from a death to the next attempt
BUSY = 0.1  # seconds that this machine may stand still while they are measured


def cases(_settings):
    if netns.missing():
        print(f"hanging: no networks are made, that needs {netns.missing()}", file=sys.stderr)
        return
    yield "hanging/mail_and_mqtt", mail_and_mqtt


class Mute:
    """Takes connections and says nothing; remembers when each came, and from where."""

    def __init__(self, address, namespace):
        self._calls = []
        with inside(namespace):
            self._server = socket.create_server((address, 0), backlog=128)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while True:
            try:
                connection, peer = self._server.accept()
            except OSError:
                return
            self._calls.append((time.time(), peer[0], connection))

    def waiting(self, since=0.0):
        """When and from where the connections came that wait for a word; members that only look have gone."""
        return [(at, sender) for at, sender, connection in list(self._calls) if at >= since and is_open(connection)]

    def close(self):
        self._server.close()
        for _, _, connection in self._calls:
            connection.close()


def is_open(connection):
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class HangingSite(Site):
    """The site of the turns, with a mail server and a broker that say nothing."""

    def one_each(self):
        """Insist that one member at a time tries each mail."""
        waiting = self.mail.waiting()
        assert len(waiting) == GROUPS, f"tried by several at a time: {waiting}"

    def kill_a_holder(self):
        """Kill the member that tries most mails; answers when, and when each of them was tried again."""
        holders = Counter(sender for _, sender in self.mail.waiting())
        sender, held = holders.most_common(1)[0]
        self.nodes[int(sender.split(".")[3]) - 1].kill()
        killed = time.time()
        until("its mails are tried by others", lambda: len(self.mail.waiting(killed)) >= held)
        return killed, [at for at, _ in self.mail.waiting(killed)]

    def configured(self, world, _interval):
        self.mail, self.broker = (Mute(self.net.receivers, self.net.hub) for _ in range(2))
        world.at_end(self.mail.close)
        world.at_end(self.broker.close)
        config = CONFIG.replace("URL", self.sink.url)
        return config.replace("MAIL", str(self.mail.port)).replace("BROKER", str(self.broker.port))


def mail_and_mqtt(world):
    """Ten groups: the webhook hears of each once; each mail is tried by one member at a time, and by another within two seconds
    of its death, whether the mail has hung for 6 s or for 25 s."""
    site = HangingSite(world, 300)
    due = site.post("a", GROUPS)
    site.wait("a", GROUPS, 30)
    times = site.once_each("a", GROUPS)
    until("each mail is being tried", lambda: len(site.mail.waiting()) >= GROUPS)
    said, began = [f"webhooks {timing(times, due)}"], time.time()
    for hung in HUNG:
        time.sleep(max(0.0, began + hung - time.time()))
        site.one_each()
        killed, late = site.kill_a_holder()
        said.append(f"{len(late)} mails that hung for {hung} s tried again after {timing(late, killed)}")
        if max(late) - killed > PROMISED:
            failure = f"taken over too late: {said[-1]}"
            raise Busy(failure) if site.pulse.latest > BUSY else AssertionError(failure)
    time.sleep(HUNG[0])
    site.one_each()
    assert site.broker.waiting(), "nobody has tried the broker"
    site.once_each("a", GROUPS)
    return "; ".join(said)
