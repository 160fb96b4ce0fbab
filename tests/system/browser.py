"""A real browser: Debian's Chromium, headless, driven over WebDriver."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import registry
from agent import until

SELENIUM = "4.35.0"
AXE = "4.14.1"
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--lang=en-US",
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]  # fmt: skip


SHIFTED = """{
  const Real = Date;
  window.clockAhead = %d;
  Date = class extends Real {
    constructor(...of) { super(...(of.length ? of : [Date.now()])); }
    static now() { return Real.now() + window.clockAhead; }
  };
}"""
POLICIES = Path("/etc/chromium/policies/managed")


def shows_certificates(world, url):
    """From now on browsers that have a certificate show it to this server without asking."""
    POLICIES.mkdir(parents=True, exist_ok=True)
    policy = POLICIES / f"bellwether-{os.getpid()}.json"
    policy.write_text(json.dumps({"AutoSelectCertificateForUrls": [json.dumps({"pattern": url, "filter": {}})]}))
    world.at_end(policy.unlink)


def keep(profile, certificate):
    """A home directory whose browser has the certificate."""
    store = Path(profile) / ".pki/nssdb"
    store.mkdir(parents=True)
    bundle = store / "own.p12"
    for command in (
        ("certutil", "-N", "-d", f"sql:{store}", "--empty-password"),
        ("openssl", "pkcs12", "-export", "-in", certificate, "-name", "own", "-out", bundle, "-passout", "pass:own"),
        ("pk12util", "-i", bundle, "-d", f"sql:{store}", "-W", "own"),
    ):
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return profile


class Browser:
    """One window at one agent's page. Errors of the page's scripts fail the case that looks at them.

    `certificate` is shown to servers that ask for one: a PEM file with its key.
    """

    def __init__(self, world, width=1280, height=800, dark=False, traced="", certificate=None):
        registry.python("selenium", SELENIUM)
        from selenium import webdriver
        from selenium.webdriver.common.by import By

        self.by = By.CSS_SELECTOR
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        # Not in the case's directory, whose logs are shown where a case fails.
        profile = tempfile.mkdtemp(prefix="bellwether-chromium-")
        world.at_end(lambda: shutil.rmtree(profile, ignore_errors=True))
        for argument in [*ARGUMENTS, f"--user-data-dir={profile}"]:
            options.add_argument(argument)
        if traced:
            options.add_experimental_option("perfLoggingPrefs", {"enableNetwork": False, "enablePage": False, "traceCategories": traced})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        home = {"HOME": keep(profile, certificate)} if certificate else {}
        self.driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver", env={**os.environ, **home}))
        world.at_end(self.driver.quit)
        self.size(width, height)
        self.theme(dark)

    def size(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def theme(self, dark):
        value = "dark" if dark else "light"
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def shift_clock(self, hours):
        """From the next page on this browser's clock is ahead by so much."""
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=SHIFTED % (hours * 3600e3))

    def block(self, *urls):
        """Let requests of these patterns fail, and no others."""
        self.cdp("Network.enable")
        self.cdp("Network.setBlockedURLs", urls=list(urls))

    def open(self, url):
        self.driver.get(url)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements(self.by, selector)

    def texts(self, selector):
        """The texts of all elements, read at one moment; also of those that are out of sight, and so not drawn."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((it) => it.textContent)", selector)

    def find(self, selector, text=""):
        """Wait for an element with this text in it."""
        script = "return [...document.querySelectorAll(arguments[0])].find((it) => it.textContent.includes(arguments[1]) || it.value?.includes?.(arguments[1]))"
        return until(f"{selector} with {text!r}; there are {self.texts(selector)}", lambda: self.run(script, selector, text))

    def gone(self, selector, text=""):
        until(f"no {selector} with {text!r}", lambda: not any(text in it for it in self.texts(selector)))

    def click(self, selector, text=""):
        """Click as a person does; a card that is drawn anew at that moment is looked for again."""
        def clicked():
            try:
                element = self.find(selector, text)
                self.run("arguments[0].scrollIntoView({block: 'center'})", element)
                element.click()
                return True
            except Exception as error:  # stale, or covered while it moves
                if type(error).__name__ not in ("StaleElementReferenceException", "ElementClickInterceptedException"):
                    raise
                return False
        until(f"a click on {selector} with {text!r}", clicked)

    def type(self, selector, text):
        """Type as a person does; a field that is drawn anew at that moment is looked for again."""
        def typed():
            try:
                element = self.find(selector)
                element.clear()
                element.send_keys(text)
                return True
            except Exception as error:
                if type(error).__name__ != "StaleElementReferenceException":
                    raise
                return False
        until(f"typing into {selector}", typed)

    def violations(self):
        """What axe-core finds, of any weight."""
        self.run(registry.npm("axe-core", AXE, "axe.min.js"))
        found = self.driver.execute_async_script("axe.run(document, {resultTypes: ['violations']}).then((it) => arguments[0](it.violations))")
        return [f"{it['id']} ({it['impact']}): {it['nodes'][0]['html'][:200]}" for it in found]

    def errors(self):
        """What the page's scripts and its policy have complained of; a server that is away is no fault of theirs."""
        return [it["message"] for it in self.driver.get_log("browser") if it["level"] == "SEVERE" and "net::ERR" not in it["message"] and "Failed to load resource" not in it["message"]]

    def requests(self):
        """(URL, bytes that came) of each request since this was last asked, as the browser counts them."""
        urls, bytes_ = {}, {}
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            of = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                urls[of["requestId"]] = of["request"]["url"]
            elif message["method"] == "Network.loadingFinished":
                bytes_[of["requestId"]] = of["encodedDataLength"]
        return [(url, bytes_.get(request, 0)) for request, url in urls.items()]
