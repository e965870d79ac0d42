"""The command line; nothing else. What a command needs is imported when it runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

import click

from roost import __version__
from roost.runtime import config
from roost.runtime.config import Settings

_PUBLIC = tuple(name for name in Settings.model_fields if name not in config.SECRET)
_OF_UP = (
    "domain",
    "listen_host",
    "starttls_port",
    "direct_tls_port",
    "metrics_port",
    "registration",
    "tls",
    "log_level",
)
_USAGE_ERROR = 2
_Command = TypeVar("_Command", bound=Callable[..., None])
_Options = dict[str, Any]


def _settings(*names: str) -> Callable[[_Command], _Command]:
    """Give a command an option for each of these settings, and `--config`."""

    def decorate(command: _Command) -> _Command:
        for name in reversed(names):
            command = _setting(name)(command)
        what = f"The TOML file of settings (or {config.FILE_VARIABLE})."
        return click.option("--config", "file", type=click.Path(path_type=Path), help=what)(command)

    return decorate


def _setting(name: str) -> Callable[[_Command], _Command]:
    field = Settings.model_fields[name]
    choices = [each for each in get_args(field.annotation) if isinstance(each, str)]
    return click.option(
        f"--{name.replace('_', '-')}",
        default=None,
        metavar="|".join(choices) or "VALUE",
        help=field.description,
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="roost")
def main() -> None:
    """An XMPP server of any number of equal processes.

    Every option is also a variable ROOST_<OPTION> and a key of the TOML file.
    """


@main.command()
@click.option(
    "--connection-managers", default=2, show_default=True, type=click.IntRange(1, 64), help="How many."
)
@click.option(
    "--data",
    default="roost-data",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder where everything is kept.",
)
@click.option(
    "--own-port",
    type=click.IntRange(1, 65000),
    help="The first of the connection managers' own ports, two each. [default: free ones]",
)
@click.option(
    "--describe",
    type=click.Path(path_type=Path),
    help="Write what runs to this file, as JSON, once it is ready.",
)
@_settings(*_OF_UP)
def up(
    file: Path | None,
    connection_managers: int,
    data: Path,
    own_port: int | None,
    describe: Path | None,
    **options: str | None,
) -> None:
    """Run a whole cluster on this machine, its database included."""
    import asyncio

    from roost.roles import migrate
    from roost.roles.up import run
    from roost.roles.up.plan import DEFAULTS, Plan
    from roost.runtime import lifecycle

    settings = _load(options, file, DEFAULTS)
    _check_tracing(settings)
    lifecycle.raise_file_limit()
    sys.exit(asyncio.run(run(Plan(settings, data, connection_managers, own_port, describe), migrate.migrate)))


@main.command("connection-manager")
@_settings(*_PUBLIC)
def connection_manager(file: Path | None, **options: str | None) -> None:
    """Serve clients' streams."""
    _run_role("connection_manager", _load(options, file))


@main.command()
@_settings(*_PUBLIC)
def presence(file: Path | None, **options: str | None) -> None:
    """Tell contacts of each other's presence; sweep up after dead processes."""
    _run_role("presence", _load(options, file))


@main.command()
@click.option("--wait", default=0, metavar="SECONDS", help="How long to wait for a database that is away.")
@_settings("log_level", "log_format")
def migrate(file: Path | None, wait: int, **options: str | None) -> None:
    """Bring the database's schema up to this version's."""
    from roost.roles import migrate as role

    _command(role.run(_load(options, file), wait))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@_settings("domain")
def status(as_json: bool, file: Path | None, **options: str | None) -> None:
    """Show the cluster at a glance; the exit code is 0 when all is well, and 1 when not."""
    from roost.roles import status as role

    _command(role.run(_load(options, file), as_json=as_json))


@main.command("log-level")
@click.argument("level", type=click.Choice(["debug", "info", "warning", "error", "configured"]))
@click.option("--pod", metavar="NAME", help="Only the processes of that name. [default: all]")
@click.option("--minutes", default=30, show_default=True, type=click.IntRange(1, 1440), help="For how long.")
@_settings()
def log_level(level: str, pod: str | None, minutes: int, file: Path | None) -> None:
    """Have running processes log at LEVEL for a while, those that start meanwhile too.

    `configured` has them go back to the level of their settings at once.
    """
    from roost.roles import log_level as role

    _command(role.run(_load({}, file), level, pod, minutes))


@main.command()
@click.argument("host")
@click.option("--ca", type=click.Path(path_type=Path), help="The CA to trust. [default: the system's]")
@click.option("--proxy-protocol", is_flag=True, help="Begin as a balancer does that speaks this protocol.")
@click.option("--wait", default=0, metavar="SECONDS", help="How long to wait for what cannot be reached.")
@_settings("domain", "starttls_port", "direct_tls_port", "tls", "certificate_file", "key_file")
def smoke(
    host: str, file: Path | None, ca: Path | None, proxy_protocol: bool, wait: int, **options: str | None
) -> None:
    """Make two accounts, have them converse through HOST, and remove them.

    HOST is a connection manager or what stands in front of them. The certificate it shows must be
    that of --certificate-file, where there is one.
    """
    from roost.roles import smoke as role
    from roost.roles import user as accounts

    settings = _load(options, file)
    _command(role.run(settings, role.Place(host, ca, proxy_protocol, wait), accounts.create, accounts.delete))


@main.command()
@click.option("--ready", is_flag=True, help="Ask whether it can serve, not only whether it lives.")
@_settings("metrics_host", "metrics_port")
def healthy(file: Path | None, ready: bool, **options: str | None) -> None:
    """Ask the role that runs here whether it is well: exit code 0 when it is."""
    from roost.roles import healthy as role

    sys.exit(role.ask(_load(options, file), "/ready" if ready else "/live"))


@main.command()
@click.option(
    "--folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the authority and the certificate are kept.",
)
@_settings("domain")
def certificate(file: Path | None, folder: Path, **options: str | None) -> None:
    """Make the domain a certificate by a local authority, or renew it near its end.

    Clients trust it once they know the folder's ca.pem. A public server has a public certificate instead.
    """
    from roost.roles.up import certificates

    sys.exit(certificates.run(folder, _load(options, file).domain))


@main.group()
def user() -> None:
    """Make, change and remove accounts."""


@user.command()
@click.argument("jid")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_settings("domain")
def add(jid: str, password_stdin: bool, file: Path | None, **options: str | None) -> None:
    """Make an account, such as romeo@example.net."""
    from roost.roles import user as role

    _command(role.add(_load(options, file), jid, _password(password_stdin)))


@user.command()
@click.argument("jid")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_settings("domain")
def passwd(jid: str, password_stdin: bool, file: Path | None, **options: str | None) -> None:
    """Give an account a new password."""
    from roost.roles import user as role

    _command(role.passwd(_load(options, file), jid, _password(password_stdin)))


@user.command()
@click.argument("jid")
@_settings("domain")
def remove(jid: str, file: Path | None, **options: str | None) -> None:
    """Remove an account and everything that hangs on it."""
    from roost.roles import user as role

    _command(role.remove(_load(options, file), jid))


@user.command("hash")
@click.argument("jid")
@_settings("domain")
def hash_(jid: str, file: Path | None, **options: str | None) -> None:
    """Print the hash that logs show instead of an account's JID (log_jids)."""
    from roost.roles import user as role

    _command(role.hashed(_load(options, file), jid))


@user.command("list")
@_settings("domain")
def list_(file: Path | None, **options: str | None) -> None:
    """List all accounts, a line each."""
    from roost.roles import user as role

    _command(role.list_all(_load(options, file)))


@main.command("config")
@click.option("--reference", is_flag=True, help="Print what every setting means instead, as Markdown.")
@_settings(*_PUBLIC)
def config_(reference: bool, file: Path | None, **options: str | None) -> None:
    """Print the settings in effect, secrets masked."""
    from roost.roles import config as role

    click.echo(role.reference() if reference else role.effective(_load(options, file)), nl=False)


@main.command()
@click.option("--reference", is_flag=True, help="Print what every metric means instead, as Markdown.")
@_settings("metrics_host", "metrics_port")
def metrics(reference: bool, file: Path | None, **options: str | None) -> None:
    """Print the metrics of the process on this machine."""
    from roost.roles import metrics as role

    try:
        click.echo(role.reference() if reference else role.told(_load(options, file)), nl=False)
    except OSError as error:
        click.echo(f"roost: no metrics here: {error}", err=True)
        sys.exit(1)


def _load(options: _Options, file: Path | None, defaults: Mapping[str, Any] | None = None) -> Settings:
    try:
        return config.load(options, file, defaults)
    except config.SettingsError as error:
        for mistake in error.mistakes:
            click.echo(f"roost: {mistake}", err=True)
        sys.exit(_USAGE_ERROR)


def _run_role(name: str, settings: Settings) -> NoReturn:
    from roost.runtime import logging

    _check_tracing(settings)
    logging.configure(settings, name.replace("_", "-"))
    _run(importlib.import_module(f"roost.roles.{name}").run(settings))


def _check_tracing(settings: Settings) -> None:
    from roost.runtime import tracing

    try:
        tracing.check(settings)
    except tracing.TracingUnavailable as error:
        click.echo(f"roost: {error}", err=True)
        sys.exit(_USAGE_ERROR)


def _command(work: Coroutine[Any, Any, int]) -> NoReturn:
    from roost.runtime import logging

    logging.silence()
    _run(work)


def _run(work: Coroutine[Any, Any, int]) -> NoReturn:
    from roost.runtime import lifecycle

    sys.exit(lifecycle.run(work))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


if __name__ == "__main__":
    main()
