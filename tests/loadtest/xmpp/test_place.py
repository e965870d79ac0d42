import pytest
from loadtest.xmpp.place import Address, addresses, place


def test_addresses_say_how_tls_begins():
    assert addresses("xmpp://pod-0.example:5322, xmpps://pod-1.example, example.net,xmpp://[::1]:52") == (
        Address("pod-0.example", 5322, False),
        Address("pod-1.example", 5223, True),
        Address("example.net", 5222, False),
        Address("::1", 52, False),
    )


@pytest.mark.parametrize(
    "words", ["", "http://example.net", "xmpp://example.net:0", "xmpp://a:70000", "a,,b"]
)
def test_what_is_no_address_is_refused(words):
    with pytest.raises(ValueError, match=r"address|port"):
        addresses(words)


def test_users_take_the_addresses_in_turn_and_the_first_names_the_domain():
    found = place("xmpp://example.net,xmpps://pod.example")
    assert found.domain == "example.net"
    assert [found.address(number).host for number in range(3)] == [
        "example.net",
        "pod.example",
        "example.net",
    ]


def test_a_ca_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.pem"):
        place("example.net", ca_file=str(tmp_path / "nothing.pem"))
