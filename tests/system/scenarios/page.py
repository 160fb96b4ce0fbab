"""The page, in a real browser."""

import http.server
import re
import socket
import threading
import time
import urllib.parse
from datetime import datetime, timezone

from agent import free_port, until
from browser import Browser
from flock import new_key
from gateways import opened

CONFIG = """
route:
  receiver: phone
  group_by: [alertname, site]
  group_wait: 200ms
  group_interval: 1s
  routes:
  - {receiver: night, matchers: [severity="info"], mute_time_intervals: [always]}
time_intervals:
- {name: always, time_intervals: [{times: [{start_time: "00:00", end_time: "24:00"}]}]}
inhibit_rules:
- {source_matchers: [alertname="LinkDown"], target_matchers: [severity="warning"], equal: [site]}
receivers:
- {name: phone, log_configs: [{}]}
- {name: night}
"""
EXPECTING = "expect: [{name: backup, period: 24h}]\n"
NAMES = ["DiskFull", "DoorOpen", "LinkDown", "SensorStale"]
TOLD = 2  # groups of ALERTS that the receiver hears of
REQUESTS = 3 * 2 * 10 + 4  # of one try of all that a foreign page can do
VIEWS = ["alerts", "silences", "silences?state=pending", "silences?state=expired", "notifications", "status", "silences/new?filter=%7Bsite%3D%22north%22%7D"]
SCREENS = [(320, 640), (390, 844), (1280, 800), (1920, 1080)]
WATCHERS = 32
# Whether a text on the page begins at the left of where it ends.
IS_LEFT_TO_RIGHT = """
const [selector, text] = arguments;
for (const element of document.querySelectorAll(selector)) {
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode, from = node.data.indexOf(text);
    if (from < 0) continue;
    const [first, last] = [from, from + text.length - 1].map((at) => {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      return range.getBoundingClientRect().left;
    });
    return first < last;
  }
}
"""
SCRIPT = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"


def alert(name, summary="", **labels):
    return {
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": summary or f"{name} happened", "runbook": "https://wiki.example.org/x"},
        "startsAt": "2024-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
    }


ALERTS = [
    alert("DiskFull", site="north", instance="gw1", severity="critical"),
    alert("DiskFull", site="north", instance="gw2", severity="critical"),
    alert("LinkDown", site="south", instance="sw3", severity="critical"),
    alert("SensorStale", site="south", instance="p1", severity="warning"),
    alert("DoorOpen", site="north", severity="info"),
]


def url(agent, view=""):
    return f"http://127.0.0.1:{agent.port}/" + (f"#/{view}" if view else "")


def started(world, config=CONFIG, **options):
    agent = world.subject(config)
    agent.api.post_alerts(*ALERTS)
    browser = Browser(world, **options)
    browser.open(url(agent))
    browser.find(".group", "DiskFull")
    return agent, browser


def silences(agent, state="active"):
    return [it for it in agent.api.get("/api/v2/silences").json if it["status"]["state"] == state]


def fill(browser, comment):
    browser.type("#silence-author", "Ana")
    browser.type("#silence-comment", comment)
    browser.click("dialog button.primary")
    browser.gone("dialog")


def alerts(world):
    """Grouping, counts, filters by typing and by tapping, and why an alert is quiet."""
    agent, browser = started(world)
    counts = lambda: browser.texts(".count")  # noqa: E731
    until(f"the counts are right: {counts()}", lambda: counts() == ["3 active", "0 silenced", "1 inhibited", "1 muted"])
    until(f"all groups are drawn: {browser.texts('.group')}", lambda: len(browser.all(".group")) == 4)
    pressed = lambda: browser.texts(".count[aria-pressed='true']")  # noqa: E731
    for tapped, left in (("inhibited", ["SensorStale"]), ("muted", ["SensorStale", "DoorOpen"]), ("inhibited", ["DoorOpen"]), ("muted", NAMES)):
        browser.click(".count", tapped)
        until(f"after a tap on {tapped} {left} are left", lambda: sorted(browser.texts(".group header .chip:first-child")) == sorted(f"alertname={it}" for it in left))
    assert pressed() == [], pressed()
    browser.click(".count", "inhibited")
    until("it is pressed", lambda: pressed() == ["1 inhibited"])
    browser.click(".count", "inhibited")
    (disk,) = [it for it in browser.texts(".group") if "DiskFull" in it]
    assert disk.count("severity=critical") == 1, f"shared labels are shown once: {disk}"
    browser.click(".group .chip", "instance=gw1")
    browser.gone(".group", "LinkDown")
    assert browser.texts(".alert .chip") == ["instance=gw1", "severity=critical"] or len(browser.all(".alert")) == 1
    shared_link = browser.driver.current_url
    browser.open("about:blank")
    browser.open(shared_link)
    browser.find(".chip.on", 'instance="gw1"')
    until("the link keeps the filter", lambda: len(browser.all(".alert")) == 1)
    browser.click(".chip.on", "instance")
    browser.type("#filter", 'site=~"so.*"\n')
    browser.gone(".group", "DiskFull")
    browser.click(".state button", "inhibited")
    browser.find(".group", "LinkDown")
    browser.gone(".group", "SensorStale")
    browser.open(url(agent, "alerts"))
    browser.click(".state a", "muted: always")
    assert "always" in browser.find("mark").text
    browser.open(url(agent, "alerts?active=false&muted=false&inhibited=false"))
    browser.find(".empty")
    for link in (
        "alerts?filter=" + urllib.parse.quote('{site="south"}') + "&receiver=phone&silenced=false",
        "alerts?filter={site=&quot;south&quot;}",
    ):
        browser.open(url(agent, link))
        browser.find(".group", "LinkDown")
        browser.gone(".group", "DiskFull")
    browser.open(url(agent) + "ui/alerts?filter=" + urllib.parse.quote('{site="south"}'))
    browser.find(".group", "LinkDown")
    browser.gone(".group", "DiskFull")
    assert not browser.errors(), browser.errors()


def live(world):
    """Completion; what comes new waits while somebody types, flashes once; 24 hours of a group; a receiver's alerts; from a quiet one to its silence."""
    agent, browser = started(world)
    options = lambda: browser.run("return [...document.querySelectorAll('#known option')].map((it) => it.value)")  # noqa: E731
    browser.type("#filter", "sev")
    until("names are offered", lambda: "severity=" in options())
    browser.type("#filter", "severity=")
    until("values are offered", lambda: {'severity="critical"', 'severity="info"'} <= set(options()))
    browser.type("#filter", 'site="north", severity!=')
    until("so it is of a second matcher, and of each sign", lambda: 'site="north", severity!="critical"' in options())
    agent.api.post_alerts(alert("New", "it came while somebody typed", site="west"))
    browser.find("#banner", "Something changed.")
    assert not [it for it in browser.texts(".group") if "New" in it], "what is looked at was moved"
    browser.click("#banner button", "Show")
    browser.find(".group", "New")
    browser.run("const it = document.getElementById('filter'); it.value = ''; it.blur()")
    agent.api.post_alerts(alert("LinkDown", "it is down still", site="south", instance="sw3", severity="critical"))
    changed = browser.find(".group.changed", "it is down still")
    assert browser.run("return getComputedStyle(arguments[0]).animationIterationCount", changed) == "1"
    browser.find(".group .strip i.sent")
    blocks = browser.run("return [...document.querySelectorAll('.strip')].map((it) => [it.children.length, it.ariaLabel])")
    assert all(count == 24 for count, _ in blocks) and any("Last notification: sent" in label for _, label in blocks), blocks
    time_ = browser.run("const it = document.querySelector('.alert time'); return [it.textContent, it.title, it.parentNode.textContent]")
    assert time_[0].endswith("ago") and "2024" in time_[1] and "2024" in time_[2], time_
    browser.run("const it = [...document.querySelectorAll('select')].find((it) => it.ariaLabel === 'Receiver'); it.value = 'night'; it.dispatchEvent(new Event('change'))")
    browser.gone(".group", "DiskFull")
    until("one receiver's groups are left", lambda: len(browser.all(".group")) == 1)
    assert "receiver=night" in browser.driver.current_url, browser.driver.current_url
    matchers = [{"name": "instance", "value": "sw3", "isRegex": False}]
    answer = agent.api.post("/api/v2/silences", {"matchers": matchers, "startsAt": "2024-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "Ana", "comment": "the switch is being replaced"})
    assert answer.status == 200, answer
    browser.open(url(agent, "alerts"))
    browser.click(".alert .state a", "silenced")
    browser.find(".silence", "the switch is being replaced")
    assert not browser.errors(), browser.errors()


def mute_time(world):
    """An alert that a mute time begins to mute is shown so, though nothing but the time has changed."""
    start = time.time() + 120
    if time.strftime("%H:%M", time.gmtime(start)) == "00:00":
        time.sleep(60)
        start += 60
    begin = time.strftime("%H:%M", time.gmtime(start))
    agent = world.subject(CONFIG.replace('start_time: "00:00"', f'start_time: "{begin}"'))
    agent.api.post_alerts(*ALERTS)
    browser = Browser(world)
    browser.open(url(agent))
    browser.find(".count.muted", "0")
    browser.find(".alert .state", "active")
    until("it is shown as muted", lambda: any("1" in it for it in browser.texts(".count.muted")), 200)
    browser.find(".alert .state a", "muted: always")


def silence(world):
    """A silence from a group; edited, expired with others, set again; a link to a new one, and to one."""
    agent, browser = started(world, width=390, height=844)
    browser.click(".group header button", "Silence all")
    assert browser.texts("dialog .chip.on")[:2] == ['alertname="DiskFull" ×', 'site="north" ×']
    browser.find("dialog summary", "2")
    browser.click("dialog .chip", "8 hr")
    fill(browser, "disk is being replaced")
    (set_,) = until("the silence is there", lambda: silences(agent))
    assert (set_["createdBy"], set_["comment"]) == ("Ana", "disk is being replaced")
    browser.click(".count", "silenced")
    browser.gone(".group", "LinkDown")
    browser.find(".group", "DiskFull")
    browser.open(url(agent, f"silences/{set_['id']}"))
    browser.find(".silence", "disk is being replaced")
    browser.find(".silence a", "mutes 2")
    browser.click(".silence button", "Edit")
    assert browser.find("#silence-author").get_attribute("value") == "Ana"
    fill(browser, "it takes longer")
    until("the change is there", lambda: [it["comment"] for it in silences(agent)] == ["it takes longer"])
    browser.open(url(agent, "silences/new?filter=" + urllib.parse.quote('{site="south", instance=~"p.*"}')))
    browser.find("dialog summary", "1")
    fill(browser, "second")
    until("a link opens a dialog once", lambda: browser.driver.current_url.endswith("#/silences"))
    until("two are active", lambda: len(silences(agent)) == 2)
    browser.open(url(agent, "silences/new?filter=" + urllib.parse.quote('{alertname="DiskFull"}')))
    browser.find("dialog summary", "2")
    browser.type("dialog .find input", 'instance=~"gw\\d')
    browser.type("#silence-author", "Ana")
    browser.type("#silence-comment", "third")
    browser.click("dialog button.primary")
    browser.find("dialog .fault", "Not a filter")
    browser.type("dialog .find input", 'instance=~"gw[\\d]", instance!="gw2"')
    browser.run("const it = document.querySelector('dialog button.primary'); it.click(); it.click()")
    browser.gone("dialog")
    (third,) = until("what was typed is in it, and it is set once", lambda: [it for it in silences(agent) if it["comment"] == "third"])
    assert [it["value"] for it in third["matchers"]] == ["DiskFull", "gw[\\d]", "gw2"], third
    assert agent.api.request("DELETE", f"/api/v2/silence/{third['id']}").status == 200
    browser.open(url(agent, "alerts?filter=" + urllib.parse.quote('{instance=~"gw\\d"}')))
    browser.find(".group", "DiskFull")
    assert not browser.texts(".note")[0], browser.texts(".note")
    browser.open(url(agent, "silences"))
    until("both are shown", lambda: len(browser.all(".silence input")) == 2)
    browser.run("document.querySelectorAll('.silence input').forEach((it) => it.click())")
    browser.click("button.danger", "Expire (2)")
    until("none is active", lambda: not silences(agent))
    browser.open(url(agent, "silences?state=expired"))
    browser.click(".silence button", "Set again")
    browser.click("dialog button.primary")
    until("one is active again", lambda: len(silences(agent)) == 1)
    assert not browser.errors(), browser.errors()


def dialog(world):
    """In the dialog matchers are dropped and added, and what they mute is counted anew; a silence lasts until tomorrow at eight, or as long as is typed."""
    agent, browser = started(world)
    browser.click(".group header button", "Silence all")
    browser.find("dialog summary", "2")
    browser.click("dialog .chip.on", "alertname")
    browser.find("dialog summary", "3")
    browser.type("dialog .find input", 'severity!="info"')
    browser.click("dialog .find button", "Add")
    browser.find("dialog summary", "2")
    browser.click("dialog summary")
    listed = browser.texts("dialog .found li")
    assert len(listed) == 2 and all('alertname="DiskFull"' in it for it in listed), listed
    end = lambda: browser.find("#silence-end").get_attribute("value")  # noqa: E731
    browser.click("dialog .chip", "until tomorrow 8:00")
    assert end() == time.strftime("%Y-%m-%dT08:00", time.localtime(time.time() + 86400)), end()
    browser.type("#silence-length", "2h30m")
    fill(browser, "by hand")
    (set_,) = until("the silence is there", lambda: silences(agent))
    assert [(it["name"], it["isEqual"], it["value"]) for it in set_["matchers"]] == [("site", True, "north"), ("severity", False, "info")], set_
    begin, end_ = (datetime.fromisoformat(set_[it].replace("Z", "+00:00")) for it in ("startsAt", "endsAt"))
    assert 148 <= (end_ - begin).total_seconds() / 60 <= 150, set_
    assert not browser.errors(), browser.errors()


def choices(world):
    """The browser's language, the visitor's theme, the count in the tab; what comes new waits while somebody marks text or scrolls."""
    agent, browser = started(world)
    browser.find(".count.active", "3")
    until("the tab shows how many fire", lambda: ">3<" in browser.run("return document.getElementById('icon').href"))
    colour = lambda: browser.run("return getComputedStyle(document.documentElement).backgroundColor")  # noqa: E731
    light = colour()
    browser.click("#tools button")
    dark = colour()
    browser.driver.refresh()
    browser.find(".group", "DiskFull")
    assert light != colour() == dark, (light, dark, colour())
    browser.run("getSelection().selectAllChildren(document.querySelector('.alert'))")
    time.sleep(1)
    agent.api.post_alerts(alert("New", site="west"))
    browser.find("#banner", "Something changed.")
    assert not [it for it in browser.texts(".group") if "New" in it], "what is marked was moved"
    browser.run("getSelection().empty()")
    browser.find(".group", "New")
    time.sleep(12)  # a page rests after it has asked for lists
    for number in range(30):
        browser.run("dispatchEvent(new Event('scroll'))")
        time.sleep(0.2)
        if number == 5:
            agent.api.post_alerts(alert("Newer", site="west"))
        assert not [it for it in browser.texts(".group") if "Newer" in it], "the page moved under a finger"
    browser.find(".group", "Newer")
    agent_of = browser.run("return navigator.userAgent")
    for wanted, word in (("de-CH,fr", "Stummschaltungen"), ("nl,es-MX", "Silencios"), ("nl", "Silences")):
        browser.cdp("Emulation.setUserAgentOverride", userAgent=agent_of, acceptLanguage=wanted)
        browser.driver.refresh()
        browser.find("nav a", word)
    assert not browser.errors(), browser.errors()


def two_taps(world):
    """Two taps set a silence, once the author is known; another is planned ahead; they are filtered by matchers, and by a link."""
    agent, browser = started(world, width=390, height=844)
    browser.click(".alert button", "Silence")
    browser.open(url(agent, "status"))
    browser.gone("dialog")
    browser.open(url(agent))
    browser.click(".alert button", "Silence")
    browser.click("dialog button.primary")
    assert browser.run("return document.activeElement.id") == "silence-author", "the author is asked for"
    browser.type("#silence-author", "Ana")
    browser.click("dialog button.primary")
    browser.gone("dialog")
    (first,) = until("the silence is there", lambda: silences(agent))
    assert (first["createdBy"], first["comment"]) == ("Ana", "Silenced"), first
    browser.click(".group header button", "Silence all")
    browser.click("dialog button.primary")
    browser.gone("dialog")
    until("two taps were enough", lambda: len(silences(agent)) == 2)
    browser.open(url(agent, "silences/new?filter=" + urllib.parse.quote('{site="south"}')))
    browser.run("const it = document.getElementById('silence-start'); it.value = '2098-05-01T10:00'; it.dispatchEvent(new Event('change'))")
    assert browser.find("#silence-end").get_attribute("value") == "2098-05-01T14:00", "it lasts as long as the chip says"
    browser.click("dialog button.primary")
    (planned,) = until("it is planned", lambda: silences(agent, "pending"))
    assert planned["startsAt"].startswith("2098-05-01T"), planned
    browser.open(url(agent, "silences?state=pending"))
    browser.find(".silence .annotation", "Starts")
    browser.click(".silence button", "Edit")
    browser.type("#silence-comment", "the quay is painted")
    browser.click("dialog button.primary")
    (edited,) = until("it is edited", lambda: [it for it in silences(agent, "pending") if it["comment"] == "the quay is painted"])
    assert (edited["startsAt"], edited["endsAt"]) == (planned["startsAt"], planned["endsAt"]), edited
    browser.open(url(agent, "silences"))
    until("both are shown", lambda: len(browser.all(".silence")) == 2)
    browser.type("#filter", "site")
    offered = lambda: browser.run("return [...document.querySelectorAll('#known option')].map((it) => it.value)")  # noqa: E731
    until("names are offered", lambda: {"site=", "instance="} <= set(offered()))
    browser.type("#filter", first_instance := next(f'instance="{it["value"]}"' for it in first["matchers"] if it["name"] == "instance"))
    browser.find("#filter").submit()
    until("one is left", lambda: len(browser.all(".silence")) == 1)
    assert "filter=" in browser.driver.current_url, browser.driver.current_url
    browser.open("about:blank")
    browser.open(url(agent, "silences?filter=" + urllib.parse.quote(f"{{{first_instance}}}")))
    browser.find(".chip.on", first_instance)
    until("the link filters", lambda: len(browser.all(".silence")) == 1)
    browser.click(".count", "pending")
    browser.find(".empty")
    browser.click(".chip.on")
    browser.find(".silence", "the quay is painted")
    assert not browser.errors(), browser.errors()


def patterns(world):
    """The agent filters by patterns: one that would take a browser for ever takes it no time, and a wrong one is told."""
    agent = world.subject(CONFIG)
    agent.api.post_alerts(*ALERTS, alert("Long", site="x" * 60))
    browser = Browser(world)
    browser.open(url(agent, "alerts?filter=" + urllib.parse.quote('{site=~"(x+x+)+y"}')))
    browser.find(".empty", "No alert matches.")
    browser.click(".chip.on")
    browser.find(".group", "DiskFull")
    browser.type("#filter", 'site=~"(?:(x+x+)+|so.*)", severity!="warning"\n')
    browser.gone(".group", "DiskFull")
    until(f"two are left: {browser.texts('.group')}", lambda: len(browser.all(".alert")) == 2)
    agent.api.post_alerts(alert("New", site="xxxx"))
    browser.find(".group", "New")
    browser.open(url(agent, "alerts?filter=" + urllib.parse.quote('{site=~"("}')))
    browser.find(".note", "missing closing )")
    browser.open(url(agent, "alerts?filter=" + urllib.parse.quote('{site=~"so.*"}')))
    browser.find(".group", "LinkDown")
    agent.listen = f"127.0.0.1:{agent.port}"
    agent.kill()
    browser.find("#banner", "out of reach")
    agent.start()
    agent.api.post_alerts(alert("South", site="south"))
    browser.find(".group", "South")
    assert not browser.errors(), browser.errors()


def changes(world):
    """After a change the page asks for the groups that have changed, and for the events that are new, alone."""
    agent = world.subject(CONFIG)
    agent.api.post_alerts(*(alert(f"Many{it % 100}", site="east", instance=str(it), severity="warning") for it in range(1000)))
    agent.await_outcomes(100)
    browser = Browser(world)
    browser.open(url(agent))
    browser.find(".count.active", "1000")
    time.sleep(12)  # a page rests after it has asked for lists
    browser.requests()
    agent.api.post_alerts(alert("New", "something is new", site="west", severity="critical"))
    browser.find(".group", "New")
    time.sleep(12)
    asked = [(it, bytes_) for it, bytes_ in browser.requests() if "/bellwether/v1/changes" not in it]
    lists = [it.split("/", 3)[3] for it, _ in asked if "/api/v2/status" not in it]
    assert not [it for it in lists if it.startswith("api/") or it.endswith(("/groups?", "/history?after=0"))], lists
    assert [it for it in lists if "/groups?id=" in it] and [it for it in lists if "/history?after=" in it], lists
    bytes_ = sum(bytes_ for _, bytes_ in asked)
    assert bytes_ < 30_000, asked
    matchers = [{"name": "alertname", "value": "Many7", "isRegex": False}]
    assert agent.api.post("/api/v2/silences", {"matchers": matchers, "startsAt": "2024-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "Ana", "comment": "ten"}).status == 200
    browser.find(".count.silenced", "10")
    browser.open(url(agent, "notifications"))
    until("the latest are drawn", lambda: len(browser.all("ol .entry")) == 50)
    browser.click(".more button", "More")
    until("and more", lambda: len(browser.all("ol .entry")) == 100)
    assert not browser.errors(), browser.errors()
    return f"{bytes_} bytes for one alert of a thousand"


def plain(world):
    """The plain page is styled, and guarded as the other."""
    agent, browser = started(world)
    for path in ("/plain", "/"):
        headers = agent.api.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"] and headers["x-content-type-options"] == "nosniff", headers
    browser.open(url(agent) + "plain")
    assert "sans-serif" in browser.run("return getComputedStyle(document.body).fontFamily"), "its style is taken"
    assert not browser.errors(), browser.errors()


def ungrouped(world):
    """Of a group without labels all are acknowledged by the labels that they share; where they share none there is no such button."""
    agent, browser = started(world, CONFIG.replace("group_by: [alertname, site]", "group_by: []"))
    browser.run("localStorage.setItem('bellwether.author', 'Ben')")
    (card,) = [it for it in browser.texts(".group") if "gw1" in it]
    assert "Acknowledge all" not in card and "Silence all" not in card, card
    browser.open(url(agent, "alerts?filter=" + urllib.parse.quote('{alertname="DiskFull"}')))
    browser.click(".group header button", "Acknowledge all")
    (set_,) = until("it is acknowledged", lambda: silences(agent))
    assert {it["name"]: it["value"] for it in set_["matchers"]} == {"alertname": "DiskFull", "site": "north", "severity": "critical"}, set_
    until("both are quiet", lambda: "2 silenced" in browser.texts(".count"))
    assert not browser.errors(), browser.errors()


def twins(world):
    """Two groups of one receiver with the same labels have a card each, which stays while others change; odd links show a view."""
    agent, browser = started(world, CONFIG.replace("group_by: [alertname, site]", "group_by: [site]").replace("  routes:\n", "  routes:\n  - {receiver: phone, matchers: [severity=warning]}\n"))
    until("both are shown", lambda: len([it for it in browser.texts(".group") if "site=south" in it]) == 2)
    until("they were told", lambda: len(browser.all(".group .strip i.sent")) >= 2)
    time.sleep(3)
    browser.run("south = [...document.querySelectorAll('.group')].filter((it) => it.textContent.includes('site=south'))")
    agent.api.post_alerts(alert("New", site="west"))
    browser.find(".group", "New")
    assert browser.run("return south.length === 2 && south.every((it) => it.isConnected)"), "they were built anew"
    for link in ("constructor", "notifications?show=toString"):
        browser.open(url(agent, link))
        browser.find("main h1")
    assert not browser.errors(), browser.errors()


def keyboard(world):
    """The keyboard alone sets a silence, and where motion is to be reduced nothing moves."""
    agent, browser = started(world)
    browser.run("localStorage.setItem('bellwether.author', 'Ana')")
    from selenium.webdriver import ActionChains, Keys

    def press(*keys):
        # Keys that are sent to an element begin at the first part of a date each time.
        ActionChains(browser.driver).send_keys(*keys).perform()

    focused = lambda: browser.run("return document.activeElement.textContent")  # noqa: E731
    browser.run("document.querySelector('.alert').focus()")
    for _ in range(20):
        press(Keys.TAB)
        if focused() == "Silence":
            break
    assert focused() == "Silence", focused()
    press(Keys.ENTER)
    browser.find("dialog[open]")
    for _ in range(30):
        if browser.run("return document.activeElement.id") == "silence-comment":
            break
        press(Keys.TAB)
    press("by hand")
    for _ in range(5):
        press(Keys.TAB)
        if focused() == "Silence":
            break
    press(Keys.ENTER)
    (set_,) = until("the silence is there", lambda: silences(agent))
    assert (set_["comment"], set_["createdBy"]) == ("by hand", "Ana"), set_
    browser.open(url(agent, f"silences/{set_['id']}"))
    browser.click(".silence button", "+ 1 hr")
    until("it lasts an hour longer", lambda: silences(agent)[0]["endsAt"] > set_["endsAt"])
    browser.open(url(agent) + f"ui/silences/{set_['id']}/edit")
    assert browser.find("#silence-comment").get_attribute("value") == "by hand"
    browser.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    moves = "document.querySelector('.silence').classList.add('changed'); return getComputedStyle(document.querySelector('.silence')).animationName"
    assert browser.run(moves) == "none"
    assert not browser.errors(), browser.errors()


def clock(world):
    """The phone's clock is wrong: the gateway's decides when silences begin and end, and how long ago an alert began."""
    agent = world.subject(CONFIG)
    young = alert("Young", site="east")
    del young["startsAt"]
    agent.api.post_alerts(*ALERTS, young)
    for hours in (2, -9):
        browser = Browser(world)
        browser.shift_clock(hours)
        browser.open(url(agent))
        browser.find(".group", "Young")
        browser.run("localStorage.setItem('bellwether.author', 'Ben')")
        (ago,) = [it for it in browser.texts(".group") if "Young" in it]
        assert "hr" not in ago, f"it has just begun: {ago}"
        browser.click(".alert button", "Acknowledge")
        (set_,) = until("it is acknowledged at once", lambda: silences(agent))
        browser.click(".group header button", "Silence all")
        browser.click("dialog .chip", "8 hr")
        fill(browser, "by a phone whose clock is wrong")
        until("both are active", lambda: len(silences(agent)) == 2)
        for it in silences(agent):
            agent.api.request("DELETE", f"/api/v2/silence/{it['id']}")


def next_day(world):
    """A page that stays open tells the date of what was today, once that is yesterday."""
    agent = world.subject(CONFIG)
    young = alert("Young", site="east")
    del young["startsAt"]
    agent.api.post_alerts(young)
    browser = Browser(world)
    browser.shift_clock(0)
    browser.open(url(agent))
    began = browser.find(".alert .meta span").text
    assert "20" not in began.split("(")[0].replace(":20", ""), f"it is of today: {began}"
    browser.run("clockAhead += 864e5")
    until("its date is shown", lambda: any(re.search(r"\b20\d\d, ", it) for it in browser.texts(".alert .meta span")))
    assert not browser.errors(), browser.errors()


def counted(world):
    """A silence is said to mute what the agent says, whatever a browser reads in its pattern; of many silences the first are shown."""
    agent = world.subject(CONFIG)
    agent.api.post_alerts(*ALERTS)
    for number, pattern in enumerate(["(?P<a>no)rth", "[[:alpha:]]outh", *(f"x{it}" for it in range(58))]):
        matchers = [{"name": "site", "value": pattern, "isRegex": True}]
        answer = agent.api.post("/api/v2/silences", {"matchers": matchers, "startsAt": "2024-01-01T00:00:00Z", "endsAt": f"2099-01-01T00:00:{number:02}Z", "createdBy": "Ana", "comment": f"number {number}"})
        assert answer.status == 200, answer
    browser = Browser(world)
    browser.open(url(agent, "silences"))
    of = lambda text: next((it for it in browser.texts(".silence") if text in it), "")  # noqa: E731
    until(f"three are muted: {of('number 0')}", lambda: "mutes 3" in of("number 0"))
    assert "mutes 2" in of("number 1") and "mutes 0" in of("number 2"), (of("number 1"), of("number 2"))
    assert len(browser.all(".silence")) == 50, len(browser.all(".silence"))
    browser.click(".more button", "More: 10")
    until("all are shown", lambda: len(browser.all(".silence")) == 60)
    browser.open(url(agent, "alerts?filter=" + urllib.parse.quote('{site=~"[[:alpha:]]outh"}')))
    browser.find(".group", "LinkDown")
    browser.gone(".group", "DiskFull")
    assert not browser.errors(), browser.errors()


def steady(world):
    """What has the focus keeps it, and what is scrolled stays so, while the page is refreshed; a long text can be opened."""
    agent = world.subject(CONFIG + "".join(f"- {{name: other {it}}}\n" for it in range(60)))
    agent.api.post_alerts(*ALERTS, {**alert("Long", site="east"), "annotations": {"steps": "\n".join(f"step {it}" for it in range(40))}})
    browser = Browser(world)
    browser.open(url(agent))
    browser.find(".group", "Long")
    focused = lambda: browser.run("return document.activeElement.dataset.key")  # noqa: E731
    browser.run("document.querySelector('.count.muted').focus(); navLink = document.querySelector('nav a')")
    agent.api.post_alerts(alert("New", site="west"))
    browser.find(".group", "New")
    assert focused() == "muted", focused()
    assert browser.run("return navLink.isConnected"), "a link that is pressed is not taken away"
    browser.run("document.activeElement.click()")
    browser.gone(".group", "DiskFull")
    assert focused() == "muted", focused()
    browser.run("document.activeElement.click()")
    (folded,) = [it for it in browser.texts(".group details summary") if "step 0" in it]
    assert "step 39" not in folded, folded
    browser.click(".group details summary")
    seen = "const it = document.querySelector('.group details .annotation'); return it.textContent.includes('step 39') && it.offsetHeight > 0 && it.scrollHeight <= it.clientHeight"
    assert browser.run(seen), "the whole text is seen"
    browser.open(url(agent, "status"))
    browser.find("pre", "other 59")
    before = browser.find(".node").text
    browser.run("const it = document.querySelector('pre'); it.scrollIntoView(); it.scrollTop = 120")
    browser.find("dt", "As of")
    agent.api.post_alerts(alert("Newer", site="west"))
    until("it is drawn anew", lambda: browser.find(".node").text != before)
    assert browser.run("return document.querySelector('pre').scrollTop") == 120
    assert not browser.errors(), browser.errors()


def tabs(world):
    """Pages that nobody sees hold no connection, of which a browser has six: an eighth tab works."""
    agent, browser = started(world)
    for _ in range(7):
        browser.driver.switch_to.new_window("tab")
        browser.open(url(agent))
        browser.find(".group", "DiskFull")
    time.sleep(15)  # a page rests after it has asked for lists
    began = time.monotonic()
    browser.run("localStorage.setItem('bellwether.author', 'Ben')")
    browser.click(".alert button", "Acknowledge")
    until("it is acknowledged", lambda: silences(agent))
    browser.find(".alert .state", "silenced")
    seconds = time.monotonic() - began
    assert seconds < 20, f"{seconds} s"
    browser.driver.switch_to.window(browser.driver.window_handles[0])
    browser.find(".alert .state", "silenced")


def parts(world):
    """A request that fails is made again soon; buttons that write are shown once it is known that one may."""
    agent = world.subject(CONFIG)
    agent.api.post_alerts(*ALERTS)
    browser = Browser(world)
    browser.open("about:blank")
    browser.block("*/api/v2/status*", "*/bellwether/v1/owed*")
    browser.open(url(agent, "alerts"))
    browser.find("#banner", "out of reach")
    shown = "return [...document.querySelectorAll('.write, #read-only')].filter((it) => it.offsetParent).map((it) => it.textContent)"
    assert not browser.run(shown), browser.run(shown)
    browser.block("*/bellwether/v1/owed*")
    browser.find(".group", "DiskFull")
    until("one may write", lambda: "Acknowledge" in browser.run(shown))
    browser.open(url(agent, "status"))
    browser.find("h2", "Receivers")
    assert not any("phone" in it for it in browser.texts(".entry")), browser.texts(".entry")
    browser.block()
    browser.find(".entry", "phone")


def acknowledge(world):
    """One tap quiets an alert; it rings again when it fires after it had resolved."""
    agent, browser = started(world)
    browser.run("localStorage.setItem('bellwether.author', 'Ben')")
    browser.find(".alert button", "Acknowledge")
    browser.run("const it = document.querySelector('.alert button.write'); it.click(); it.click()")
    browser.find("#toast", "Acknowledged: until it resolves")
    (set_,) = until("it is acknowledged, once", lambda: silences(agent))
    assert set_["createdBy"] == "Ben" and set_["annotations"] == {"ends": "when resolved"}, set_
    names = {it["name"]: it["value"] for it in set_["matchers"]}
    assert names == {"alertname": "DiskFull", "site": "north", "instance": names["instance"], "severity": "critical"}, names
    browser.find(".alert .state", "silenced")
    browser.open(url(agent, f"silences/{set_['id']}"))
    browser.find(".silence", "until it resolves")
    browser.click(".silence button", "Edit")
    fill(browser, "the disk is ordered")
    (edited,) = until("it is edited", lambda: [it for it in silences(agent) if it["comment"] == "the disk is ordered"])
    assert edited["annotations"] == set_["annotations"], f"it ends when all resolves still: {edited}"
    browser.open(url(agent))
    ended = {**alert("DiskFull", **{key: value for key, value in names.items() if key != "alertname"}), "endsAt": "2024-01-02T00:00:00Z"}
    agent.api.post_alerts(ended)
    until("the acknowledgement has ended", lambda: not silences(agent))
    browser.gone(".alert .state", "silenced")


def asked(world):
    """Whoever acknowledges for the first time is asked for a name; a whole group is acknowledged for its severities of now."""
    agent, browser = started(world)
    browser.click(".alert button", "Acknowledge")
    prompt = until("the name is asked for", lambda: browser.driver.switch_to.alert)
    prompt.send_keys("Cleo")
    prompt.accept()
    (first,) = until("it is acknowledged", lambda: silences(agent))
    browser.click(".group header button", "(severity)")
    (second,) = until("all are", lambda: [it for it in silences(agent) if it["id"] != first["id"]])
    assert first["createdBy"] == second["createdBy"] == "Cleo", (first, second)
    assert second["annotations"] == {"ends": "when resolved or severity changes"}, second
    assert not browser.errors(), browser.errors()


def owed(world):
    """What a receiver was not told is forgotten, or tried again, when a button says so."""
    port = free_port()
    agent = world.subject(CONFIG.replace("log_configs: [{}]", f'webhook_configs: [{{url: "http://127.0.0.1:{port}/"}}]'))
    pump = alert("Pump", "the pump is dry")
    agent.api.post_alerts(pump)
    debts = lambda: agent.api.get("/bellwether/v1/owed").json  # noqa: E731
    until("the receiver was not told", debts)
    agent.api.post_alerts({**pump, "endsAt": datetime.now(timezone.utc).isoformat()})
    until("it has come and gone", lambda: [it for it in debts() if it["late"]])
    browser = Browser(world)
    browser.open(url(agent, "status"))
    browser.find(".entry", "alerts came and went: 1")
    browser.click(".entry button", "Forget what came and went")
    until("it is forgotten", lambda: not [it for it in debts() if it["late"]])
    browser.gone(".entry", "came and went: 1")
    sink = world.sink("127.0.0.1", None, port)
    # So that no attempt of the agent's own comes between.
    sink.behave("/", 503, more={"Retry-After": "3600"})
    agent.api.post_alerts(alert("Lamp", "the lamp is dark"))
    until("the receiver has refused it", lambda: sink.requests)
    until("the receiver was not told", debts)
    browser.driver.refresh()
    browser.find(".entry button", "Try now")
    sink.behave("/")
    browser.click(".entry button", "Try now")
    until("it is told", lambda: sink.payloads("/"), 3)
    assert not browser.errors(), browser.errors()


def flock(world):
    """A silence that is set at one node's page shows at another's, without a reload."""
    ports = [free_port() for _ in range(3)]
    key, agents = world.directory / "flock.key", []
    new_key(world.settings.subject, key)
    for number, port in enumerate(ports):
        peers = [f"--cluster.peer=127.0.0.1:{it}" for it in ports if it != port]
        flags = [f"--cluster.listen-address=127.0.0.1:{port}", f"--cluster.peer-name=gw{number}", f"--cluster.key-file={key}", *peers]
        agents.append(world.subject(CONFIG, *flags, name=f"node-{number}"))
    agents[0].api.post_alerts(*ALERTS)
    here, there = Browser(world), Browser(world)
    here.open(url(agents[0]))
    there.open(url(agents[2], "silences"))
    there.find(".empty")
    here.click(".group header button", "Silence all")
    fill(here, "seen by all")
    there.find(".silence", "seen by all")
    there.open(url(agents[2], "status"))
    there.find("h2", "Flock")
    until("both others are shown", lambda: set(there.texts("tbody th")) == {"gw0", "gw1"})
    cells = lambda member: there.run("return [...[...document.querySelectorAll('tbody tr')].find((it) => it.firstChild.textContent === arguments[0]).children].map((it) => it.textContent)", member)  # noqa: E731
    for member in ("gw0", "gw1"):
        until(f"it has the same records: {cells(member)}", lambda: cells(member)[5] == "same")
        _, address, state, heard, clock_, _, _ = cells(member)
        assert address.startswith("127.0.0.1:") and state == "alive" and heard.startswith("unicast") and (clock_ == "same" or clock_.endswith(" ms")), cells(member)
    there.find(".entry.sent", "phone")  # whichever node has told it
    assert there.all("svg.flock circle"), "the flock is drawn"
    own = agents[2].api.get("/api/v2/status").json["cluster"]["flock"]
    (sealed_with,) = own["keys"]
    for row in there.texts("tbody tr"):
        at = int(row[2])  # gw0, gw1
        for part in (f"127.0.0.1:{ports[at]}", "unicast ", " ms" if " ms" in row else "same", sealed_with):
            assert part in row, f"{part!r} is not in {row!r}"
    card = there.find(".node").text
    for part in (own["id"], f"Sealed with key\n{sealed_with}", "digest ", "Turns under way\nnone"):
        assert part in card, f"{part!r} is not in {card!r}"
    assert not there.errors(), there.errors()


def hostile(world):
    """Labels full of script, very long, from right to left, and of emoji do no harm; none turns what follows it on its line."""
    agent, browser = started(world, width=320, height=640)
    long = "x" * 5000
    agent.api.post_alerts(
        alert("Bad" + SCRIPT, SCRIPT, site=SCRIPT, **{"long": long}),
        alert("Right", "\u202eمرحبا بالعالم", site="عربي"),
        alert("\u202eBack", site="east", **{"\u202ename": "value"}),
        alert("Emoji", "🔥" * 50, site="👩‍🔧"),
        {**alert("Link", "javascript:alert(1) and https://ok.example.org/x."), "generatorURL": "javascript:alert(1)"},
    )
    browser.find(".group", "Bad<img")
    browser.find(".group", "Emoji")
    until("it has been drawn", lambda: len(browser.all(".group")) == 9)
    browser.open(url(agent, "notifications"))
    browser.find(".entry", "Bad<img")
    browser.open(url(agent, "alerts"))
    browser.find(".group", "Link")
    links = browser.run("return [...document.querySelectorAll('main a')].map((it) => it.href)")
    assert not [it for it in links if it.startswith("javascript")], links
    assert "https://ok.example.org/x" in links, links
    assert browser.run(IS_LEFT_TO_RIGHT, ".chip", "value"), "a name turned its value"
    assert browser.run("return document.images.length + document.scripts.length") == 1, "nothing was made of the text"
    assert "broken" not in browser.driver.title
    browser.open(url(agent, "notifications"))
    browser.find(".entry", "east")
    assert browser.run(IS_LEFT_TO_RIGHT, ".subject", "east"), "a value turned the next"
    matchers = [{"name": "site", "value": "east", "isRegex": False}]
    assert agent.api.post("/api/v2/silences", {"matchers": matchers, "startsAt": "2024-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "\u202eana", "comment": "\u202ewhy"}).status == 200
    browser.open(url(agent, "silences"))
    browser.find(".silence", "until")
    assert browser.run(IS_LEFT_TO_RIGHT, ".silence", "until"), "a name turned the time"
    assert browser.run("return document.documentElement.scrollWidth") <= 320, "the page is wider than the screen"
    assert not browser.errors(), browser.errors()


def comeback(world):
    """The agent dies and comes back while the page is open."""
    agent, browser = started(world)
    agent.listen = f"127.0.0.1:{agent.port}"
    agent.kill()
    browser.find("#banner", "out of reach")
    browser.find(".group", "DiskFull")
    agent.start()
    agent.api.post_alerts(alert("New", site="west"))
    browser.find(".group", "New")
    browser.gone("#banner", "out of reach")


def idle(world):
    """While nothing changes but leases the page asks for nothing but whether there is news, rarely and briefly; data is as old as the last answer."""
    agent = world.subject(CONFIG)
    leased = lambda: agent.api.post_alerts(*({**it, "endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 45))} for it in ALERTS))  # noqa: E731
    browser = Browser(world)
    leased()
    agent.await_outcomes(2)
    browser.open(url(agent))
    browser.find(".group", "DiskFull")
    time.sleep(5)
    browser.requests()
    for _ in range(10):
        leased()
        time.sleep(5)
    asked = browser.requests()
    assert all("/bellwether/v1/changes" in it or it.endswith("/groups?show=versions") for it, _ in asked), asked
    assert 1 <= len(asked) <= 5, asked
    assert sum(bytes_ for _, bytes_ in asked) <= 1500, asked
    agent.kill()
    browser.find("#banner", "As of")
    age = until("the banner tells an age", lambda: re.search(r"\((\d+) (sec|min)", browser.texts("#banner")[0]))
    assert age[2] == "sec" and int(age[1]) < 45, age[0]
    return f"{len(asked)} requests in 50 s"


def lapsed(world):
    """An alert whose lease was moved on, and then ran out, goes from the page, though its group is not flushed for long."""
    agent = world.subject(CONFIG.replace("group_interval: 1s", "group_interval: 1h"))
    lease = lambda seconds: agent.api.post_alerts({**ALERTS[0], "endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))})  # noqa: E731
    browser = Browser(world)
    lease(20)
    agent.await_outcomes(1)
    browser.open(url(agent))
    browser.find(".group", "DiskFull")
    lease(50)
    until("it has gone", lambda: not browser.texts(".group"), 120)
    browser.find(".empty", "No alerts.")
    assert not browser.errors(), browser.errors()


def accessible(world):
    """axe-core finds nothing on any view, of any width, in both themes, with all that can be opened or said; nothing is wider than the screen."""
    agent = opened(world)[0]
    browser = Browser(world)
    for comment, start in (("active", "2024-01-01T00:00:00Z"), ("pending", "2098-01-01T00:00:00Z")):
        matchers = [{"name": "site", "value": "north", "isRegex": False}]
        agent.api.post("/api/v2/silences", {"matchers": matchers, "startsAt": start, "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": comment})
    agent.api.post_alerts({**alert("Long", site="north"), "annotations": {"steps": "\n".join(f"step {it}" for it in range(40))}})
    found = []

    def look(what):
        found.extend(f"{what} {width} {'dark' if dark else 'light'}: {it}" for it in browser.violations())
        wide = browser.run("return document.documentElement.scrollWidth")
        assert wide <= width, f"{what} is {wide} wide on a screen of {width}"
        cut = browser.run("return [...document.querySelectorAll('nav, dialog[open], dialog .field input')].filter((it) => it.scrollWidth > it.clientWidth).map((it) => it.outerHTML.slice(0, 100))")
        assert not cut, f"{what}: on a screen of {width} something is out of sight: {cut}"

    for width, height in SCREENS:
        for dark in (False, True):
            browser.size(width, height)
            browser.theme(dark)
            for view in VIEWS:
                browser.open("about:blank")
                browser.open(url(agent, view))
                browser.find("nav a", "Alerts")
                browser.find("main > :not(:empty)" if "new" not in view else "dialog[open]")
                if view == "status":
                    browser.click(".entry button", "Test")
                    browser.find("dialog pre")
                browser.run("document.querySelectorAll('details').forEach((it) => { it.open = true; })")
                look(view)
                if view == "silences":
                    browser.click(".silence button", "+ 1 hr")
                    browser.find("#toast.on")
                    look("a toast")
            browser.open(url(agent, "alerts?filter=site%3Dnowhere"))
            browser.type("#filter", "wrong\n")
            browser.find(".fault", "Not a filter")
            browser.type("#filter", "sev")  # the keyboard of a phone went away
            agent.api.post_alerts(alert("New", f"on a screen of {width}, {dark}", site="west"))
            browser.find("#banner", "Something changed.")
            look("news")
    agent.kill()
    browser.find("#banner", "out of reach")
    for width, height in SCREENS:
        for dark in (False, True):
            browser.size(width, height)
            browser.theme(dark)
            look("out of reach")
    assert not found, "\n".join(found)


def languages(world):
    """The browser's choice of language, or the visitor's."""
    agent, browser = started(world)
    for language, word, button in (("de", "Stummschaltungen", "Bestätigen"), ("fr", "Silences", "Acquitter"), ("es", "Silencios", "Reconocer"), ("zh", "静默", "确认"), ("en", "Silences", "Acknowledge")):
        browser.run("const it = document.querySelector('#tools select'); it.focus(); it.value = arguments[0]; it.dispatchEvent(new Event('change'))", language)
        browser.find("nav a", word)
        assert browser.run("return document.documentElement.lang") == language
        browser.find(".alert button", button)
        assert browser.run("return document.activeElement.tagName") == "SELECT", "the keyboard is where it was"
        browser.size(320, 640)
        assert browser.run("const it = document.querySelector('nav'); return it.scrollWidth <= it.clientWidth"), f"{language}: a view is out of sight"
        browser.size(1280, 800)
    browser.open(url(agent, "notifications"))
    browser.find(".entry .state", "kept quiet")
    browser.driver.refresh()
    browser.find("nav a", "Silences")


def many(world):
    """Of 5,000 alerts in 500 groups only what is looked at is drawn, and more as one scrolls."""
    agent, browser = started(world)
    for begin in range(0, 500, 100):
        agent.api.post_alerts(*(alert(f"Many{group}", site=str(group), instance=str(it), severity="warning") for group in range(begin, begin + 100) for it in range(10)))
    browser.driver.refresh()
    browser.find(".count.active", "500")
    drawn = len(browser.all(".group"))
    assert drawn <= 100, f"{drawn} groups were drawn at once"
    for _ in range(5):
        browser.run("scrollTo(0, document.body.scrollHeight)")
        time.sleep(0.2)
    until("more are drawn", lambda: len(browser.all(".group")) > drawn)
    agent.api.post_alerts(*(alert(f"One{group}", site="small", severity="warning") for group in range(60)))
    browser.size(1280, 2400)
    browser.open(url(agent, "alerts?filter=site%3Dsmall"))
    until("small groups fill a tall screen, too", lambda: browser.run("return document.body.scrollHeight > innerHeight + 400"))
    browser.open(url(agent))
    browser.find(".group", "Many")
    browser.type("#filter", "alertname=Many417\n")
    browser.find(".group", "Many417")
    until("the filter holds", lambda: len(browser.all(".group")) == 1)


ATTEMPTS = """
const [base, id, done] = arguments;
const silence = JSON.stringify({matchers: [{name: "alertname", value: ".+", isRegex: true}], startsAt: "2024-01-01T00:00:00Z", endsAt: "2099-01-01T00:00:00Z", createdBy: "evil", comment: "evil"});
const alerts = JSON.stringify([{labels: {alertname: "Evil"}}]);
const test = JSON.stringify({receiver: "phone"});
const bodies = {"api/v2/silences": silence, "api/v2/alerts": alerts, "api/v1/alerts": alerts, "-/reload": alerts, "bellwether/v1/notify/test": test, "bellwether/v1/owed/drop": "{}", "bellwether/v1/owed/retry": "{}", "bellwether/v1/ping/backup": "{}"};
const tries = [];
for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
  for (const mode of ["cors", "no-cors"]) {
    for (const [method, path, body] of [["POST", "api/v2/silences", silence], ["POST", "api/v2/alerts", alerts], ["POST", "api/v1/alerts", alerts], ["POST", "-/reload", ""], ["PUT", "api/v2/silences", silence], ["POST", "bellwether/v1/notify/test", test], ["POST", "bellwether/v1/owed/drop", "{}"], ["POST", "bellwether/v1/owed/retry", "{}"], ["POST", "bellwether/v1/ping/backup", ""], ["DELETE", `api/v2/silence/${id}`, undefined]]) {
      tries.push(fetch(base + path, {method, mode, body, headers: {"Content-Type": type}}).then((it) => `${method} ${path} ${it.status}`, () => `${method} ${path} failed`));
    }
  }
}
for (const [path, body] of Object.entries(bodies)) {
  navigator.sendBeacon(base + path, body);
  for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
    const frame = document.body.appendChild(document.createElement("iframe"));
    frame.name = path + enctype;
    const form = document.body.appendChild(Object.assign(document.createElement("form"), {method: "post", action: base + path, target: path + enctype, enctype}));
    // As a form sends it: the name, an equals sign, the value.
    const [name, value = ""] = body.split(/:(.*)/s);
    form.append(Object.assign(document.createElement("input"), {name: name + ':"', value: '", ' + value}));
    form.submit();
  }
  // A link that tells that it was followed posts, too.
  const link = document.body.appendChild(Object.assign(document.createElement("a"), {href: "#followed", ping: base + path}));
  link.click();
}
for (const path of ["api/v2/alerts", "api/v2/status", "metrics", "bellwether/v1/history"]) {
  tries.push(fetch(base + path).then((it) => it.text().then((text) => `read ${path} ${it.status} ${text.length}`), () => `read ${path} failed`));
}
Promise.all(tries).then((it) => setTimeout(() => done(it), 1000));
"""


def evil(world):
    """A page of another site tries every write, by its own name and by one that it points at the agent: nothing changes."""
    sink = world.sink()
    agent, browser = started(world, EXPECTING + CONFIG.replace("{name: phone, log_configs: [{}]}", f"{{name: phone, webhook_configs: [{{url: '{sink.url}/phone'}}]}}"))
    agent.api.post("/api/v2/silences", {"matchers": [{"name": "site", "value": "x", "isRegex": False}], "startsAt": "2024-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": "mine"})
    (mine,) = silences(agent)
    # Of each group of the alerts that fire, which are told once.
    until("all is told", lambda: len(sink.payloads("/phone")) == TOLD)
    state = lambda: ([it["comment"] for it in silences(agent)], sorted({it["labels"]["alertname"] for it in agent.api.alerts()}), agent.metric("alertmanager_config_last_reload_success_timestamp_seconds"), len(sink.payloads("/phone")), [it.get("last") for it in agent.api.get("/bellwether/v1/deadman").json["expected"]])  # noqa: E731
    before = state()
    browser.driver.set_script_timeout(60)
    site = static_site(world)
    for page, what in ((f"http://evil.example:{site}/", "a page of another site"), (f"http://evil.example:{agent.port}/", "a name that was pointed at the agent")):
        browser.open(page)
        for base in (f"http://127.0.0.1:{agent.port}/", f"http://localhost:{agent.port}/", f"http://localhost.:{agent.port}/", f"http://evil.example:{agent.port}/"):
            outcomes = browser.driver.execute_async_script(ATTEMPTS, base, mine["id"])
            taken = [it for it in outcomes if " 200" in it]
            assert not taken, f"{what} at {base}: {taken}"
            assert len(outcomes) == REQUESTS, outcomes
    assert state() == before, f"changed: {before} {state()}"
    browser.open(f"http://evil.example:{agent.port}/")
    assert "web.allowed_hosts" in browser.find("body").text, "the refusal says what to do"
    return f"{4 * 2 * REQUESTS} requests; beacons, pings and forms beside"


def allowed(world):
    """A page of an allowed origin (karma) sets and expires silences, and may not reload; an allowed host shows the page."""
    site = static_site(world)
    agent = world.subject(CONFIG, f"--web.allowed-origin=http://karma.example:{site}", "--web.allowed-host=*.gateways.example")
    agent.api.post_alerts(*ALERTS)
    browser = Browser(world)
    browser.open(f"http://karma.example:{site}/")
    base = f"http://127.0.0.1:{agent.port}/"
    ask = "const [url, options, done] = arguments; fetch(url, options).then(async (it) => done([it.status, await it.text()]), (it) => done([0, String(it)]))"
    asked = lambda path, **options: browser.driver.execute_async_script(ask, base + path, options)  # noqa: E731
    body = '{"matchers": [{"name": "site", "value": "x", "isRegex": false}], "startsAt": "2024-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "karma", "comment": "by karma"}'
    assert asked("api/v2/alerts/groups")[0] == 200
    status, text = asked("api/v2/silences", method="POST", body=body, headers={"Content-Type": "application/json"})
    assert status == 200, text
    (mine,) = silences(agent)
    assert asked("-/reload", method="POST")[0] == 0, "the browser shows the page no answer"
    assert asked(f"api/v2/silence/{mine['id']}", method="DELETE")[0] == 200
    assert not silences(agent)
    browser.open(f"http://gw1.gateways.example:{agent.port}/")
    browser.find(".group", "DiskFull")
    browser.run("localStorage.setItem('bellwether.author', 'Ben')")
    browser.click(".alert button", "Acknowledge")
    until("the page under an allowed name writes", lambda: silences(agent))


def watchers(world):
    """More pages than may wait for news: the one that has waited for longest is answered at once, and asks again."""
    agent = world.subject(CONFIG)
    first = agent.api.get("/bellwether/v1/changes").text
    waiting = []
    for _ in range(WATCHERS + 3):
        waiting.append(socket.create_connection(("127.0.0.1", agent.port), timeout=10))
        waiting[-1].sendall(f"GET /bellwether/v1/changes?after={first} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(0.02)
    for connection in waiting[:3]:
        assert first in connection.recv(4096).decode(), "the oldest are answered"
    for connection in waiting[3:]:
        connection.setblocking(False)
        try:
            raise AssertionError(f"answered too soon: {connection.recv(4096)}")
        except BlockingIOError:
            connection.setblocking(True)
    agent.api.post_alerts(alert("New"))
    for connection in waiting[3:]:
        assert first not in connection.recv(4096).decode(), "all are told that there is news"


def static_site(world):
    """The port of a web server of 127.0.0.1 with an empty page, under whatever name."""
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>another site</title><body>another site</body>")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    world.at_end(server.shutdown)
    return server.server_port


def told(world):
    """The history shows content, receiver, node, reason, outcome and the receiver's answer; and what waits or fails, and since when."""
    sink = world.sink()
    config = f"""
route: {{receiver: good, group_by: [alertname], group_wait: 200ms, group_interval: 2s, routes: [{{receiver: bad, matchers: [to="bad"]}}]}}
receivers:
- {{name: good, webhook_configs: [{{url: "{sink.url}/good"}}]}}
- {{name: bad, webhook_configs: [{{url: "http://127.0.0.1:1/bad"}}]}}
"""
    agent = world.subject(config, "--cluster.peer-name=gw7")
    agent.api.post_alerts(alert("Lamp", "the lamp is dark"), alert("Pump", "the pump is dry", to="bad"))
    browser = Browser(world)
    browser.open(url(agent, "notifications"))
    sent = browser.find(".entry.sent", "Lamp").text
    for part in ("sent", "good (webhook[0])", "1 firing", "first notification"):
        assert part in sent, f"{part} is not in {sent}"
    browser.requests()
    time.sleep(25)
    asked = [it for it, _ in browser.requests()]
    with_events = sum("/history" in it for it in asked)
    assert sum("/pending" in it for it in asked) > with_events, f"what waits is asked for again, also where nothing has happened: {asked}"
    browser.click(".entry.sent summary")
    told_ = browser.find(".entry.sent details[open]").text
    assert "the lamp is dark" in told_ and "200" in told_, told_
    now = browser.find("section.critical", "Waiting and failing now")
    until(f"the failing one is among them: {now.text}", lambda: all(it in browser.find("section.critical").text for it in ("Pump", "bad (webhook[0])", "since", "refused")))
    browser.open(url(agent, "notifications?show=sent"))
    browser.find(".entry", "Lamp")
    assert not any("Pump" in it for it in browser.texts("ol .entry")), browser.texts("ol .entry")
    assert not browser.errors(), browser.errors()


def node(world):
    """The node tells what goes wrong, its memory and its flash; a test of a receiver is shown first, and sent when asked to."""
    sink = world.sink()
    config = f"""
route: {{receiver: bad, group_wait: 200ms, group_interval: 2s}}
receivers:
- {{name: bad, webhook_configs: [{{url: "http://127.0.0.1:1/bad"}}]}}
- {{name: good, webhook_configs: [{{url: "{sink.url}/good"}}]}}
"""
    agent = world.subject(config)
    browser = Browser(world)
    browser.open(url(agent, "status"))
    browser.find(".entry", "good")
    agent.api.post_alerts(alert("Pump", "the pump is dry"))
    browser.find(".entry", "groups not told")
    trouble = browser.find("section.critical .entry", "bad/webhook[0]").text
    assert "refused" in trouble and "Receiver fails" in trouble, trouble
    browser.find("#nav .badge", "1")
    facts = browser.find(".node").text
    for part in ("MiB of ", "Commits", "a day", "Card life at this pace", "ready", "Alertmanager API ", "Running"):
        assert part in facts, f"{part} is not in {facts}"
    owed = browser.find("section.critical .entry", "groups not told").text
    assert owed.startswith("bad") and "since" in owed and "Try now" in owed, owed
    browser.click("section.critical .entry button", "Try now")
    bad, good = [it for it in browser.texts(".node .entry") if it.endswith("Test") or "last failure" in it]
    assert "last failure" in bad and "last sent –" in good and "refused" in bad, (bad, good)
    browser.run("[...document.querySelectorAll('.entry')].find((it) => it.textContent.includes('good')).querySelector('button').click()")
    shown = browser.find("dialog pre", "bellwether_test").text
    assert sink.url in shown and "/good" not in shown, f"the URL may hold a secret: {shown}"
    assert not sink.requests, "nothing is sent before it is asked for"
    browser.click("dialog button.primary", "Send the test")
    browser.find("dialog b.good", "delivered")
    assert len(sink.requests) == 1, sink.requests
    browser.click("dialog .actions button", "Close")
    browser.run("[...document.querySelectorAll('.entry')].find((it) => it.textContent.includes('last failure')).querySelector('button').click()")
    browser.find("dialog pre")
    browser.click("dialog button.primary", "Send the test")
    browser.find("dialog .fault", "refused")
    assert not browser.errors(), browser.errors()


def expected(world):
    """The node shows what is expected, what has come, and what is missing; and the heartbeats. In every language."""
    sink = world.sink()
    config = CONFIG + f"""
expect:
- {{name: backup, period: 1h}}
- {{name: script, period: 1h}}
- {{name: meter, period: 1s}}
heartbeat:
- {{name: outside, period: 10s, url: "{sink.url}/beat"}}
"""
    agent = world.subject(config)
    assert agent.api.post("/bellwether/v1/ping/backup", "").status == 200
    deadman = lambda: agent.api.get("/bellwether/v1/deadman").json  # noqa: E731
    until("meter is missing, and the heartbeat told", lambda: deadman()["expected"][2]["missing"] and deadman()["heartbeats"][0]["last"])
    browser = Browser(world, width=320, height=640)
    browser.open(url(agent, "alerts"))
    browser.find(".group", "BellwetherExpectedMissing")
    browser.open(url(agent, "status"))
    browser.find("h2", "Expected")
    row = lambda name: browser.run("return [...[...document.querySelectorAll('tbody tr')].find((it) => it.firstChild.textContent === arguments[0]).children].map((it) => it.textContent)", name)  # noqa: E731
    name, period, state, last, by = row("backup")
    assert (name, period, state, by) == ("backup", "1h", "there", "a ping of 127.0.0.1") and last.endswith("ago"), row("backup")
    assert row("script") == ["script", "1h", "waiting", "–", ""], row("script")
    assert row("meter")[:4] == ["meter", "1s", "missing", "–"], row("meter")
    assert row("outside")[:2] == ["outside", "10s"] and row("outside")[3].endswith("ago"), row("outside")
    assert browser.run("return document.documentElement.scrollWidth") <= 320, "the page is wider than the screen"
    for language, word in (("de", "fehlt"), ("fr", "absent"), ("es", "falta"), ("zh", "缺失")):
        browser.run("const it = document.querySelector('#tools select'); it.value = arguments[0]; it.dispatchEvent(new Event('change'))", language)
        browser.find("td", word)
    assert not browser.violations(), browser.violations()
    assert not browser.errors(), browser.errors()


def read_only(world):
    """With --web.read-only alerts are taken, all is shown, and nothing can be changed: neither by the page nor by the API."""
    agent = world.subject(CONFIG, "--web.read-only")
    agent.api.post_alerts(*ALERTS)
    for method, path in (("POST", "/api/v2/silences"), ("DELETE", "/api/v2/silence/5c4b1b0e-0000-4000-8000-000000000000"), ("POST", "/-/reload")):
        answer = agent.api.request(method, path, "{}", {"Content-Type": "application/json"})
        assert answer.status == 403 and "--web.read-only" in answer.text, answer
    browser = Browser(world)
    browser.open(url(agent))
    browser.find(".group", "DiskFull")
    browser.find("#read-only")
    for view in VIEWS:
        browser.open("about:blank")
        browser.open(url(agent, view))
        browser.find("main > :not(:empty)")
        shown = "return [...document.querySelectorAll('.write')].filter((it) => it.offsetParent).map((it) => it.textContent)"
        until(f"{view} offers no writes: {browser.run(shown)}", lambda: not browser.run(shown))
    assert browser.find("#read-only").text == "Read-only"
    assert not browser.errors(), browser.errors()


def cases(_settings):
    every = [evil, allowed, read_only, watchers, told, node, expected, alerts, live, mute_time, silence, dialog, choices, two_taps, patterns, changes, plain, ungrouped, twins, keyboard, clock, next_day, counted, steady, tabs, parts, acknowledge, asked, owed, flock, hostile, comeback, idle, lapsed, accessible, languages, many]
    return [(f"page/{case.__name__}", case) for case in every]


HEAVY = {"page/accessible", "page/many"}
