"""What travels through Redis around a stanza: entries of the presence service, and fan-outs to pods.

A head of fields with tabs between them, a newline, then the stanza's own bytes. No part of a JID can
hold a control character (RFC 7622 sections 3.3 and 3.4), so nothing needs escaping.

The first field is the version. A newer release may add fields at a head's end, which are ignored here;
what older releases could not read has another version, and is written only when all can read it.
"""

from __future__ import annotations

import time
from typing import NamedTuple

_VERSION = b"1"
_FANOUT = b"f"

PART = "\x1f"
"""Stands between the parts of a field that has several."""

NOTHING = "-"
"""Stands in an entry for a field that has no value."""

FIRST, AGAIN = "first", "again"
"""What an entry `available` says besides: that it is a session's initial presence; that it is repeated
because the session may have missed presence of others, and is to be shown all of it anew."""

CLIENT_VERBS = frozenset({"available", "unavailable", "directed", "probe"})
SUBSCRIPTION_VERBS = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})
INBOUND_VERBS = frozenset({"in-" + verb for verb in (*SUBSCRIPTION_VERBS, "probe")})
VERBS = CLIENT_VERBS | SUBSCRIPTION_VERBS | INBOUND_VERBS | {"ended", "roster-removed"}


class EnvelopeMalformed(ValueError):  # noqa: N818 - as JidMalformed
    """Bytes that are no envelope of a version known here."""


class PresenceEntry(NamedTuple):
    """One event for the presence service; the bare JID of `subject` chooses the shard."""

    verb: str
    """One of VERBS: what a client did, the same seen from the other account (`in-`), or a session's end."""
    subject: str
    """The full JID of the session, or the bare JID of the account, that the event is about."""
    sid: str
    """The session's id, or `-`."""
    at: int
    """When it happened, µs since the epoch."""
    extra: str
    """What the verb needs besides, in parts, or `-`."""
    raw: bytes
    """The stanza, or nothing."""

    @property
    def bare(self) -> str:
        """The account's bare JID."""
        return self.subject.partition("/")[0]


def encode_entry(entry: PresenceEntry) -> bytes:
    """The entry's bytes."""
    verb, subject, sid, at, extra, raw = entry
    return f"1\t{verb}\t{subject}\t{sid}\t{at}\t{extra}\n".encode() + raw


def made_at(data: bytes) -> int:
    """The `at` of an encoded entry, without decoding the rest; 0 for what is no entry."""
    fields = data.split(b"\t", 5)
    return int(fields[4]) if len(fields) > 5 and fields[4].isdigit() else 0


def now() -> int:
    """The time as entries and payloads carry it: µs since the epoch."""
    return time.time_ns() // 1_000


def decode_entry(data: bytes) -> PresenceEntry:
    """The inverse of `encode_entry`; raises EnvelopeMalformed."""
    head, newline, raw = data.partition(b"\n")
    try:
        version, verb, subject, sid, at, extra, *_newer = head.decode().split("\t")
        if not newline or version != "1" or verb not in VERBS:
            raise EnvelopeMalformed(f"an entry of version {version!r} that says {verb!r}")
        return PresenceEntry(verb, subject, sid, int(at), extra, raw)
    except ValueError as error:
        raise EnvelopeMalformed(str(error)) from error


class FanOut(NamedTuple):
    """One stanza for many sessions of one pod: `before`, the receiver's full JID and `after` are written."""

    shard: int
    entry: int
    """The position of the shard entry that caused it."""
    place: int
    """Which of that entry's fan-outs it is: with `shard` and `entry` it tells a repetition."""
    sids: list[str]
    before: bytes
    """Ends where the value of `to` begins; holds no newline."""
    after: bytes


def encode_fanout(fanout: FanOut) -> bytes:
    """The fan-out's bytes."""
    shard, entry, place, sids, before, after = fanout
    return b"1\tf\t%d\t%d\t%d\n%b\n%b\n%b" % (shard, entry, place, ",".join(sids).encode(), before, after)


def decode_fanout(data: bytes) -> FanOut:
    """The inverse of `encode_fanout`; raises EnvelopeMalformed."""
    try:
        head, sids, before, after = data.split(b"\n", 3)
        version, kind, shard, entry, place, *_newer = head.split(b"\t")
        if version != _VERSION or kind != _FANOUT:
            raise EnvelopeMalformed(f"a fan-out of version {version!r}, kind {kind!r}")
        named = sids.decode().split(",") if sids else []
        return FanOut(int(shard), int(entry), int(place), named, before, after)
    except ValueError as error:
        raise EnvelopeMalformed(str(error)) from error


def split_at_to(presence: bytes) -> tuple[bytes, bytes]:
    """A presence stanza without `to` as the bytes before and after the value of a `to` put into it."""
    return b"<presence to='", b"'" + presence[9:]
