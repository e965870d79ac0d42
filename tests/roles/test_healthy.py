"""`roost healthy` as a container runs it, against a metrics port as the roles have it."""

import asyncio
import threading
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from free_ports import free_port
from roost.runtime import health


@contextmanager
def listening(make):
    """The port of the server that `make` gives, which answers in a thread of its own."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(make)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield str(server.sockets[0].getsockname()[1])
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    loop.close()


def metrics_port(trouble=None, host="127.0.0.1"):
    """A role's metrics port; `trouble` is what it says of its readiness."""
    return listening(health.serve(host, 0, CollectorRegistry(), {"redis": lambda: trouble}))


def test_a_process_that_is_well(command):
    with metrics_port() as port:
        for words in ((), ("--ready",)):
            told = command("healthy", *words, ROOST_METRICS_PORT=port)
            assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_a_process_that_lives_and_is_not_ready_says_why(command):
    with metrics_port("away") as port:
        assert command("healthy", ROOST_METRICS_PORT=port).returncode == 0
        told = command("healthy", "--ready", ROOST_METRICS_PORT=port)
    assert (told.returncode, told.stderr) == (1, "redis: away\n")


def test_a_process_that_is_gone(command):
    port = str(free_port())
    told = command("healthy", "--metrics-port", port, "--metrics-host", "127.0.0.1")
    assert told.returncode == 1
    assert told.stderr.startswith(f"/live on port {port} of 127.0.0.1 gives no answer: ")


def test_a_process_without_a_metrics_port_cannot_be_asked(command):
    told = command("healthy", ROOST_METRICS_PORT="0")
    assert (told.returncode, told.stderr) == (1, "There is no metrics port to ask: metrics_port is 0.\n")


def test_all_addresses_of_the_sixth_version_are_asked_on_loopback(command):
    with metrics_port(host="::1") as port:
        told = command("healthy", ROOST_METRICS_HOST="::", ROOST_METRICS_PORT=port)
    assert (told.returncode, told.stderr) == (0, "")


def test_a_port_that_does_not_speak_http(command):
    with listening(asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)) as port:
        told = command("healthy", ROOST_METRICS_PORT=port)
    assert told.returncode == 1
    assert "gives no answer" in told.stderr
