"""A client outside Python, `@xmpp/client` from npm, talks with slixmpp across pods."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from people import PASSWORD, Person, online
from running import Cluster, Pod

_FOLDER = Path(__file__).parent / "javascript"
_DEADLINE = 10  # seconds


@pytest.fixture(scope="module")
def program() -> Path:
    """The client's program, with the packages that its lock names."""
    assert shutil.which("npm"), "This test needs Node.js and npm (Debian: nodejs, npm)."
    # npm leaves this file when it is done
    lock, installed = _FOLDER / "package-lock.json", _FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=_FOLDER, check=True, timeout=120)
    return _FOLDER / "talk.mjs"


class Script:
    """The other end of javascript/talk.mjs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders, self._facts = process.stdin, process.stdout
        self.jid = ""

    async def hears(self, what: str) -> str:
        """The next fact, which must be of this kind."""
        line = await asyncio.wait_for(self._facts.readline(), _DEADLINE)
        fact: dict[str, Any] = json.loads(line)
        assert [*fact] == [what], fact
        return str(fact[what])

    async def stanza(self, name: str, kind: str | None, sender: str) -> ElementTree.Element:
        """Wait for this stanza from this JID; drops what comes before."""
        while True:
            got = ElementTree.fromstring(await self.hears("stanza"))
            if (got.tag, got.get("type"), got.get("from")) == (name, kind, sender):
                return got

    def says(self, stanza: str) -> None:
        """Have it send this stanza."""
        self._orders.write(stanza.encode() + b"\n")

    def logs_out(self) -> None:
        """Have it close its stream and end."""
        self._orders.write_eof()


@asynccontextmanager
async def script(cluster: Cluster, program: Path, service: str, name: str) -> AsyncIterator[Script]:
    """A person with @xmpp/client, online at `service`; must end well."""
    process = await asyncio.create_subprocess_exec(
        *("node", str(program), service, cluster.domain, name, PASSWORD),
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(cluster.authority)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        person = Script(process)
        person.jid = await person.hears("online")
        # who asks for the roster gets what subscriptions are told by (RFC 6121 section 2.2)
        person.says("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
        person.says("<presence/>")
        yield person
        assert await asyncio.wait_for(process.wait(), _DEADLINE) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def starttls(pod: Pod) -> str:
    return f"xmpp://127.0.0.1:{pod.starttls_port}"


def direct_tls(pod: Pod) -> str:
    return f"xmpps://localhost:{pod.direct_tls_port}"


async def befriend(mercutio: Script, romeo: Person) -> None:
    """Both subscribe to each other; both see that the other is there."""
    bare = mercutio.jid.partition("/")[0]
    mercutio.says(f"<presence to='{romeo.boundjid.bare}' type='subscribe'/>")
    await romeo.sees("subscribe", bare)
    romeo.send_presence(pto=bare, ptype="subscribed")
    await mercutio.stanza("presence", "subscribed", romeo.boundjid.bare)
    await mercutio.stanza("presence", None, romeo.boundjid.full)
    romeo.send_presence_subscription(bare)
    await mercutio.stanza("presence", "subscribe", romeo.boundjid.bare)
    mercutio.says(f"<presence to='{romeo.boundjid.bare}' type='subscribed'/>")
    await romeo.sees("available", mercutio.jid)


async def converse(mercutio: Script, romeo: Person) -> None:
    """A message each way."""
    body = "<body>Nay, gentle Rom\u00e9o &amp; co</body>"
    mercutio.says(f"<message to='{romeo.boundjid.bare}' type='chat'>{body}</message>")
    heard = await romeo.hears(mercutio.jid)
    assert heard["body"] == "Nay, gentle Rom\u00e9o & co"
    romeo.send_message(heard["from"], "Not I, <believe me>", mtype="chat")
    got = await mercutio.stanza("message", "chat", romeo.boundjid.full)
    assert got.findtext("body") == "Not I, <believe me>"


@pytest.mark.parametrize("address", [starttls, direct_tls])
def test_it_converses_with_slixmpp_on_the_other_pod(run, cluster, program, address):
    here, there = cluster.pods
    assert here.pid != there.pid
    logins = here.logins(), there.logins()
    ours, theirs = f"romeo-{address.__name__}", f"mercutio-{address.__name__}"
    cluster.add_account(theirs, PASSWORD)

    async def conversation() -> None:
        async with (
            online(cluster, ours, here, register=True) as romeo,
            script(cluster, program, address(there), theirs) as mercutio,
        ):
            await befriend(mercutio, romeo)
            await converse(mercutio, romeo)
            romeo.send_presence(pshow="dnd", pstatus="in love")
            while (seen := await mercutio.stanza("presence", None, romeo.boundjid.full)).find("show") is None:
                pass
            assert seen.findtext("status") == "in love"
            mercutio.logs_out()
            await romeo.sees("unavailable", mercutio.jid)

    run(conversation())
    assert (here.logins(), there.logins()) == (logins[0] + 1, logins[1] + 1)


def test_it_sees_slixmpp_go(run, cluster, program):
    here, there = cluster.pods
    cluster.add_account("mercutio", PASSWORD)

    async def farewell() -> None:
        async with (
            online(cluster, "tybalts-cousin", here, register=True) as cousin,
            script(cluster, program, starttls(there), "mercutio") as mercutio,
        ):
            await befriend(mercutio, cousin)
            await cousin.disconnect()
            await mercutio.stanza("presence", "unavailable", cousin.boundjid.full)
            mercutio.logs_out()

    run(farewell())
