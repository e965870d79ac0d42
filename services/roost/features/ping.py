"""XEP-0199: XMPP Ping."""

from __future__ import annotations

from roost.core.features import Feature, IqRequest, iq
from roost.protocol import namespaces as ns


class Ping(Feature):
    """Answers pings to the server and to accounts of ours."""

    xep = "XEP-0199"
    server_features = (ns.PING,)
    account_features = (ns.PING,)

    @iq("get", ns.PING, "ping", to="server")
    @iq("get", ns.PING, "ping")
    async def ping(self, request: IqRequest) -> None:
        """An empty result (XEP-0199 sections 4.1 and 4.2)."""
