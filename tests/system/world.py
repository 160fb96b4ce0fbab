"""What a scenario is given: agents and sinks in a directory of its own, all gone when it ends."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from agent import ALERTMANAGER, Agent, end, spawn
from sink import Sink


class Skip(Exception):
    """This machine cannot run the case: why."""


class Busy(AssertionError):
    """The case failed, and this machine was measured to be so late that it proves nothing: how late."""


class World:
    """The parts of one scenario. `settings` are the runner's: the subject's binary and the seeds."""

    def __init__(self, name, settings):
        self.name = name
        self.settings = settings
        self.directory = Path(tempfile.mkdtemp(prefix=f"bellwether-{name.replace('/', '-')}-"))
        self._agents = []
        self._sinks = []
        self._processes = []
        self._undo = contextlib.ExitStack()

    def subject(self, config, *flags, name="subject", **options):
        """Bellwether (or whatever binary stands in for it), started."""
        return self._start(self.settings.subject, name, config, flags, options)

    def oracle(self, config, *flags, name="oracle", **options):
        """Debian's Alertmanager, started."""
        return self._start(ALERTMANAGER, name, config, flags, options)

    def _start(self, binary, name, config, flags, options):
        agent = Agent(binary, self.directory / name, config, *flags, **options)
        self._agents.append(agent)
        return agent.start()

    def sink(self, *place):
        sink = Sink(*place)
        self._sinks.append(sink)
        return sink

    def spawn(self, name, *arguments):
        """Any other process; its output is in `name`.log."""
        process = spawn(arguments, self.directory / f"{name}.log", cwd=self.directory)
        self._processes.append(process)
        return process

    def at_end(self, undo):
        """Call `undo` when everything has stopped, the last one first."""
        self._undo.callback(undo)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        """End everything; keep the directory (configs, data, logs) of a case that failed."""
        keep = kind is not None and not issubclass(kind, Skip)
        for process in self._processes:
            end(process)
        for agent in self._agents:
            agent.stop()
        for sink in self._sinks:
            sink.close()
        self._undo.close()
        if not keep and not os.environ.get("KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)
