"""From a connection to a session: registration, SCRAM, binding, XEP-0198 where it is offered."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

import gevent

from loadtest.xmpp import management
from loadtest.xmpp.key_cache import KeyCache
from loadtest.xmpp.management import Acknowledgements
from loadtest.xmpp.place import Address, Disconnected, Place, Refused
from loadtest.xmpp.stream import Stream, connect
from roost.protocol import namespaces as ns
from roost.protocol.errors import SaslFailure
from roost.protocol.framing import Nonza
from roost.protocol.scram_client import ScramClient
from roost.protocol.stanza import Stanza
from roost.protocol.xml import escape_attribute, escape_text

_MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-1")  # the first is what most clients take
_CHALLENGE = f"{ns.SASL}}}challenge"
_SUCCESS = f"{ns.SASL}}}success"
_FAILURE = f"{ns.SASL}}}failure"
_ENABLED = f"{management.NAMESPACE}}}enabled"
_RESUMED = f"{management.NAMESPACE}}}resumed"
_FAILED = f"{management.NAMESPACE}}}failed"
CLOSED = "the server lets nobody register"
_COUNT = re.compile(rb"\bh=['\"](\d+)['\"]")


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A stream that stanzas may be sent on."""

    stream: Stream
    jid: str
    """Empty when the session was resumed: it is the one from before."""
    acknowledgements: Acknowledgements | None
    """None where the server does not offer XEP-0198."""
    resumed: bool
    again: list[bytes]
    """What the server has not seen of the time before, to be sent first."""


def register(place: Place, address: Address, account: Account) -> None:
    """Make the account (XEP-0077 section 3.1) unless it exists; raises Refused or Disconnected."""
    with gevent.Timeout(place.seconds, Disconnected("no answer in time")):
        stream = connect(place, address)
        try:
            _register(stream, account)
        finally:
            stream.close()


def enter(
    place: Place,
    address: Address,
    account: Account,
    resource: str,
    cache: KeyCache,
    before: Acknowledgements | None = None,
) -> Entry:
    """Log in and bind, or resume the session of `before`; raises Refused or Disconnected."""
    with gevent.Timeout(place.seconds, Disconnected("no login in time")):
        stream = connect(place, address)
        try:
            _authenticate(stream, account, cache)
            stream.open()
            return _session(stream, resource, before)
        except BaseException:
            stream.cut()
            raise


def condition(answer: Stanza) -> str:
    """The condition of an error stanza (RFC 6120 section 8.3.3)."""
    error = answer.tree().find(f"{{{ns.CLIENT}}}error")
    for child in () if error is None else error:
        if child.tag.startswith(f"{{{ns.STANZA_ERRORS}}}") and not child.tag.endswith("}text"):
            return child.tag.rpartition("}")[2]
    return "undefined-condition"


def count(answer: Nonza) -> int:
    """The `h` of an element of XEP-0198; raises Disconnected when it has none."""
    found = _COUNT.search(answer.raw)
    if found is None:
        raise Disconnected("an acknowledgement without a count")
    return int(found[1])


def _register(stream: Stream, account: Account) -> None:
    if not stream.offers("register", ns.REGISTER_FEATURE):
        raise Refused(CLOSED)
    answer = _asked(
        stream,
        f"<query xmlns='{ns.REGISTER}'><username>{escape_text(account.name)}</username>"
        f"<password>{escape_text(account.password)}</password></query>",
    )
    if answer.type != "result" and (found := condition(answer)) != "conflict":
        raise Refused(found)


def _authenticate(stream: Stream, account: Account, cache: KeyCache) -> None:
    assert stream.features is not None
    offered = {one.text for one in stream.features.iter(f"{{{ns.SASL}}}mechanism")}
    mechanism = next((one for one in _MECHANISMS if one in offered), None)
    if mechanism is None:
        raise Refused("the server offers no SCRAM")
    try:
        _exchange(stream, mechanism, ScramClient(mechanism, account.name, account.password, cache.derive))
    except SaslFailure as failure:  # of the server's: it says what no server should
        raise Refused(failure.text or failure.condition) from None


def _exchange(stream: Stream, mechanism: str, scram: ScramClient) -> None:
    first = b64encode(scram.first()).decode()
    stream.send(f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{first}</auth>".encode())
    challenge = _unless_failed(stream.expect(_CHALLENGE, _FAILURE))
    final = b64encode(scram.final(_text(challenge))).decode()
    stream.send(f"<response xmlns='{ns.SASL}'>{final}</response>".encode())
    scram.check(_text(_unless_failed(stream.expect(_SUCCESS, _FAILURE))))


def _session(stream: Stream, resource: str, before: Acknowledgements | None) -> Entry:
    managed = stream.offers("sm", management.NAMESPACE)
    if before is not None and before.resumption and managed and _resume(stream, before):
        return Entry(stream, "", before, resumed=True, again=before.again())
    jid = _bind(stream, resource)
    again = [] if before is None else [one for one in before.again() if one.startswith(b"<message")]
    return Entry(stream, jid, _enable(stream) if managed else None, resumed=False, again=again)


def _unless_failed(answer: Nonza) -> Nonza:
    if answer.name == _FAILURE:
        raise Refused(next((one.tag.rpartition("}")[2] for one in answer.tree()), "not-authorized"))
    return answer


def _text(answer: Nonza) -> bytes:
    try:
        return b64decode(answer.tree().text or "")
    except ValueError:
        raise Refused("not base64") from None


def _bind(stream: Stream, resource: str) -> str:
    asked = f"<resource>{escape_text(resource)}</resource>"
    answer = _asked(stream, f"<bind xmlns='{ns.BIND}'>{asked}</bind>")
    if answer.type != "result":
        raise Refused(condition(answer))
    jid = answer.tree().findtext(f"{{{ns.BIND}}}bind/{{{ns.BIND}}}jid")
    if not jid:
        raise Refused("bound to nothing")
    return jid


def _enable(stream: Stream) -> Acknowledgements | None:
    """XEP-0198 section 3."""
    stream.send(management.ENABLE)
    answer = stream.expect(_ENABLED, _FAILED)
    if answer.name == _FAILED:
        return None
    said = answer.tree()
    resumable = said.get("resume") in {"true", "1"}
    return Acknowledgements(escape_attribute(said.get("id", "")) if resumable else "")


def _resume(stream: Stream, before: Acknowledgements) -> bool:
    """XEP-0198 section 5: whether the old session goes on."""
    stream.send(before.resume())
    answer = stream.expect(_RESUMED, _FAILED)
    if answer.name == _RESUMED or _COUNT.search(answer.raw):
        try:
            before.acknowledge(count(answer))
        except ValueError as error:
            raise Disconnected(str(error)) from None
    return answer.name == _RESUMED


def _asked(stream: Stream, payload: str) -> Stanza:
    stream.send(f"<iq type='set' id='first'>{payload}</iq>".encode())
    answer = stream.receive()
    if not isinstance(answer, Stanza) or answer.kind != "iq":
        raise Disconnected(f"not expected now: {answer.raw[:100]!r}")
    return answer
