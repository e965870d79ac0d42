"""XEP-0115: the string by which an entity's service discovery answer is known."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from typing import NamedTuple

from roost.protocol import namespaces as ns
from roost.protocol.xml import Element, split_name


class Identity(NamedTuple):
    """One identity of an entity (XEP-0030 section 3.1)."""

    category: str
    type: str
    lang: str
    name: str


def verification(query: Element) -> str:
    """The `ver` of a disco#info result (XEP-0115 section 5.1)."""
    identities = sorted(
        (one.get("category", ""), one.get("type", ""), one.get(f"{{{ns.XML}}}lang", ""), one.get("name", ""))
        for one in query.iter(f"{{{ns.DISCO_INFO}}}identity")
    )
    features = sorted(one.get("var", "") for one in query.iter(f"{{{ns.DISCO_INFO}}}feature"))
    forms = sorted(filter(None, map(_form, query.iter(f"{{{ns.DATA_FORMS}}}x"))))
    parts = ["/".join(identity) for identity in identities] + features
    said = "".join(f"{part}<" for part in parts) + "".join(forms)
    return b64encode(hashlib.sha1(said.encode(), usedforsecurity=False).digest()).decode()


def _form(form: Element) -> str:
    """A data form's part (section 5.1, steps 6 and 7); empty when the form does not count."""
    fields = {field.get("var", ""): field for field in form if split_name(field.tag)[1] == "field"}
    kind = fields.pop("FORM_TYPE", None)
    if kind is None or kind.get("type") != "hidden":
        return ""
    said = [*_values(kind)]
    for name in sorted(fields):
        said += [name, *sorted(_values(fields[name]))]
    return "".join(f"{one}<" for one in said)


def _values(field: Element) -> Iterable[str]:
    return [value.text or "" for value in field if split_name(value.tag)[1] == "value"]
