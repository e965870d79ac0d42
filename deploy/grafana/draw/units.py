"""Numbers as Grafana writes them, for the units that our dashboards have."""

from __future__ import annotations

from collections.abc import Sequence

_SHORT: Sequence[tuple[float, str]] = ((1e9, "B"), (1e6, "M"), (1e3, "K"))
_BYTES: Sequence[tuple[float, str]] = ((2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"))
_SECONDS: Sequence[tuple[float, str]] = ((3600, " h"), (60, " min"), (1, " s"), (1e-3, " ms"), (1e-6, " µs"))
_RATES = {"mps": " msg/s", "reqps": " req/s", "ops": " ops/s"}


def text(value: float, unit: str, decimals: int | None = None) -> str:
    """`value` with `unit`, to three figures or to `decimals`."""
    if unit == "percentunit":
        return f"{_figures(value * 100, decimals)}%"
    if unit == "bytes":
        return _scaled(value, _BYTES, decimals) or f"{_figures(value, decimals)} B"
    if unit == "s":
        return _scaled(value, _SECONDS, decimals) or "0 s"
    if unit == "d":
        return f"{_figures(value, decimals)} days"
    return (_scaled(value, _SHORT, decimals) or _figures(value, decimals)) + _RATES.get(unit, "")


def _scaled(value: float, scales: Sequence[tuple[float, str]], decimals: int | None) -> str:
    for size, name in scales:
        if abs(value) >= size * 0.9995:
            return _figures(value / size, decimals) + name
    return ""


def _figures(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
