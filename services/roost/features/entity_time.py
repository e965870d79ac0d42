"""XEP-0202: Entity Time."""

from __future__ import annotations

from datetime import UTC, datetime

from roost.core.features import Feature, IqRequest, iq
from roost.protocol import namespaces as ns
from roost.protocol.timestamps import format_timestamp
from roost.protocol.xml import Element, element


class EntityTime(Feature):
    """Tells the server's time, in UTC."""

    xep = "XEP-0202"
    server_features = (ns.TIME,)

    @iq("get", ns.TIME, "time", to="server")
    async def time(self, request: IqRequest) -> Element:
        """The time now (XEP-0202 section 3)."""
        return element(
            "time",
            ns.TIME,
            None,
            element("tzo", ns.TIME, text="+00:00"),
            element("utc", ns.TIME, text=format_timestamp(datetime.now(UTC))),
        )
