"""How late this machine is: a thread that wants to run often, and notes when it could not."""

import threading
import time

BEAT = 0.02  # seconds


class Pulse:
    """Measures until it is closed: `latest` is the longest, in seconds, that a thread had to wait for its turn."""

    def __init__(self):
        self.latest = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        began = time.monotonic()
        while not self._over.wait(BEAT):
            began, before = time.monotonic(), began
            self.latest = max(self.latest, began - before - BEAT)

    def close(self):
        self._over.set()
        self._thread.join()
