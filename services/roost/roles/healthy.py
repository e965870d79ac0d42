"""`roost healthy`: what the process of this container says of itself, as an exit code."""

from __future__ import annotations

import http.client
import ipaddress
import sys
from http import HTTPStatus

from roost.runtime.config import Settings

_SECONDS = 5  # as long as the metrics port itself waits for a request


def ask(settings: Settings, page: str) -> int:
    """Ask the metrics port of these settings for `page`; 0 when it answers 200, else 1 and why on stderr."""
    trouble = _trouble(settings, page)
    if trouble is None:
        return 0
    print(trouble, file=sys.stderr)
    return 1


def _trouble(settings: Settings, page: str) -> str | None:
    if not settings.metrics_port:
        return "There is no metrics port to ask: metrics_port is 0."
    host, port = _reachable(settings.metrics_host), settings.metrics_port
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace").rstrip()
    except (OSError, http.client.HTTPException) as error:
        return f"{page} on port {port} of {host} gives no answer: {error}."
    finally:
        connection.close()
    return None if answer.status == HTTPStatus.OK else text


def _reachable(host: str) -> str:
    """Where to find who listens on `host`: on all addresses means on loopback too."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
