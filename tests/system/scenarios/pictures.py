"""Pictures of each view of the page, on a phone, on a desk and on a wall, in both themes.

    PICTURES=DIR BELLWETHER=path tests/system/run pictures

DIR gets VIEW-WIDTH-THEME.png; without PICTURES they are made and thrown away.
"""

import base64
import os
from pathlib import Path

from browser import Browser
from gateways import opened

SCREENS = [(390, 844), (1280, 800), (1920, 1080)]
VIEWS = {
    "alerts": ("alerts", ".group"),
    "silences": ("silences", ".silence"),
    "silence-new": ("silences/new?filter=%7Bsite%3D%22quay%22%7D", "dialog summary"),
    "notifications": ("notifications", ".entry"),
    "node": ("status", "tbody th"),
    "node-test": ("status", "tbody th"),
    "empty": ("alerts?filter=%7Bsite%3D%22nowhere%22%7D", ".empty"),
    "away": ("alerts", ".group"),
}


def every_view(world):
    """Each view is drawn, and no wider than its screen; the last ones while the agent is away."""
    agents = opened(world)
    folder = Path(os.environ.get("PICTURES") or world.directory / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    browser = Browser(world)
    for name, (view, selector) in VIEWS.items():
        if name == "away":
            browser.open("about:blank")
            browser.open(f"http://127.0.0.1:{agents[0].port}/#/{view}")
            browser.find(selector)
            agents[0].kill()
            browser.find("#banner", "out of reach")
        for width, height in SCREENS:
            for dark in (False, True):
                browser.size(width, height)
                browser.theme(dark)
                if name != "away":
                    browser.open("about:blank")
                    browser.open(f"http://127.0.0.1:{agents[0].port}/#/{view}")
                    browser.find(selector)
                if name == "node-test":
                    browser.click(".entry button", "Test")
                    browser.find("dialog pre")
                wide = browser.run("return document.documentElement.scrollWidth")
                assert wide <= width, f"{view} is {wide} wide on a screen of {width}"
                png = browser.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=bool(os.environ.get("WHOLE")))["data"]
                (folder / f"{name}-{width}-{'dark' if dark else 'light'}.png").write_bytes(base64.b64decode(png))
    return f"{len(VIEWS) * len(SCREENS) * 2} pictures"


def cases(_settings):
    return [("pictures/every_view", every_view)]


HEAVY = {"pictures/every_view"}
