"""Measures one agent: what an alert costs, what memory holds, how long things take."""

import os
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from agent import Agent
from load import Connection, Receiver, alert, batches, post, silence

ALERTS = 10_000
BATCH = 64
SINGLES = 2_000
LISTS = 5
SILENCES = 1_000
ROUTES = 1_000
RULES = 200
GROWTH = (1_000, 5_000, 20_000)  # alerts; of the last thousand up to each it is measured what one costs
STARTS = 5
LATENCIES = 100
SETTLE_SECONDS = 0.5

QUIET = """
route: {receiver: nobody, group_by: [alertname], group_wait: 1h, group_interval: 1h, repeat_interval: 4h}
receivers:
- {name: nobody}
"""
PROMPT = """
route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1h, repeat_interval: 4h}
receivers:
- {name: hook, webhook_configs: [{url: "http://127.0.0.1:PORT/"}]}
"""

# Each alert is compared with ten of the routes by its name alone, and with more than one of them by its site.
MANY_ROUTES = QUIET.replace(
    "4h}",
    "4h, routes: ["
    + ", ".join(f"{{receiver: nobody, matchers: ['alertname=\"Alert{n % 100}\"', 'site=~\"site-{n // 100}.*\"']}}" for n in range(ROUTES))
    + "]}",
)
# Half of them inhibit alerts that are there.
MANY_RULES = QUIET + "inhibit_rules:\n" + "".join(
    f"- {{source_matchers: ['alertname=\"Alert{n}\"', 'severity=\"critical\"'], target_matchers: ['alertname=\"Alert{n}\"', 'severity=~\"warn.*\"'], equal: [site]}}\n"
    for n in range(RULES)
)

METRICS = {  # name -> (unit, decimals)
    "binary": ("MiB", 1),
    "start to ready": ("ms", 1),
    "resident, idle": ("MiB", 1),
    "proportional, idle": ("MiB", 1),
    "CPU an alert, new, batches of 64": ("us", 1),
    "CPU an alert, re-posted, batches of 64": ("us", 1),
    "CPU an alert, new, 1,000 routes": ("us", 1),
    "CPU an alert, new, 200 rules of inhibition": ("us", 1),
    "CPU to list 10,000 alerts under them": ("ms", 1),
    "CPU an alert, new, of the first 1,000": ("us", 1),
    "CPU an alert, new, when there are 5,000": ("us", 1),
    "CPU an alert, new, when there are 20,000": ("us", 1),
    "bytes resident for one more alert": ("bytes", 0),
    "CPU a POST of one alert, re-posted": ("us", 1),
    "time a POST of one alert": ("us", 0),
    "resident, 10,000 alerts": ("MiB", 1),
    "proportional, 10,000 alerts": ("MiB", 1),
    "time to list 10,000 alerts": ("ms", 1),
    "CPU to list 10,000 alerts": ("ms", 1),
    "CPU to list them anew after 1,000 silences of patterns": ("ms", 0),
    "CPU to list them again": ("ms", 1),
    "resident then": ("MiB", 1),
    "POST to webhook, group_wait 0": ("ms", 2),
}


def cpu_ns(pid):
    """Nanoseconds on a CPU of all threads of the process, by the scheduler's count (stat counts in ticks of 10 ms)."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def memory_mib(pid):
    """Resident and proportional memory."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return tuple(int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M).group(1)) / 1024 for name in ("Rss", "Pss"))


def measure(binary):
    """All metrics of one fresh agent, as name -> value."""
    directory = Path(tempfile.mkdtemp(prefix="bellwether-bench-"))
    try:
        found = {"binary": os.path.getsize(binary) / (1 << 20)}
        found["start to ready"] = statistics.median(start_to_ready(binary, directory / f"start-{n}") for n in range(STARTS))
        found.update(load_and_list(binary, directory / "load"))
        found.update(many_routes_and_rules(binary, directory))
        found.update(growth(binary, directory / "growth"))
        found["POST to webhook, group_wait 0"] = post_to_webhook(binary, directory / "latency")
        return found
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def start_to_ready(binary, directory):
    """Milliseconds from exec until /-/ready answers, the log read every 2 ms for the port."""
    agent = Agent(binary, directory, QUIET)
    began = time.perf_counter()
    agent.start(poll=0.002)
    took = time.perf_counter() - began
    agent.stop()
    return took * 1e3


def load_and_list(binary, directory):
    """CPU and memory while 10,000 alerts come, come again, come singly, and are listed."""
    agent = Agent(binary, directory, QUIET).start()
    pid = agent.process.pid
    found = {}
    time.sleep(1)
    found["resident, idle"], found["proportional, idle"] = memory_mib(pid)

    connection = Connection(agent.port)
    requests = batches(ALERTS, BATCH)
    for name in ("new", "re-posted"):
        found[f"CPU an alert, {name}, batches of 64"] = cpu_us(pid, connection, requests) / ALERTS
    time.sleep(1)
    found["resident, 10,000 alerts"], found["proportional, 10,000 alerts"] = memory_mib(pid)

    singles = [post([alert(number)]) for number in range(SINGLES)]
    began = time.perf_counter()
    found["CPU a POST of one alert, re-posted"] = cpu_us(pid, connection, singles) / SINGLES
    found["time a POST of one alert"] = (time.perf_counter() - began - SETTLE_SECONDS) / SINGLES * 1e6

    times, before = [], cpu_ns(pid)
    for _ in range(LISTS):
        began = time.perf_counter()
        size = connection.get("/api/v2/alerts")
        times.append((time.perf_counter() - began) * 1e3)
        assert size > ALERTS * 300, f"only {size} bytes were listed"
    found["time to list 10,000 alerts"] = statistics.median(times)
    found["CPU to list 10,000 alerts"] = (cpu_ns(pid) - before) / LISTS / 1e6

    for number in range(SILENCES):
        connection.exchange(silence(number))
    for name in ("anew after 1,000 silences of patterns", "again"):
        before = cpu_ns(pid)
        connection.get("/api/v2/alerts")
        found[f"CPU to list them {name}"] = (cpu_ns(pid) - before) / 1e6
    found["resident then"], _ = memory_mib(pid)
    connection.close()
    agent.stop()
    return found


def many_routes_and_rules(binary, directory):
    """CPU while 10,000 alerts come under many routes, and under many rules of inhibition, under which they are listed too."""
    found = {}
    for name, text in (("1,000 routes", MANY_ROUTES), ("200 rules of inhibition", MANY_RULES)):
        agent = Agent(binary, directory / name.replace(" ", "-"), text).start()
        connection = Connection(agent.port)
        found[f"CPU an alert, new, {name}"] = cpu_us(agent.process.pid, connection, batches(ALERTS, BATCH)) / ALERTS
        if text is MANY_RULES:
            before = cpu_ns(agent.process.pid)
            connection.get("/api/v2/alerts")
            found["CPU to list 10,000 alerts under them"] = (cpu_ns(agent.process.pid) - before) / 1e6
        connection.close()
        agent.stop()
    return found


def growth(binary, directory):
    """CPU of a new alert while there are few, and many; memory of one more while there are many."""
    agent = Agent(binary, directory, QUIET).start()
    pid, connection, found, begun, held = agent.process.pid, Connection(agent.port), {}, 0, 0
    for count in GROWTH:
        numbers = range(begun, count)
        rest, last = numbers[:-1_000], numbers[-1_000:]
        for some in (rest, last):
            requests = [post([alert(number) for number in some[first : first + BATCH]]) for first in range(0, len(some), BATCH)]
            cpu = cpu_us(pid, connection, requests) / 1_000
        name = "of the first 1,000" if count == GROWTH[0] else f"when there are {count:,}"
        found[f"CPU an alert, new, {name}"] = cpu
        time.sleep(1)
        before, held = held, memory_mib(pid)[0]
        found["bytes resident for one more alert"] = (held - before) * (1 << 20) / (count - begun)
        begun = count
    connection.close()
    agent.stop()
    return found


def cpu_us(pid, connection, requests):
    """Microseconds of CPU the agent spends on the requests, and on what they leave to do."""
    before = cpu_ns(pid)
    for request in requests:
        connection.send(request)
    time.sleep(SETTLE_SECONDS)
    return (cpu_ns(pid) - before) / 1e3


def post_to_webhook(binary, directory):
    """Milliseconds from the POST of a new alert to the first bytes of its notification, the median of many."""
    receiver = Receiver()
    agent = Agent(binary, directory, PROMPT.replace("PORT", str(receiver.port))).start()
    connection = Connection(agent.port)
    times = []
    for number in range(LATENCIES):
        request = post([alert(number)])
        began = time.perf_counter()
        connection.socket.sendall(request)
        times.append((receiver.wait(10) - began) * 1e3)
        answer = connection.socket.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
    connection.close()
    agent.stop()
    receiver.close()
    return statistics.median(times)
