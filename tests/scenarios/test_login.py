"""Ways in: TLS, each mechanism, and what a failure tells."""

from __future__ import annotations

import pytest
from lxml import etree

from play import people, wanted
from play.client import Client
from play.cluster import Cluster
from play.stage import play
from roost.protocol import namespaces as ns

_SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")


def _mechanisms(client: Client) -> list[str]:
    assert client.features is not None
    found = client.features.find(f"{{{ns.SASL}}}mechanisms")
    return [] if found is None else [one.text or "" for one in found]


@play
async def test_plain_after_starttls(impatient: Cluster) -> None:
    [pod] = impatient.pods
    name = people.new_name("romeo")
    await people.register(pod, name, tls=True)
    client = await pod.connect()
    await client.open()
    await client.start_tls()
    await client.open()
    assert await people.plain(client, name) == "success"
    await client.open()
    await people.bind(client, "balcony")
    assert client.jid == f"{name}@example.test/balcony"
    await client.settle()


@play
async def test_before_tls_only_tls_is_offered_where_it_is_required(impatient: Cluster) -> None:
    [pod] = impatient.pods
    client = await pod.connect()
    features = await client.open()
    assert features.find(f"{{{ns.TLS}}}starttls/{{{ns.TLS}}}required") is not None
    assert _mechanisms(client) == []
    assert features.find(f"{{{ns.REGISTER_FEATURE}}}register") is None
    assert await people.plain(client, "romeo") == "encryption-required"


@pytest.mark.parametrize("mechanism", _SCRAM)
@play
async def test_scram_without_tls(live: Cluster, mechanism: str) -> None:
    pod = live.pods[0]
    name = people.new_name("romeo")
    await people.register(pod, name)
    client = await pod.connect()
    await client.open()
    assert mechanism in _mechanisms(client)
    assert f"{mechanism}-PLUS" not in _mechanisms(client)
    assert await people.scram(client, mechanism, name) == "success"
    await client.open()
    await people.bind(client)


@pytest.mark.parametrize("mechanism", _SCRAM)
@play
async def test_scram_bound_to_the_certificate(live: Cluster, mechanism: str) -> None:
    pod = live.pods[1]
    name = people.new_name("romeo")
    await people.register(pod, name)
    client = await pod.connect(tls=True)
    await client.open()
    assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "xmpp-client"
    assert await people.scram(client, f"{mechanism}-PLUS", name) == "success"
    await client.open()
    await people.bind(client)


@play
async def test_a_binding_to_another_certificate_fails(live: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = live.pods[0]
    name = people.new_name("romeo")
    await people.register(pod, name)
    monkeypatch.setattr(people, "end_point", lambda _client: b"\0" * 32)
    client = await pod.connect(tls=True)
    await client.open()
    assert await people.scram(client, "SCRAM-SHA-256-PLUS", name) == "not-authorized"


@play
async def test_a_stripped_binding_is_noticed(live: Cluster) -> None:
    # RFC 5802 section 6: the client could bind, and says that it was not offered
    client = await live.pods[0].connect(tls=True)
    await client.open()
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-1'>eSwsbj1yb21lbyxyPWFiYw==</auth>")
    failure = await client.expect(lambda one: one.tag == f"{{{ns.SASL}}}failure")
    assert people.outcome(failure) == "not-authorized"


@pytest.mark.parametrize("mechanism", ["PLAIN", *_SCRAM])
@play
async def test_a_failure_does_not_tell_whether_the_account_exists(live: Cluster, mechanism: str) -> None:
    pod = live.pods[0]
    name = people.new_name("romeo")
    await people.register(pod, name)
    said = []
    for who in (name, people.new_name("nobody")):
        client = await pod.connect()
        await client.open()
        if mechanism == "PLAIN":
            result = await people.plain(client, who, "wrong")
        else:
            result = await people.scram(client, mechanism, who, "wrong")
        said.append((result, [etree.tostring(one) for one in client.arrived]))
    assert said[0] == said[1]
    assert said[0][0] == "not-authorized"


@play
async def test_an_unknown_account_has_the_same_salt_at_each_try(live: Cluster) -> None:
    name = people.new_name("nobody")
    salts = set()
    for pod in (*live.pods, *live.pods):
        client = await pod.connect()
        await client.open()
        first = people.encoded(f"n,,n={name},r=abc")
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-256'>{first}</auth>")
        challenge = await client.expect(lambda one: one.tag == f"{{{ns.SASL}}}challenge")
        salts.add(people.decoded(challenge.text or "").split(",")[1])
    assert len(salts) == 1


@play
async def test_a_failed_login_may_be_tried_again(live: Cluster) -> None:
    pod = live.pods[0]
    name = people.new_name("romeo")
    await people.register(pod, name)
    client = await pod.connect()
    await client.open()
    assert await people.plain(client, name, "wrong") == "not-authorized"
    assert await people.scram(client, "SCRAM-SHA-256", name) == "success"


@play
async def test_too_many_failures_end_the_stream(live: Cluster) -> None:
    client = await live.pods[0].connect()
    await client.open()
    for _ in range(5):
        assert await people.plain(client, people.new_name("nobody"), "wrong") == "not-authorized"
    assert wanted.condition(await client.expect(wanted.stream_error)) == "policy-violation"
    await client.expect_end()


@play
async def test_nobody_acts_for_others(live: Cluster) -> None:
    pod = live.pods[0]
    name = people.new_name("romeo")
    await people.register(pod, name)
    client = await pod.connect()
    await client.open()
    token = people.encoded(f"juliet@example.test\0{name}\0{people.PASSWORD}")
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{token}</auth>")
    failure = await client.expect(lambda one: one.tag == f"{{{ns.SASL}}}failure")
    assert people.outcome(failure) == "invalid-authzid"


@play
async def test_an_unknown_mechanism(live: Cluster) -> None:
    client = await live.pods[0].connect()
    await client.open()
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='TELEPATHY'/>")
    failure = await client.expect(lambda one: one.tag == f"{{{ns.SASL}}}failure")
    assert people.outcome(failure) == "invalid-mechanism"


@play
async def test_the_new_session_of_a_resource_wins(live: Cluster) -> None:
    one, two = live.pods
    old = await people.present(one, "romeo", "balcony")
    name = people.bare(old).partition("@")[0]
    new = await people.login(two, name, "balcony")
    assert new.jid == old.jid
    assert wanted.condition(await old.expect(wanted.stream_error)) == "conflict"
    await old.expect_end()
    await people.appear(new)
    new.message(new.jid, "to myself")
    await new.expect(wanted.message("to myself", new.jid))


@play
async def test_the_server_chooses_a_resource(live: Cluster) -> None:
    first = await people.person(live.pods[0], "romeo", "")
    second = await people.login(live.pods[1], people.bare(first).partition("@")[0])
    assert first.jid != second.jid
    await first.settle()
