"""XEP-0092: Software Version."""

from __future__ import annotations

from roost.core.features import Feature, IqRequest, iq
from roost.protocol import namespaces as ns
from roost.protocol.xml import Element, element


class Version(Feature):
    """Says what runs here; not on what system, which helps only those who look for holes."""

    xep = "XEP-0092"
    server_features = (ns.VERSION,)

    def __init__(self, name: str, version: str) -> None:
        """The software's name and version."""
        self._name = name
        self._version = version

    @iq("get", ns.VERSION, "query", to="server")
    async def version(self, request: IqRequest) -> Element:
        """Name and version (XEP-0092 section 2)."""
        return element(
            "query",
            ns.VERSION,
            None,
            element("name", ns.VERSION, text=self._name),
            element("version", ns.VERSION, text=self._version),
        )
