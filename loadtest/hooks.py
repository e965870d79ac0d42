"""What the load test does at Locust's events."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust import runners, stats
from locust.runners import STATE_CLEANUP, STATE_STOPPED, MasterRunner, WorkerRunner

from loadtest import layout
from loadtest.report import folder as folders
from loadtest.report import results, thresholds
from loadtest.report.outcome import bucket
from loadtest.report.timeline import Timeline, TimelineFile
from loadtest.report.web import extend
from loadtest.settings import MIX, Settings, add_options
from loadtest.users.ground import Ground
from loadtest.users.person import Person
from loadtest.xmpp.place import place

_log = logging.getLogger(__name__)


def attach(events: Any, scenarios: Mapping[str, type[Person]]) -> None:
    """Have Locust run the scenarios, by name."""
    # both are Locust's own places for this: finer figures for what takes a few milliseconds, and fresher ones
    stats.bucket_response_time = bucket  # type: ignore[assignment]
    runners.WORKER_REPORT_INTERVAL = 1.0
    events.init_command_line_parser.add_listener(lambda parser, **_: add_options(parser, scenarios))
    events.init.add_listener(lambda environment, **_: _begin(environment, scenarios))


def _begin(environment: Any, scenarios: Mapping[str, type[Person]]) -> None:
    """The parts of this process."""
    runner = environment.runner
    if not isinstance(runner, WorkerRunner):
        chosen = environment.parsed_options.scenario
        if chosen != MIX:
            environment.user_classes = [scenarios[chosen]]
        Watch(environment)
    if environment.host:
        _place(environment)  # so that a mistake ends the program at its start
    if isinstance(runner, MasterRunner):
        Conductor(environment)
    else:
        Players(environment)


class Conductor:
    """A master's part: it has workers, and no users."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._master = layout.Master(environment)
        environment.events.test_start.add_listener(lambda **_: self._master.begin())
        environment.events.test_stopping.add_listener(lambda **_: self._settle())

    def _settle(self) -> None:
        self._master.settle(Settings.of(self._environment.parsed_options).deadline)


class Players:
    """The part of a process that has users: a worker, or Locust alone."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._worker: layout.Worker | None = None
        if isinstance(environment.runner, WorkerRunner):
            self._worker = layout.Worker(environment, lambda: Person.stage)
        else:
            environment.events.test_stopping.add_listener(lambda **_: self._settle())
        environment.events.test_start.add_listener(lambda **_: self._start())
        environment.events.test_stop.add_listener(lambda **_: self._stop())

    def _start(self) -> None:
        self._stop()
        worker = self._worker
        numbering = layout.alone(self._environment) if worker is None else worker.numbering()
        Person.stage = Ground(
            Settings.of(self._environment.parsed_options),
            _place(self._environment),
            numbering,
            self._environment.events.request.fire,
            _nowhere if worker is None else worker.send,
        )

    def _settle(self) -> None:
        if Person.stage is not None:
            Person.stage.settle()

    def _stop(self) -> None:
        ground, Person.stage = Person.stage, None
        if ground is not None:
            ground.close()


class Watch:
    """The part of a process that sees all figures: a master, or Locust alone."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._folder: Path | None = None
        self._timeline = Timeline()
        self._looking: Any = None
        self._ending = False
        self._ended = Event()
        environment.events.test_start.add_listener(lambda **_: self._start())
        environment.events.quitting.add_listener(lambda **_: self._end())
        if environment.web_ui is not None:
            extend(environment.web_ui, environment.stats, lambda: self._timeline)

    def _start(self) -> None:
        self._folder = folders.folder(self._environment.parsed_options.results)
        _log.info("Results go to %s", self._folder)
        if self._looking is not None:
            self._looking.kill()
        self._timeline = Timeline()
        file = TimelineFile(self._folder / folders.TIMELINE)
        self._looking = gevent.spawn(self._look, file)

    def _look(self, file: TimelineFile) -> None:
        runner, began = self._environment.runner, time.monotonic()
        try:
            while runner.state not in {STATE_CLEANUP, STATE_STOPPED}:
                gevent.sleep(1)
                second = round(time.monotonic() - began)
                file.write(self._timeline.look(second, runner.user_count, runner.stats))
        finally:
            file.close()

    def _end(self) -> None:
        """Write the results; decide whether the run has failed.

        An interrupted run has not stopped yet, and is stopped first, to be judged too. That wakes
        Locust's main greenlet, which then comes here as well, and waits.
        """
        if self._folder is None:
            return
        if self._ending:
            self._ended.wait()
            return
        self._ending = True
        try:
            self._environment.runner.quit()
            self._judge(self._folder)
        finally:
            self._ended.set()

    def _judge(self, folder: Path) -> None:
        found = results.write(folder, self._environment)
        options = self._environment.parsed_options
        if not thresholds.set_any(options):
            return
        sentences = thresholds.broken(options, found)
        for sentence in sentences:
            print(f"FAILED: {sentence}", file=sys.stderr)
        self._environment.process_exit_code = 1 if sentences else 0


def _place(environment: Any) -> Any:
    options = environment.parsed_options
    if not environment.host:
        raise ValueError(
            "name the server: --host xmpp://host:5222 or xmpps://host:5223, or several with commas"
        )
    settings = Settings.of(options)
    return place(environment.host, settings.domain, settings.ca_file, verify=settings.verify == "yes")


def _nowhere(rank: int, claims: object) -> None:
    raise AssertionError(f"there is no worker {rank} to tell of {claims!r}")
