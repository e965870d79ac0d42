"""Our page and our table in Locust's web interface."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Response, jsonify, request

from loadtest.report.outcome import outcome
from loadtest.report.timeline import Timeline

_PAGE = Path(__file__).with_name("charts.html")
_TAB = "xmpp"
# Locust's own page draws no charts but its own
_LINK = (
    '<a href="./xmpp" style="position:fixed;right:1rem;bottom:3rem;padding:.5rem 1rem;border-radius:.3rem;'
    'background:#00798c;color:white;font-family:sans-serif;text-decoration:none">XMPP charts</a>'
)
_COLUMNS = {
    "name": "What",
    "requests": "Times",
    "p50": "Median (ms)",
    "p95": "95th percentile (ms)",
    "p99": "99th percentile (ms)",
    "max": "Longest (ms)",
    "per_second": "Per second",
    "failures": "Failures",
}


def extend(web_ui: Any, stats: Any, timeline: Callable[[], Timeline]) -> None:
    """Add the table as a tab, the charts as a page, and a link to it."""
    web_ui.template_args.update(
        extended_tabs=[{"title": "XMPP", "key": _TAB}],
        extended_tables=[
            {"key": _TAB, "structure": [{"key": key, "title": title} for key, title in _COLUMNS.items()]}
        ],
        extended_csv_files=[{"href": "./xmpp", "title": "Charts of logins, delivery and losses"}],
    )

    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def page() -> str:
        return _PAGE.read_text()

    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def figures() -> Response:
        return jsonify(_figures(stats, timeline()))

    def add_ours(response: Response) -> Response:
        if request.endpoint == "locust.request_stats":
            found = response.get_json()
            found["extended_stats"] = [{"key": _TAB, "data": _table(stats)}]
            response.set_data(jsonify(found).get_data())
        elif request.endpoint == "locust.index" and response.mimetype == "text/html":
            response.set_data(response.get_data(as_text=True).replace("</body>", f"{_LINK}</body>"))
        return response

    base = web_ui.environment.parsed_options.web_base_path
    web_ui.app.add_url_rule(f"{base}/xmpp", "xmpp", page)
    web_ui.app.add_url_rule(f"{base}/xmpp/figures", "xmpp_figures", figures)
    web_ui.app.after_request(add_ours)


def _figures(stats: Any, timeline: Timeline) -> dict[str, Any]:
    found = outcome(stats)
    return {
        "lost": found.lost,
        "twice": found.twice,
        "moments": [
            [
                moment.second,
                moment.users,
                moment.name,
                moment.rate,
                moment.p50,
                moment.p95,
                moment.p99,
                moment.failures,
            ]
            for moments in timeline.moments
            for moment in moments
        ],
    }


def _table(stats: Any) -> list[dict[str, Any]]:
    found = outcome(stats)
    return [*map(_shown, found.rows), _counted("lost", found.lost), _counted("delivered twice", found.twice)]


def _shown(row: Any) -> dict[str, Any]:
    figures = {
        name: getattr(row, name) for name in ("name", "requests", "p50", "p95", "p99", "max", "failures")
    }
    return {**figures, "per_second": round(row.per_second, 1)}


def _counted(name: str, count: int) -> dict[str, Any]:
    return {"name": name, "requests": count}
