"""What a load test may be told, on the command line, by LOADTEST_ variables or in Locust's web page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

MIX = "mix"
LAYOUT = "loadtest_layout"
"""The option by which a master tells its workers who is which; not for people."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options that users of the load test go by; see `add_options` for what each means."""

    domain: str | None
    ca_file: str | None
    verify: str
    scenario: str
    account: str
    password: str
    register: str
    think: float
    contacts: int
    devices: int
    deadline: float
    herd_every: float
    jitter: float

    @classmethod
    def of(cls, options: Any) -> Settings:
        """Out of Locust's parsed options; values from the web page may be text."""
        found = {field.name: getattr(options, field.name) for field in fields(cls)}
        for name in ("think", "deadline", "herd_every", "jitter"):
            found[name] = float(found[name])
        for name in ("contacts", "devices"):
            found[name] = int(found[name])
        return cls(**found)

    def name(self, number: int) -> str:
        """The account's name of user `number`."""
        return self.account.replace("{}", str(number))

    def secret(self, number: int) -> str:
        """The account's password of user `number`."""
        return self.password.replace("{}", str(number))


def add_options(parser: Any, scenarios: Iterable[str]) -> None:
    """All options that are ours."""
    _server_options(parser.add_argument_group("The server and its accounts"))
    _behaviour_options(parser.add_argument_group("What users do"), (MIX, *scenarios))
    _threshold_options(parser.add_argument_group("When the run fails (each may be left out)"))
    parser.set_defaults(**{LAYOUT: None})


def _server_options(group: Any) -> None:
    _add(group, "--domain", None, "the XMPP domain, if it is not the name of the first --host")
    _add(group, "--ca-file", None, "a file with the CA that signed the server's certificate")
    _add(group, "--verify", "yes", "whether to check the server's certificate", choices=("yes", "no"))
    _add(group, "--account", "load{}", "names of the accounts; {} is the user's number, from 0")
    _add(group, "--password", "pw-load{}", "their passwords, likewise", secret=True)
    _add(
        group,
        "--register",
        "auto",
        "auto: make the accounts where the server lets clients register (XEP-0077); no: they exist",
        choices=("auto", "no"),
    )


def _behaviour_options(group: Any, scenarios: Sequence[str]) -> None:
    _add(group, "--scenario", MIX, "what users do; `mix` is some of each", choices=scenarios)
    _add(group, "--think", 5.0, "seconds between two things that a user does, on average", type=float)
    _add(group, "--contacts", 20, "contacts in a roster (presence-day)", type=int)
    _add(group, "--devices", 3, "sessions of one account (devices)", type=int)
    _add(group, "--deadline", 10.0, "seconds after which what has not arrived is lost", type=float)
    _add(group, "--herd-every", 30.0, "seconds between two cuts of everybody (reconnect-herd)", type=float)
    _add(group, "--jitter", 5.0, "seconds over which a herd spreads its return", type=float)


def _threshold_options(group: Any) -> None:
    for what in ("message", "presence", "login", "reconnect"):
        _add(group, f"--fail-p99-{what}", None, f"99th percentile of {what}, in ms, that is too much", float)
    _add(group, "--fail-loss", None, "fail when more than this many messages or presences are lost", int)
    _add(group, "--fail-twice", None, "fail when more than this many messages arrive twice", int)
    _add(group, "--fail-ratio", None, "share of failed requests, 0 to 1, that is too much", float)
    _add(group, "--results", None, "folder for CSV and HTML (loadtest/results/<time>)", in_page=False)


def _add(
    group: Any,
    option: str,
    default: Any,
    help: str,
    type: Any = str,
    *,
    in_page: bool = True,
    secret: bool = False,
    choices: Sequence[str] | None = None,
) -> None:
    variable = f"LOADTEST_{option.removeprefix('--').replace('-', '_').upper()}"
    shown = help if default is None or secret else f"{help} ({default})"
    action = group.add_argument(
        option, type=type, default=default, env_var=variable, help=shown, choices=choices
    )
    # what Locust's own parser notes of an option, and a group's does not
    action.include_in_web_ui = in_page
    action.is_secret = secret
    action.is_required = action.is_multiple = False
