"""Measures one agent: what an alert costs, what memory holds, how long things take.

The client that sends and times is compiled (client.rs). Both agents are warmed up alike:

- An agent that is sent alerts has first taken the first ten of them 500 times, and has come to rest: its code has run, Go has
  grown its heap and collected garbage. So ten of 10,000 "new" ones are not, and memory holds no more alerts than it says. "Idle" is
  measured before.
- Of lists of the same alerts the first is not measured. Those anew, and those under rules of inhibition, are each the first: it finds
  nothing that an earlier one has compared.
- The first 20 notifications are not measured; of five starts the median counts, so that the binary has been read.
"""

import os
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from agent import Agent
from load import Client, alert, batches, post, silence

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
WARM_ALERTS = 10
WARM_POSTS = 500
WARM_LATENCIES = 20
SETTLE_SECONDS = 0.5
CPUCLOCK_SCHED = 2  # linux/posix-timers.h

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
    """Nanoseconds on a CPU of all threads of the process, those that have ended too, by the scheduler's count.

    The clock is that of clock_getcpuclockid(3). stat counts in ticks of 10 ms, schedstat loses threads that end.
    """
    return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED)


def memory_mib(pid):
    """Resident and proportional memory."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return tuple(int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M).group(1)) / 1024 for name in ("Rss", "Pss"))


def measure(binary, program):
    """All metrics of one fresh agent, as name -> value, by a fresh client of this program."""
    directory = Path(tempfile.mkdtemp(prefix="bellwether-bench-"))
    client = Client(program)
    try:
        found = {"binary": os.path.getsize(binary) / (1 << 20)}
        found["start to ready"] = statistics.median(start_to_ready(binary, directory / f"start-{n}") for n in range(STARTS))
        found.update(load_and_list(binary, directory / "load", client))
        found.update(many_routes_and_rules(binary, directory, client))
        found.update(growth(binary, directory / "growth", client))
        found["POST to webhook, group_wait 0"] = post_to_webhook(binary, directory / "latency", client)
        return found
    finally:
        client.close()
        shutil.rmtree(directory, ignore_errors=True)


def start_to_ready(binary, directory):
    """Milliseconds from exec until /-/ready answers, the log read every 2 ms for the port."""
    agent = Agent(binary, directory, QUIET)
    began = time.perf_counter()
    agent.start(poll=0.002)
    took = time.perf_counter() - began
    agent.stop()
    return took * 1e3


def warm_up(agent, client):
    """Connect to an agent, and let it take the first alerts some times that are not measured."""
    client.connect(agent.port)
    client.send([post([alert(number) for number in range(WARM_ALERTS)])] * WARM_POSTS)
    time.sleep(SETTLE_SECONDS)


def load_and_list(binary, directory, client):
    """CPU and memory while 10,000 alerts come, come again, come singly, and are listed."""
    agent = Agent(binary, directory, QUIET).start()
    pid = agent.process.pid
    found = {}
    time.sleep(1)
    found["resident, idle"], found["proportional, idle"] = memory_mib(pid)

    warm_up(agent, client)
    for name in ("new", "re-posted"):
        found[f"CPU an alert, {name}, batches of 64"], _ = batches_us(pid, client)
    time.sleep(1)
    found["resident, 10,000 alerts"], found["proportional, 10,000 alerts"] = memory_mib(pid)

    found["CPU a POST of one alert, re-posted"], found["time a POST of one alert"] = singles_us(pid, client)

    list_ms(pid, client)
    cpu, times = list_ms(pid, client, LISTS)
    found["time to list 10,000 alerts"] = statistics.median(times)
    found["CPU to list 10,000 alerts"] = cpu / LISTS

    client.send([silence(number) for number in range(SILENCES)])
    for name in ("anew after 1,000 silences of patterns", "again"):
        found[f"CPU to list them {name}"], _ = list_ms(pid, client)
    found["resident then"], _ = memory_mib(pid)
    agent.stop()
    return found


def many_routes_and_rules(binary, directory, client):
    """CPU while 10,000 alerts come under many routes, and under many rules of inhibition, under which they are listed too."""
    found = {}
    for name, text in (("1,000 routes", MANY_ROUTES), ("200 rules of inhibition", MANY_RULES)):
        agent = Agent(binary, directory / name.replace(" ", "-"), text).start()
        pid = agent.process.pid
        warm_up(agent, client)
        found[f"CPU an alert, new, {name}"], _ = batches_us(pid, client)
        if text is MANY_RULES:
            found["CPU to list 10,000 alerts under them"], _ = list_ms(pid, client)
        agent.stop()
    return found


def growth(binary, directory, client):
    """CPU of a new alert while there are few, and many; memory of one more while there are many."""
    agent = Agent(binary, directory, QUIET).start()
    warm_up(agent, client)
    pid, found, begun, held = agent.process.pid, {}, WARM_ALERTS, 0
    for count in GROWTH:
        numbers = range(begun, count)
        rest, last = numbers[:-1_000], numbers[-1_000:]
        for some in (rest, last):
            requests = [post([alert(number) for number in some[first : first + BATCH]]) for first in range(0, len(some), BATCH)]
            cpu, _ = costs_us(pid, client, requests)
        name = "of the first 1,000" if count == GROWTH[0] else f"when there are {count:,}"
        found[f"CPU an alert, new, {name}"] = cpu / len(last)
        time.sleep(1)
        before, held = held, memory_mib(pid)[0]
        found["bytes resident for one more alert"] = (held - before) * (1 << 20) / (count - begun)
        begun = count
    agent.stop()
    return found


def batches_us(pid, client):
    """Microseconds of CPU and of time for each of 10,000 alerts, in batches of 64."""
    return [cost / ALERTS for cost in costs_us(pid, client, batches(ALERTS, BATCH))]


def singles_us(pid, client):
    """Microseconds of CPU and of time for each of 2,000 POSTs of one alert that is there."""
    return [cost / SINGLES for cost in costs_us(pid, client, [post([alert(number)]) for number in range(SINGLES)])]


def costs_us(pid, client, requests):
    """Microseconds of CPU the agent spends on the requests and on what they leave to do, and those until all are answered."""
    before = cpu_ns(pid)
    took = client.send(requests)
    time.sleep(SETTLE_SECONDS)
    return (cpu_ns(pid) - before) / 1e3, took / 1e3


def list_ms(pid, client, count=1):
    """Milliseconds of CPU the agent spends until so many lists of all alerts have been read, and those until each has been."""
    before = cpu_ns(pid)
    lists = client.get("/api/v2/alerts", count)
    cpu = cpu_ns(pid) - before
    least = min(size for size, _ in lists)
    assert least > ALERTS * 300, f"only {least} bytes were listed"
    return cpu / 1e6, [took / 1e6 for _, took in lists]


def post_to_webhook(binary, directory, client):
    """Milliseconds from the POST of a new alert to the first bytes of its notification, the median of many."""
    agent = Agent(binary, directory, PROMPT.replace("PORT", str(client.hook_port))).start()
    _, took = notified_us(agent, client)
    agent.stop()
    return took / 1e3


def notified_us(agent, client):
    """Microseconds of CPU for a POST of a new alert and its notification, and those until its first bytes, the median of many."""
    pid, requests = agent.process.pid, [post([alert(number)]) for number in range(WARM_LATENCIES + LATENCIES)]
    client.connect(agent.port)
    client.notified(requests[:WARM_LATENCIES])
    before = cpu_ns(pid)
    times = client.notified(requests[WARM_LATENCIES:])
    time.sleep(SETTLE_SECONDS)
    return (cpu_ns(pid) - before) / 1e3 / LATENCIES, statistics.median(times) / 1e3
