import socket

import pytest

from roost.roles.up import ports
from roost.roles.up.trouble import CannotStart


def test_chosen_ports_are_free_and_different():
    chosen = ports.choose(5)
    assert len(set(chosen)) == 5
    ports.check("127.0.0.1", dict.fromkeys(chosen, "--own-port"))


def test_a_port_in_use_is_named_with_its_option():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is in use.*--starttls-port"):
            ports.check("127.0.0.1", {port: "--starttls-port"})


def test_no_port_needs_no_check():
    ports.check("127.0.0.1", {0: "--starttls-port"})
