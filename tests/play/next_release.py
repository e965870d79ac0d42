"""A role of Roost's next release, as far as others can see: whatever it writes has fields more than ours.

`python next_release.py ROLE…` takes the words that `roost` takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from roost.cluster import script
from roost.protocol import envelope

_SCRIPTS = {
    # the payload's head; a place in a queue, and the line of them; a field of the queue's entry; a notice
    "deliver": {
        "ARGV[3]\nlocal tag": "string.gsub(ARGV[3], '\\n', '\\tnewer\\n', 1)\nlocal tag",
        "'1-*', 'd', payload)": "'1-*', 'd', payload, 'n', 'newer')",
        "'o', others)": "'o', others, 'n', 'newer')",
        "':' .. position": "':' .. position .. ':newer'",
        "places .. '\\n'": "places .. '\\tnewer\\n'",
        "policy-violation\\n": "policy-violation\\tnewer\\n",
    },
    "hand_on": {
        "'d', ARGV[2])": "'d', ARGV[2], 'n', 'newer')",
        "string.sub(id, 3)": "string.sub(id, 3) .. ':newer'",
    },
    "bind": {
        "'\\t1\\t' .. state)": "'\\t1\\t' .. string.gsub(state, '\\t', '\\tnewer\\t', 1))",
        "conflict\\n": "conflict\\tnewer\\n",
    },
    "append": {
        "'d', ARGV[1])\nelse": "'d', ARGV[1], 'n', 'newer')\nelse",
        "'d', ARGV[1])\nend": "'d', ARGV[1], 'n', 'newer')\nend",
        "position .. '\\n'": "position .. '\\tnewer\\n'",
    },
    "forward": {
        "'d', ARGV[at])": "'d', ARGV[at], 'n', 'newer')",
        "position .. '\\n'": "position .. '\\tnewer\\n'",
    },
    "stored": {"'\\t\\n\\n'": "'\\t\\tnewer\\n\\n'"},
    "claim": {"'epoch', epoch)": "'epoch', epoch, 'newer', 1)"},
}


class _NextScript(script.Script):
    def __init__(self, name: str) -> None:
        source = script.files("roost.cluster").joinpath("scripts", f"{name}.lua").read_text("utf-8")
        for ours, theirs in _SCRIPTS.get(name, {}).items():
            assert source.count(ours) == 1, f"{name}.lua says no longer: {ours}"
            source = source.replace(ours, theirs)
        self.name = name
        self.source = source.encode()
        self.sha = script.hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()


def _with_more(encode: Callable[[Any], bytes], where: int = 0) -> Callable[[Any], bytes]:
    """An encoder whose head has one field more."""

    def encoded(value: Any) -> bytes:
        head, newline, rest = encode(value).partition(b"\n")
        return head + b"\tnewer" + newline + rest

    return encoded


def _become_the_next() -> None:
    """Before any role is imported: the parts take their encoders by name."""
    script.Script = _NextScript  # type: ignore[misc]
    envelope.encode_entry = _with_more(envelope.encode_entry)
    envelope.encode_fanout = _with_more(envelope.encode_fanout)


if __name__ == "__main__":
    _become_the_next()
    from roost.__main__ import main

    sys.argv[0] = "roost"
    main()
