"""`roost smoke` against a real cluster, and against what is none."""

import asyncio
import re
from pathlib import Path

import pytest

from roost.core.ports import StoreUnavailable
from roost.roles import smoke
from roost.roles.up import certificates
from roost.runtime import patience
from roost.runtime.config import load


@pytest.fixture
def try_it(command, live):
    """Runs `roost smoke` with the settings that `roost up` wrote."""

    def run(*words):
        given = {"--config": live.facts["settings_file"], **dict(zip(words[::2], words[1::2], strict=True))}
        return command("smoke", "127.0.0.1", *(one for pair in given.items() for one in pair))

    return run


def test_two_accounts_converse(try_it, live):
    tried = try_it()
    assert (tried.returncode, tried.stderr) == (0, "")
    ports = f"port {live.facts['starttls_port']} and {live.facts['direct_tls_port']}"
    assert re.fullmatch(
        rf"Two accounts logged in at 127\.0\.0\.1 \({ports}\); a message took \d+\.\d ms\.\n", tried.stdout
    )
    assert live.complaints() == ""


@pytest.mark.parametrize("port", ["--starttls-port", "--direct-tls-port"])
def test_one_port_is_enough(try_it, port):
    assert try_it(port, "0").returncode == 0


def test_without_tls_where_a_balancer_ends_it(try_it, live, tmp_path):
    file = tmp_path / "roost.toml"
    lines = Path(live.facts["settings_file"]).read_text().splitlines()
    file.write_text("\n".join(line for line in lines if "_file" not in line))
    tried = try_it("--config", str(file))
    assert tried.returncode == 0, tried.stderr
    assert str(live.facts["direct_tls_port"]) not in tried.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--starttls-port", "1"), "127.0.0.1 port 1 cannot be reached: "),
        (("--starttls-port", "0", "--direct-tls-port", "0"), "There is no port to log in at: both are 0."),
        (("--domain", "capulet.example"), "ended the stream with host-unknown."),
        (("--domain", "capulet.example", "--starttls-port", "0"), "shows a certificate that is not right: "),
    ],
)
def test_what_is_wrong_is_one_sentence(try_it, words, told):
    tried = try_it(*words)
    assert tried.returncode == 1
    assert told in tried.stderr
    assert tried.stderr.count("\n") == 1


def test_the_server_must_show_the_very_certificate(try_it, tmp_path, live):
    other = certificates.provide(tmp_path, live.facts["domain"])
    tried = try_it("--certificate-file", str(other.certificate))
    assert tried.returncode == 1
    assert "shows a certificate that is not right: " in tried.stderr
    assert try_it("--ca", live.facts["ca_file"]).returncode == 0


def test_no_account_is_left(try_it, command, live):
    try_it()
    try_it("--direct-tls-port", "1")
    assert "smoke-" not in command("user", "list", "--config", live.facts["settings_file"]).stdout


class Ledger:
    """Accounts that are only noted."""

    def __init__(self):
        self.names = []
        self.asked = False

    async def make(self, _settings, jid, _password):
        self.names.append(jid)
        return jid

    async def unmake(self, _settings, jid):
        self.names.remove(jid)
        return jid


class Late(Ledger):
    """Accounts of a database that is away at first."""

    async def make(self, settings, jid, password):
        if not self.asked:
            self.asked = True
            raise StoreUnavailable("PostgreSQL cannot be reached")
        return await super().make(settings, jid, password)


def test_what_cannot_be_reached_yet_is_waited_for(run, capsys, monkeypatch):
    """A pod that has just begun may not be let in everywhere at once: policies follow it."""
    ledger = Late()

    async def work():
        async def be_unfit(reader, writer):
            await reader.read(4096)
            writer.close()

        async with await asyncio.start_server(be_unfit, "127.0.0.1", 0) as server:
            settings = load({"tls": "optional", "starttls_port": server.sockets[0].getsockname()[1]})
            place = smoke.Place("127.0.0.1", None, proxy_protocol=False, wait=30)
            return await smoke.run(settings, place, ledger.make, ledger.unmake)

    monkeypatch.setattr(patience, "_LOOK_SECONDS", 0.001)
    assert run(work()) == 1
    assert ledger.asked
    assert "closed the connection" in capsys.readouterr().err


def test_silence_has_an_end_and_leaves_no_account(run, capsys, monkeypatch):
    ledger = Ledger()

    async def hear(reader, writer):
        await reader.read()
        writer.close()

    async def work():
        silent = await asyncio.start_server(hear, "127.0.0.1", 0)
        async with silent:
            settings = load({"tls": "optional", "starttls_port": silent.sockets[0].getsockname()[1]})
            place = smoke.Place("127.0.0.1", None, proxy_protocol=False)
            return await smoke.run(settings, place, ledger.make, ledger.unmake)

    monkeypatch.setattr(smoke, "_SECONDS", 0.2)
    assert run(work()) == 1
    assert ledger.names == []
    assert capsys.readouterr().err == "127.0.0.1 took longer than 0.2 s.\n"
