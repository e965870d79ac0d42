"""XEP-0030: Service Discovery of the server and of accounts, and XEP-0115 for the server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from roost.core.features import Feature, IqRequest, iq
from roost.protocol import namespaces as ns
from roost.protocol.caps import verification
from roost.protocol.errors import StanzaError
from roost.protocol.xml import Element, element

_NODE = "https://roost.chat/"


class Discovery(Feature):
    """Says what the server and accounts can do: what all features say of themselves."""

    xep = "XEP-0030"
    server_features = (ns.DISCO_INFO, ns.DISCO_ITEMS, ns.CAPS)
    account_features = (ns.DISCO_INFO, ns.DISCO_ITEMS)

    def __init__(self, name: str, features: Sequence[Feature]) -> None:
        """`name` is the software's; `features` are all of the role but this one."""
        everything = [self, *features]
        self._server = _info("server", "im", name, (one.server_features for one in everything))
        self._account = _info("account", "registered", "", (one.account_features for one in everything))
        self._ver = verification(self._server)

    def stream_features(self) -> Iterable[Element]:
        """The server's capabilities (XEP-0115 section 6.3)."""
        yield element("c", ns.CAPS, {"hash": "sha-1", "node": _NODE, "ver": self._ver})

    @iq("get", ns.DISCO_INFO, "query", to="server")
    async def server_info(self, request: IqRequest) -> Element:
        """What the server can do (XEP-0030 section 3, XEP-0115 section 6.2)."""
        node = request.payload.get("node")
        if node not in {None, f"{_NODE}#{self._ver}"}:
            raise StanzaError("item-not-found")
        return _at_node(self._server, node)

    @iq("get", ns.DISCO_INFO, "query")
    async def account_info(self, request: IqRequest) -> Element:
        """What an account can do, told to its owner alone.

        Strangers hear the same of an account as of none (XEP-0030 section 8).
        """
        self._only_own(request)
        return _at_node(self._account, None)

    @iq("get", ns.DISCO_ITEMS, "query", to="server")
    async def server_items(self, request: IqRequest) -> Element:
        """The services of this server: none yet besides itself (XEP-0030 section 4)."""
        return _items(request)

    @iq("get", ns.DISCO_ITEMS, "query")
    async def account_items(self, request: IqRequest) -> Element:
        """An account's items: its owner is told that there are none (XEP-0030 section 4)."""
        self._only_own(request)
        return _items(request)

    def _only_own(self, request: IqRequest) -> None:
        if not request.own:
            raise StanzaError("service-unavailable")
        if request.payload.get("node") is not None:
            raise StanzaError("item-not-found")


def _info(category: str, type: str, name: str, features: Iterable[Iterable[str]]) -> Element:
    identity = {"category": category, "type": type} | ({"name": name} if name else {})
    names = sorted({feature for some in features for feature in some})
    found = [element("feature", ns.DISCO_INFO, {"var": feature}) for feature in names]
    return element("query", ns.DISCO_INFO, None, element("identity", ns.DISCO_INFO, identity), *found)


def _at_node(info: Element, node: str | None) -> Element:
    attributes = {} if node is None else {"node": node}
    return element("query", ns.DISCO_INFO, attributes, *info)


def _items(request: IqRequest) -> Element:
    if request.payload.get("node") is not None:
        raise StanzaError("item-not-found")
    return element("query", ns.DISCO_ITEMS)
