"""`roost status`: the cluster at a glance, and whether all is well."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from roost.roles.status.findings import notes, wrongs
from roost.roles.status.page import page
from roost.roles.status.survey import Survey, survey
from roost.runtime.config import Settings


async def run(settings: Settings, *, as_json: bool) -> int:
    """Look and tell; 0 when all is well, 1 when something is wrong."""
    found = await survey(settings)
    wrong, noted = wrongs(found), notes(found)
    click.echo(_json(found, wrong, noted) if as_json else page(found, wrong, noted))
    return 1 if wrong else 0


def _json(found: Survey, wrong: list[str], noted: list[str]) -> str:
    return json.dumps({"well": not wrong, "wrong": wrong, "notes": noted, **asdict(found)}, indent=2)
