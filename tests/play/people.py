"""Accounts, logins and friends for plays."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import secrets

from lxml.etree import _Element as Element

from play import wanted
from play.client import Client
from play.cluster import Pod
from roost.protocol import namespaces as ns

PASSWORD = "wherefore"
_HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
_numbers = itertools.count()


def new_name(name: str) -> str:
    """A name that no other play uses."""
    return f"{name}{next(_numbers)}"


async def register(pod: Pod, name: str, password: str = PASSWORD, *, tls: bool = False) -> Element:
    """Make an account (XEP-0077) on a stream for that alone; the server's answer."""
    client = await pod.connect(tls=tls)
    await client.open()
    answer = await client.ask("set", registration(name, password))
    await client.close()
    return answer


def registration(name: str, password: str) -> str:
    """The payload that asks for an account, or for a new password."""
    return f"<query xmlns='{ns.REGISTER}'><username>{name}</username><password>{password}</password></query>"


async def person(pod: Pod, name: str, resource: str = "home", *, tls: bool = False) -> Client:
    """Somebody new, with an account, logged in and bound; not available yet."""
    name = new_name(name)
    answer = await register(pod, name, tls=tls)
    assert answer.get("type") == "result", wanted.condition(answer)
    return await login(pod, name, resource, tls=tls)


async def present(pod: Pod, name: str, resource: str = "home") -> Client:
    """Somebody new who is available."""
    client = await person(pod, name, resource)
    await appear(client)
    return client


async def another(pod: Pod, client: Client, resource: str, priority: int | None = None) -> Client:
    """One more session of the same account, available."""
    second = await login(pod, bare(client).partition("@")[0], resource)
    await appear(second, priority)
    return second


async def appear(client: Client, priority: int | None = None) -> None:
    """Ask for the roster, become available, and wait until one's own presence came back."""
    await roster(client)
    client.presence(priority=priority)
    await client.expect(wanted.presence(client.jid, ""))


async def login(pod: Pod, name: str, resource: str = "", *, tls: bool = False) -> Client:
    """A bound session of an account that exists."""
    client = await pod.connect(tls=tls)
    await client.open()
    assert await plain(client, name) == "success"
    await client.open()
    await bind(client, resource)
    return client


async def plain(client: Client, name: str, password: str = PASSWORD) -> str:
    """Try PLAIN (RFC 4616); `success` or the failure's condition."""
    token = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{token}</auth>")
    return outcome(await client.expect(_sasl))


async def scram(client: Client, mechanism: str, name: str, password: str = PASSWORD) -> str:
    """Try a SCRAM mechanism (RFC 5802); `success` or the failure's condition. Checks the server's proof."""
    digest = _HASHES[mechanism.removesuffix("-PLUS")]
    gs2, binding = ("n,,", b"")
    if mechanism.endswith("-PLUS"):
        gs2, binding = "p=tls-server-end-point,,", end_point(client)
    first = f"n={name},r={secrets.token_hex(12)}"
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{encoded(gs2 + first)}</auth>")
    challenge = await client.expect(_sasl)
    if not challenge.tag.endswith("}challenge"):
        return outcome(challenge)
    server_first = base64.b64decode(challenge.text or "").decode()
    nonce, salt, rounds = (part[2:] for part in server_first.split(","))
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(salt), int(rounds))
    without = f"c={base64.b64encode(gs2.encode() + binding).decode()},r={nonce}"
    said = f"{first},{server_first},{without}".encode()
    key = hmac.digest(salted, b"Client Key", digest)
    signature = hmac.digest(hashlib.new(digest, key).digest(), said, digest)
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    final = encoded(f"{without},p={base64.b64encode(proof).decode()}")
    client.send(f"<response xmlns='{ns.SASL}'>{final}</response>")
    answer = await client.expect(_sasl)
    if outcome(answer) == "success":
        expected = hmac.digest(hmac.digest(salted, b"Server Key", digest), said, digest)
        assert base64.b64decode(answer.text or "") == b"v=" + base64.b64encode(expected)
    return outcome(answer)


def end_point(client: Client) -> bytes:
    """The channel binding of a certificate that was signed with SHA-256 (RFC 5929 section 4)."""
    certificate = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return hashlib.sha256(certificate).digest()


async def bind(client: Client, resource: str = "") -> None:
    """Bind a resource, the server's choice if it is empty (RFC 6120 section 7)."""
    asked = f"<resource>{resource}</resource>" if resource else ""
    answer = await client.ask("set", f"<bind xmlns='{ns.BIND}'>{asked}</bind>")
    client.jid = answer.findtext(f"{{{ns.BIND}}}bind/{{{ns.BIND}}}jid") or ""
    assert client.jid.startswith(client.jid.partition("/")[0] + "/"), wanted.condition(answer)


async def roster(client: Client, version: str | None = None) -> Element:
    """Ask for the roster; the answer."""
    known = "" if version is None else f" ver='{version}'"
    return await client.ask("get", f"<query xmlns='{ns.ROSTER}'{known}/>")


async def befriend(one: Client, other: Client) -> None:
    """Both, available, subscribe to each other's presence, until each has the other's."""
    for asker, asked in ((one, other), (other, one)):
        asker.presence("subscribe", bare(asked))
        await asked.expect(wanted.presence(bare(asker), "subscribe"))
        asked.presence("subscribed", bare(asker))
        await asker.expect(wanted.presence(bare(asked), "subscribed"))
        await asker.expect(wanted.presence(asked.jid, ""))
    for client in (one, other):
        # The presence service looks once more at what it has just shown, and repeats what has changed
        # meanwhile; behind this, which takes the same way, it has done so.
        client.presence(to=client.jid, status="befriended")
        await client.expect(wanted.presence(client.jid, "", "befriended"))
        await client.settle()


def bare(client: Client) -> str:
    """A client's account."""
    return client.jid.partition("/")[0]


def outcome(answer: Element) -> str:
    """`success`, or why not."""
    name = wanted.local_name(answer)
    return name if name != "failure" else wanted.local_name(answer[0])


def _sasl(stanza: Element) -> bool:
    return str(stanza.tag).startswith(f"{{{ns.SASL}}}")


def encoded(text: str) -> str:
    """As SASL sends text: base64."""
    return base64.b64encode(text.encode()).decode()


def decoded(text: str) -> str:
    """What base64 says."""
    return base64.b64decode(text).decode()
