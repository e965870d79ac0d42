"""The client that tries a server out, in front of servers that are not as they should be."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from roost.protocol import namespaces as ns
from roost.roles.smoke.client import Account, Door, Unfit, Visitor, trust

HEADER = f"<stream:stream xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}' version='1.0' id='1'>"
UNKNOWN = f"<stream:error><host-unknown xmlns='{ns.STREAM_ERRORS}'/></stream:error></stream:stream>"
ROMEO = Account("romeo", "example.net", "sesame")


def features(inner: str) -> str:
    return f"{HEADER}<stream:features>{inner}</stream:features>"


def mechanisms(*names: str) -> str:
    offered = "".join(f"<mechanism>{name}</mechanism>" for name in names)
    return features(f"<mechanisms xmlns='{ns.SASL}'>{offered}</mechanisms>")


@asynccontextmanager
async def server(answers, heard):
    """A port that gives an answer for each thing it hears, and then closes the connection."""

    async def serve(reader, writer):
        for answer in answers:
            heard.append(await reader.read(4096))
            writer.write(answer.encode())
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def refusal(run, *answers, tls=None, direct_tls=False, proxy_protocol=False):
    """(what the client says of a server that answers so, what it said to it)."""
    heard: list[bytes] = []

    async def enter():
        async with server(answers, heard) as port:
            visitor = Visitor(Door("127.0.0.1", port, direct_tls, proxy_protocol), ROMEO, tls)
            with pytest.raises(Unfit) as found:
                await visitor.enter()
            visitor.leave()
            return str(found.value).partition(f"127.0.0.1 port {port} ")[2]

    return run(enter()), b"".join(heard)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([""], "closed the connection instead of letting a client offer features."),
        (["HTTP/1.1 400 Bad Request\r\n"], "closed the stream instead of letting a client offer features."),
        (
            [HEADER + UNKNOWN],
            "ended the stream with host-unknown.",
        ),
        ([mechanisms("PLAIN")], "offers no SCRAM, but PLAIN."),
        ([features("")], "offers no SCRAM, but nothing."),
        (
            [mechanisms("SCRAM-SHA-1"), f"<failure xmlns='{ns.SASL}'><not-authorized/></failure>"],
            "does not log romeo@example.net in: not-authorized.",
        ),
        (
            [mechanisms("SCRAM-SHA-1"), f"<challenge xmlns='{ns.SASL}'>cj14</challenge>"],
            "does not log romeo@example.net in: the server's challenge is not one.",
        ),
    ],
)
def test_what_a_server_does_wrong_is_said(run, answers, told):
    assert refusal(run, *answers)[0] == told


def test_a_server_without_tls_gets_no_password(run):
    told, heard = refusal(run, mechanisms("PLAIN"), tls=trust(None, None))
    assert told == "offers no TLS."
    assert b"<auth" not in heard


def test_nobody_there(run):
    assert refusal(run, direct_tls=True, tls=trust(None, None))[0].startswith("cannot be reached: ")


def test_it_can_speak_as_a_balancer_does(run):
    assert refusal(run, "", proxy_protocol=True)[1].startswith(b"PROXY UNKNOWN\r\n")
    assert refusal(run, "")[1].startswith(b"<?xml")


def test_a_trust_that_cannot_be_had_is_one_sentence(tmp_path):
    file = tmp_path / "ca.pem"
    with pytest.raises(Unfit, match=f"^{file} cannot be read: No such file or directory.$"):
        trust(file, None)
    file.write_text("nonsense")
    with pytest.raises(Unfit, match=f"^{file} holds no certificate.$"):
        trust(None, file)
