"""Traces, if the settings ask for them. OpenTelemetry is loaded only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roost.runtime.config import Settings

if TYPE_CHECKING:
    from roost.runtime.spans import Tracer


class TracingUnavailable(Exception):  # noqa: N818 - a state that a person mends
    """Traces are asked for and OpenTelemetry is not installed; the text says what to do."""


def check(settings: Settings) -> None:
    """Raise TracingUnavailable when traces are asked for and cannot be made."""
    if settings.trace_endpoint is None:
        return
    try:
        import roost.runtime.spans  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise TracingUnavailable(
            f"trace_endpoint is set, and what makes traces is not installed ({error.name} is missing): "
            "run pip install 'roost-xmpp[tracing]', or unset it."
        ) from error


def tracer(settings: Settings, role: str, id: str) -> Tracer | None:
    """What makes this process's traces; None when the settings do not ask for any.

    `id` is what the registry or the shards call this process. Raises TracingUnavailable.
    """
    check(settings)
    if settings.trace_endpoint is None:
        return None
    from roost.runtime.spans import Tracer  # noqa: PLC0415 - loaded only where traces are made

    return Tracer(settings.trace_endpoint, settings.trace_ratio, role=role, pod=settings.pod_name, id=id)
