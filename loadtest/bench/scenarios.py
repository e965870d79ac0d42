"""The loads: each gives figures by name. CPU figures are of all the server's processes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence

from loadtest.bench.client import Client, Target, many, part
from loadtest.bench.costs import measure
from loadtest.bench.crowd import gather

Figures = dict[str, float]

_MESSAGE_END = b"</message>"
_PRESENCE_END = b"</presence>"
_BODY = "Hello there, how are you doing today? This is a typical message."
_STAMP = re.compile(rb"id=['\"]t([0-9]+)['\"]")
_WARM_UP = 2.0  # seconds
_QUIET = 1.0
_ROUND_SECONDS = 5.0
FIRST = 50
FEW = 98  # talkers in a crowd; half of them is odd, so that pairs sit on different ports


def counted(ending: bytes, tell: Callable[[Client, int], None]) -> Callable[[Client, bytes], None]:
    """A byte handler that counts endings, also one that is split between two reads."""

    def on_bytes(client: Client, data: bytes) -> None:
        text = client.tail + data
        count = text.count(ending)
        client.tail = text[-(len(ending) - 1) :] if not text.endswith(ending) else b""
        if count:
            tell(client, count)

    return on_bytes


async def chat(
    target: Target, pids: Sequence[int], *, users: int, seconds: float, window: int = 4
) -> Figures:
    """Pairs that answer at once, `window` messages under way each; the two sit on different ports."""
    clients = await many(target, users, Client.login)
    half = users // 2
    received, stopped = 0, False

    def tell(client: Client, count: int) -> None:
        nonlocal received
        received += count
        if not stopped:
            client.transport.write(client.out * count)

    handler = counted(_MESSAGE_END, tell)
    for one, other in zip(clients[:half], clients[half:], strict=False):
        for sender, receiver in ((one, other), (other, one)):
            sender.out = _chat_message(sender, receiver.jid)
            sender.on_bytes = handler
    for client in clients[:half]:
        client.transport.write(client.out * window)
    await asyncio.sleep(_WARM_UP)
    before, count, began = measure(pids), received, time.perf_counter()
    await asyncio.sleep(seconds)
    after, count, took = measure(pids), received - count, time.perf_counter() - began
    stopped = True
    await asyncio.sleep(_QUIET)
    lost = sum(client.lost for client in clients)
    part(clients)
    return {"chat µs": after.since(before, count), "chat /s": count / took, "chat lost": lost}


def _chat_message(sender: Client, to: str) -> bytes:
    return (
        f"<message to='{to}' type='chat' id='m{sender.number}'><body>{_BODY}</body>"
        "<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>"
        f"<origin-id xmlns='urn:xmpp:sid:0' id='m{sender.number}'/></message>"
    ).encode()


async def paced(target: Target, pids: Sequence[int], *, users: int, seconds: float, rate: int) -> Figures:
    """Messages at a fixed rate, as on a calm day; latency by the time in their ids."""
    clients = await many(target, users, Client.login)
    latencies: list[int] = []

    def on_bytes(client: Client, data: bytes) -> None:
        text = client.tail + data
        cut = text.rfind(_MESSAGE_END)
        client.tail = text[cut + len(_MESSAGE_END) :] if cut >= 0 else text
        now = time.perf_counter_ns()
        latencies.extend(now - int(found[1]) for found in _STAMP.finditer(text, 0, max(cut, 0)))

    for client in clients:
        client.on_bytes = on_bytes
    await _send_paced(clients, rate, _WARM_UP)
    await asyncio.sleep(_QUIET)
    latencies.clear()
    before = measure(pids)
    sent = await _send_paced(clients, rate, seconds)
    await asyncio.sleep(_QUIET)
    after = measure(pids)
    part(clients)
    latencies.sort()
    return {
        "calm µs": after.since(before, sent),
        "calm p50 ms": _quantile(latencies, 0.5),
        "calm p99 ms": _quantile(latencies, 0.99),
        "calm lost": sent - len(latencies),
    }


async def _send_paced(clients: Sequence[Client], rate: int, seconds: float) -> int:
    began, sent = time.perf_counter(), 0
    half = len(clients) // 2
    while (now := time.perf_counter() - began) < seconds:
        while sent < int(now * rate):
            sender = clients[sent * 7919 % len(clients)]
            to = clients[(sender.number + half) % len(clients)].jid
            stamp = time.perf_counter_ns()
            sender.send(f"<message to='{to}' type='chat' id='t{stamp}'><body>{_BODY}</body></message>")
            sent += 1
        await asyncio.sleep(0.002)
    return sent


def _quantile(sorted_ns: Sequence[int], share: float) -> float:
    return (
        sorted_ns[min(len(sorted_ns) - 1, int(len(sorted_ns) * share))] / 1e6 if sorted_ns else float("nan")
    )


async def presence(target: Target, pids: Sequence[int], *, contacts: int, seconds: float) -> Figures:
    """One user with many contacts changes presence again and again; each delivery counts."""
    clients = await many(target, contacts + 1, Client.login)
    hub, others = clients[0], clients[1:]
    received = 0

    def tell(client: Client, count: int) -> None:
        nonlocal received
        received += count

    await _befriend(hub, others)
    hub.on_bytes = lambda _client, _data: None
    handler = counted(_PRESENCE_END, tell)
    for client in others:
        client.on_bytes = handler
    before, began, rounds = measure(pids), time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        wanted = received + contacts
        hub.send(_presence_change(rounds))
        rounds += 1
        deadline = time.perf_counter() + _ROUND_SECONDS
        while received < wanted and time.perf_counter() < deadline:  # noqa: ASYNC110 - cheaper than an event
            await asyncio.sleep(0.0005)
    after = measure(pids)
    part(clients)
    return {"presence µs": after.since(before, received), "presence lost": rounds * contacts - received}


def _presence_change(number: int) -> str:
    return (
        f"<presence><show>{'away' if number % 2 else 'dnd'}</show><status>round {number}</status>"
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://example.org/client' "
        "ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>"
    )


async def _befriend(hub: Client, others: Sequence[Client]) -> None:
    """Subscribe both ways; done when a change of the hub's presence reaches everyone."""
    bare = hub.jid.partition("/")[0]
    for kind in ("subscribe", "subscribed"):
        for client in others:
            client.send(f"<presence to='{bare}' type='{kind}'/>")
            hub.send(f"<presence to='{client.jid.partition('/')[0]}' type='{kind}'/>")
        await asyncio.sleep(3 * _QUIET)
    hub.send("<presence><status>hello to all of you</status></presence>")
    await asyncio.gather(*(client.until(b"hello to all of you") for client in others))


async def idle(target: Target, pids: Sequence[int], *, users: int, name: str, first: int = FIRST) -> Figures:
    """Users that log in and then are silent: the cost of a login, and of being there."""
    some = await gather(target, first, first=users)  # what a server allocates once does not count
    before = measure(pids)
    crowd = await gather(target, users)
    await asyncio.sleep(_WARM_UP)
    after = measure(pids)
    lost = await crowd.lost()
    await crowd.part()
    await some.part()
    return {
        f"{name} login ms": after.since(before, users) / 1000,
        f"{name} KiB": (after.memory - before.memory) / users,
        f"{name} lost": lost,
    }


async def among(target: Target, pids: Sequence[int], *, silent: int, seconds: float) -> Figures:
    """The cost of a message between 98 users while `silent` others are connected."""
    crowd = await gather(target, silent, first=FEW)
    figures = await chat(target, pids, users=FEW, seconds=seconds)
    lost = await crowd.lost() + figures["chat lost"]
    await crowd.part()
    name = f"chat among {silent + FEW}"
    return {f"{name} µs": figures["chat µs"], f"{name} lost": lost}
