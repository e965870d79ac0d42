"""A client's connection, as the rules see it; `net` implements it."""

from __future__ import annotations

from typing import Protocol

from roost.protocol.errors import StreamError


class Wire(Protocol):
    """Bytes to one client. Writes of one loop turn leave together."""

    @property
    def secure(self) -> bool:
        """Whether TLS is on."""
        ...

    @property
    def peer(self) -> str:
        """The client's address, for limits and logs."""
        ...

    @property
    def tls_version(self) -> str:
        """Such as `TLSv1.3`, for logs; `none` without TLS."""
        ...

    @property
    def writable(self) -> bool:
        """False while the client does not read what was written."""
        ...

    @property
    def flushed(self) -> bool:
        """Whether the client's machine has got all that was written."""
        ...

    def mark(self) -> int | None:
        """A mark behind all that was written, for `passed`; None when it cannot be told now."""
        ...

    def passed(self, mark: int) -> bool:
        """Whether the client's machine has got all that was written before the mark."""
        ...

    def channel_bindings(self) -> dict[str, bytes]:
        """Channel-binding data by type's name (RFC 5929, RFC 9266); empty without TLS."""
        ...

    def write(self, data: bytes) -> None:
        """Send at the end of this loop turn."""
        ...

    def pause(self) -> None:
        """Read nothing more from the client until `resume`."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...

    def logged_in(self) -> None:
        """The client has authenticated: it may take its time from now on."""
        ...

    def bound(self) -> None:
        """The client has a session."""
        ...

    async def start_tls(self) -> None:
        """Begin TLS as the server; raises OSError when the handshake fails."""
        ...

    def stop(self, error: StreamError) -> None:
        """End the stream on it with an error."""
        ...

    def close(self) -> None:
        """Send what was written, then close."""
        ...
