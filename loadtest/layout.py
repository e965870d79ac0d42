"""One load test on several workers: who is which, and how claims find their way, through the master."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from locust.runners import MasterRunner, WorkerRunner

from loadtest.delivery.ledger import Claim
from loadtest.settings import LAYOUT
from loadtest.users.ground import Ground
from loadtest.users.numbering import Numbering

_CLAIMS = "loadtest claims"
_SETTLE = "loadtest settle"
_SETTLED = "loadtest settled"
_GRACE_SECONDS = 5  # for the answers of workers, beyond the deadline of messages


class Master:
    """Tells workers who is which, and passes on what they tell each other."""

    def __init__(self, environment: Any) -> None:
        """`environment` is Locust's, of a master."""
        self._environment = environment
        self._runner: MasterRunner = environment.runner
        self._clients: list[str] = []
        self._unsettled: set[str] = set()
        self._settled = Event()
        self._runner.register_message(_CLAIMS, self._pass_on)
        self._runner.register_message(_SETTLED, self._note_settled)

    def begin(self) -> None:
        """A run begins: its workers are those that are connected now, by their index."""
        workers = self._runner.clients
        ready = [*workers.ready, *workers.running, *workers.spawning]
        self._clients = sorted((worker.id for worker in ready), key=self._runner.get_worker_index)
        # travels to the workers together with the order to begin
        layout = {"workers": self._clients, "scenarios": _scenarios(self._environment)}
        setattr(self._environment.parsed_options, LAYOUT, layout)

    def settle(self, seconds: float) -> None:
        """Have all workers wait for what is under way, for `seconds` at most."""
        self._unsettled = {client for client in self._clients if client in self._runner.clients}
        self._settled.clear()
        for client in self._unsettled:
            self._runner.send_message(_SETTLE, None, client)
        if self._unsettled:
            self._settled.wait(seconds + _GRACE_SECONDS)

    def _pass_on(self, environment: Any, msg: Any, **_: Any) -> None:
        client = self._clients[msg.data["rank"]]
        if client in self._runner.clients:
            self._runner.send_message(_CLAIMS, msg.data, client)

    def _note_settled(self, environment: Any, msg: Any, **_: Any) -> None:
        self._unsettled.discard(msg.node_id)
        if not self._unsettled:
            self._settled.set()


class Worker:
    """One of several."""

    def __init__(self, environment: Any, ground: Callable[[], Ground | None]) -> None:
        """`ground` is that of the present run."""
        self._environment = environment
        self._runner: WorkerRunner = environment.runner
        self._ground = ground
        self._runner.register_message(_CLAIMS, self._take)
        self._runner.register_message(_SETTLE, self._settle, concurrent=True)

    def numbering(self) -> Numbering:
        """This worker's numbers; its rank is -1 when it came after the start."""
        layout = getattr(self._environment.parsed_options, LAYOUT)
        clients: list[str] = layout["workers"]
        rank = clients.index(self._runner.client_id) if self._runner.client_id in clients else -1
        return Numbering(rank, len(clients), layout["scenarios"])

    def send(self, rank: int, claims: list[Claim]) -> None:
        """Bring claims to another worker."""
        self._runner.send_message(_CLAIMS, {"rank": rank, "claims": [list(claim) for claim in claims]})

    def _take(self, environment: Any, msg: Any, **_: Any) -> None:
        ground = self._ground()
        if ground is not None:
            for claim in msg.data["claims"]:
                ground.ledger.claim(Claim(*claim))

    def _settle(self, environment: Any, msg: Any, **_: Any) -> None:
        ground = self._ground()
        if ground is not None:
            ground.settle()
        gevent.sleep(0)
        self._runner.send_message(_SETTLED)


def alone(environment: Any) -> Numbering:
    """The numbers of a process that is all there is."""
    return Numbering(0, 1, _scenarios(environment))


def _scenarios(environment: Any) -> list[str]:
    return [one.__name__ for one in environment.user_classes]
