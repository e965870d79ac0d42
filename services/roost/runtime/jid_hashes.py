"""Log lines without JIDs: a keyed hash in place of each, the same on every process of the cluster."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import MutableMapping
from typing import Any

JID_FIELDS = frozenset({"jid", "to", "sender", "contact", "account"})
"""The fields of a log line that hold a JID and nothing else."""

_LENGTH = 12  # base32 characters: 60 bits, so that no two accounts of a cluster look alike
_PURPOSE = b"JIDs in logs"  # the cluster's secret serves other things too
_NOT_YET = "hidden"
_OPENING = "([{,=`"
# What a local part cannot hold (RFC 7622 section 3.3.1) ends it; the text of a URL up to its @ is no JID.
_IN_TEXT = re.compile(r"""[a-z+]+://[^\s@]*@|([^\s"&'/:<>@]+)@([^\s"'<>/@:,;?!()\[\]{}]+)(/[^\s"'<>]+)?""")


class JidHashes:
    """A structlog processor that puts a hash in place of every JID.

    Fields named in JID_FIELDS are hashed as a whole. All other values, texts of exceptions included, are
    searched for what looks like an account's address. There a resource ends at the first blank or quote, for
    nothing tells where it really does.
    """

    def __init__(self) -> None:
        """Until it knows the key, it hides JIDs altogether."""
        self._key: bytes | None = None

    def learn(self, secret: bytes) -> None:
        """Hash with a key made of `secret`, which whoever wants to guess JIDs must not know."""
        self._key = hmac.digest(secret, _PURPOSE, "sha256")

    def hashed(self, jid: str) -> str:
        """What stands for `jid`: a hash for the account, one more after a slash for the resource.

        The JID of a server is nobody's and stays as it is.
        """
        bare, slash, _resource = jid.partition("/")
        if "@" not in bare:
            return jid
        return self._hash(bare) + (f"/{self._hash(jid)}" if slash else "")

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> Any:
        """See structlog: the event with nothing in it that names an account."""
        for field, value in event.items():
            event[field] = self.hashed(str(value)) if field in JID_FIELDS else self._cleaned(value)
        return event

    def _cleaned(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {self._cleaned(key): self._cleaned(one) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._cleaned(one) for one in value]
        text = str(value)
        return _IN_TEXT.sub(self._found, text) if "@" in text else value

    def _found(self, match: re.Match[str]) -> str:
        local, domain, resource = match.groups()
        if local is None:
            return match[0]
        name = local.lstrip(_OPENING)
        before = local[: len(local) - len(name)]
        ending = domain[len(domain.rstrip(".")) :]
        whole = f"{name}@{domain.rstrip('.')}{resource or ''}"
        return before + self.hashed(whole) + (ending if resource is None else "")

    def _hash(self, text: str) -> str:
        if self._key is None:
            return _NOT_YET
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return base64.b32encode(digest)[:_LENGTH].decode().lower()
