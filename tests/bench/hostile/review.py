"""Inputs that a reading of the code suggested: work that was bounded for many alerts, and not for one; names that were
looked for in lists; texts that are repeated in what lies below them."""

import threading
import time
from urllib.parse import quote

from load import Receiver, post
from patterns import filters, large, small
from subject import config, hostile

DEAR = ".*b[ab]{900}"  # takes almost all steps that a pattern may take on DEAR_VALUE, and matches
DEAR_VALUE = "b" + "ab" * 780


def dear(count):
    return [{"labels": {"alertname": f"a{n}", "x": DEAR_VALUE}} for n in range(count)]


@hostile("one alert of 45 KB under 2,000 regex routes")
def long_under_routes(subject):
    subject.start(config(", ".join(f"{{receiver: nobody, matchers: ['x=~\".*[x-z]{n}.*\"']}}" for n in range(2_000))))
    body = post(large(1))
    subject.measured(lambda: subject.request(body))


@hostile("one alert of 45 KB under 1,000 regex rules of inhibition")
def long_under_rules(subject):
    rules = "\n".join(f"- {{source_matchers: ['x=~\".*[x-z]{n}.*\"'], target_matchers: ['x=~\".*[x-z]{n}.*\"']}}" for n in range(1_000))
    subject.start(config(more=f"inhibit_rules:\n{rules}\n"))
    body = post(large(1))
    subject.measured(lambda: subject.request(body))
    subject.measured(lambda: subject.get("/api/v2/alerts"))


@hostile("60 alerts of 1 KB in one post under 300 regex routes")
def many_under_routes(subject):
    subject.start(config(", ".join(f"{{receiver: nobody, matchers: ['x=~\".*[x-z][w-z]{{{n}}}.*\"']}}" for n in range(300))))
    body = post([{"labels": {"alertname": f"a{n}", "x": "ab" * 500}} for n in range(60)])
    subject.measured(lambda: subject.request(body))


@hostile("GET 60 filters that each take all the steps they may, 20 alerts")
def dear_filters(subject):
    subject.start()
    subject.alerts(dear(20))
    subject.silence("other.+[a-z]x.*", name="x")
    subject.measured(lambda: subject.get(f"/api/v2/alerts?{filters(DEAR, 60)}"))


@hostile("a silence of 60 patterns that each take all the steps they may, 20 alerts")
def dear_silence(subject):
    subject.start(config(wait="3s"))
    subject.silence(*[DEAR] * 60, name="x")
    subject.alerts(dear(20))
    subject.measured(lambda: time.sleep(4))


@hostile("100 expectations by 5 patterns that each take all the steps they may, 20 alerts")
def dear_expectations(subject):
    matchers = ", ".join([f"'x=~\"{DEAR}\"'"] * 5)
    expected = "\n".join(f"- {{name: e{n}, period: 1h, matchers: [{matchers}]}}" for n in range(100))
    subject.start(config(more=f"expect:\n{expected}\n"))
    body = post(dear(20))
    subject.measured(lambda: subject.request(body))


@hostile("GET of the history by 60 filters that each take all the steps they may, 250 events")
def dear_history(subject):
    subject.start()
    alerts = [{"labels": {"alertname": f"a{n}", "x": DEAR_VALUE[:900]}} for n in range(250)]
    subject.alerts(alerts)
    subject.measured(lambda: subject.get(f"/bellwether/v1/history?topic=alerts&{filters(DEAR, 60)}"))


@hostile("GET by 60 costly conditions on 1,000 receivers with long names")
def dear_receivers(subject):
    named = ", ".join(f"{{name: '{n}{DEAR_VALUE[:400]}'}}" for n in range(1_000))
    subject.start(f"route: {{receiver: nobody, group_wait: 1h}}\nreceivers: [{{name: nobody}}, {named}]\n")
    condition = quote(f'name=~"{DEAR}"')
    query = "&".join([f"receiver_matchers={condition}"] * 60)
    subject.measured(lambda: subject.get(f"/api/v2/alerts?{query}"))


@hostile("10,000 silences that end at once")
def silences_end(subject):
    subject.start(config(), "--data.retention=1s")
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 40))
    for n in range(10_000):
        matcher = {"name": "x", "value": f".*[a-z]{n}.*", "isRegex": True}
        subject.request(post({"matchers": [matcher], "startsAt": "2026-01-01T00:00:00Z", "endsAt": end, "createdBy": "b", "comment": "c"}, "silences"))
    subject.measured(lambda: subject.get("/api/v2/silences"))


@hostile("GET of 3,000 silences of 60 matchers by 64 filters")
def silence_filters(subject):
    subject.start()
    matchers = [{"name": f"l{i}", "value": "v", "isRegex": False} for i in range(60)]
    for n in range(3_000):
        body = {"matchers": [*matchers, {"name": "n", "value": str(n), "isRegex": False}], "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2040-01-01T00:00:00Z", "createdBy": "b", "comment": "c"}
        subject.request(post(body, "silences"))
    query = "&".join(["filter=l59%3D%22v%22"] * 64)
    subject.measured(lambda: subject.get(f"/api/v2/silences?{query}"))


@hostile("GET of one group of 20,000 alerts")
def one_group(subject):
    subject.start("route: {receiver: nobody, group_by: [], group_wait: 1h}\nreceivers: [{name: nobody}]\n")
    subject.alerts(small(20_000))
    subject.measured(lambda: subject.get("/api/v2/alerts/groups"))


@hostile("a reload with 6,000 receivers and a route to each")
def receivers(subject):
    subject.start()
    routes = ", ".join(f"{{receiver: r{n}, matchers: [x=\"{n}\"]}}" for n in range(6_000))
    named = ", ".join(f"{{name: r{n}}}" for n in range(6_000))
    text = f"route: {{receiver: r0, group_wait: 1h, routes: [{routes}]}}\nreceivers: [{named}]\n"
    subject.agent.config_file.write_text(text)
    subject.measured(subject.reload)


@hostile("a reload with 3,000 slack receivers")
def slack(subject):
    subject.start()
    named = ", ".join(f"{{name: r{n}, slack_configs: [{{api_url: 'http://localhost/{n}', channel: c}}]}}" for n in range(3_000))
    subject.agent.config_file.write_text(f"route: {{receiver: r0, group_wait: 1h}}\nreceivers: [{named}]\n")
    subject.measured(subject.reload)


@hostile("a reload with 3,000 routes below 200 KB of matchers")
def repeated(subject):
    subject.start()
    above = ", ".join(f"'l{n}=~\"{'x|' * 10_000}\"'" for n in range(10))
    below = ", ".join(f"{{matchers: [x=\"{n}\"]}}" for n in range(3_000))
    subject.agent.config_file.write_text(config(f"{{receiver: nobody, matchers: [{above}], routes: [{below}]}}"))
    subject.measured(subject.reload)


@hostile("a receiver of 200 webhooks, one notification of 5,000 alerts")
def webhooks(subject):
    receiver = Receiver()
    hooks = ", ".join([f"{{url: 'http://127.0.0.1:{receiver.port}/'}}"] * 200)
    subject.start(f"route: {{receiver: hook, group_by: [], group_wait: 3s}}\nreceivers: [{{name: hook, webhook_configs: [{hooks}]}}]\n")
    subject.alerts(small(5_000), 5_000)
    subject.measured(lambda: time.sleep(8))
    receiver.close()


@hostile("20,000 alerts of 10,000 groups come and go while nobody is reached")
def owed(subject):
    hook = "receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]\n"
    subject.start("route: {receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 10s}\n" + hook)
    alerts = [{"labels": {"alertname": f"a{n // 2}", "instance": f"gateway-{n}.example:9100"}} for n in range(20_000)]
    subject.alerts(alerts, 5_000)
    time.sleep(15)
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def run():
        subject.alerts([{**it, "endsAt": end} for it in alerts], 5_000)
        time.sleep(70)

    subject.measured(run)


@hostile("50 lists by 60 filters at once, and a post of 8 MiB")
def lists_and_post(subject):
    subject.start(config(), "--web.get-concurrency=50")
    subject.alerts(small(20_000))
    lists = [threading.Thread(target=subject.get, args=(f"/api/v2/alerts?{filters('.*[0-9].*', 60)}",), daemon=True) for _ in range(50)]
    body = post(small(20_000, 200))

    def run():
        for it in lists:
            it.start()
        began = time.monotonic()
        status = subject.request(body)
        return f"{status}, the post took {time.monotonic() - began:.1f} s"

    subject.measured(run)
