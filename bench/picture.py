"""`results.svg`: how much of one core's capacity each framework leaves, drawn from `results.json`.

It is read on light and on dark pages: what it is shown on decides by `prefers-color-scheme`, and it has no background.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_BASE = "raw asgi (granian asgi)"
_STACK_BASE = "starlette (granian asgi)"

_NAMES = {
    "raw": "by hand",
    "nacre": "Nacre",
    "aiohttp": "aiohttp",
    "blacksheep": "BlackSheep",
    "django-bolt": "Django-Bolt",
    "django_bolt": "Django-Bolt",
    "fastapi": "FastAPI",
}

_WIDTH = 880
_GAP = 32
_LABEL = 154
_VALUE = 40
_ROW = 21
_BAR = 14
_HEAD = 46

_STYLE = """\
text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 14px; font-weight: 600 }
.small { font-size: 11px; fill: #59636e }
.peer { fill: #afb8c1 }
.hand { fill: none; stroke: #818b98; stroke-dasharray: 3 2 }
.nacre { fill: #0b7285 }
.ours { font-weight: 600 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.small { fill: #9198a1 }
.peer { fill: #565f69 }
.hand { stroke: #9198a1 }
.nacre { fill: #3bc9db }
}"""


@dataclass(frozen=True)
class Bar:
    """One framework: `kind` is "nacre", "hand" (no framework) or "peer"."""

    label: str
    value: float
    kind: str


@dataclass(frozen=True)
class Panel:
    title: str
    subtitle: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        return _HEAD + _ROW * len(self.bars)


def draw(held: Mapping[str, Any]) -> str:
    """The picture of these results; `held` is `results.json`."""
    panels = [panel for panel in _panels(held) if panel.bars]
    width = (_WIDTH - _GAP) // 2
    parts: list[str] = []
    top = 8
    for at in range(0, len(panels), 2):
        row = panels[at : at + 2]
        for column, panel in enumerate(row):
            parts.append(_drawn(panel, column * (width + _GAP), top, width))
        top += max(panel.height for panel in row) + _GAP
    described = escape("; ".join(_described(panel) for panel in panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" '
        f'role="img" aria-label="{described}">\n<style>\n{_STYLE}\n</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panels(held: Mapping[str, Any]) -> list[Panel]:
    served = held.get("server", {}).get("data", {}).get("cpu_us", {})
    stack = held.get("stack", {}).get("data", {}).get("cpu_us", {})
    by_raw = "Requests per second of one core, by ASGI without a framework = 1.00"
    return [
        Panel("A JSON answer", by_raw, _bars(_of_workload(served, "json"), _BASE)),
        Panel(
            "A JSON answer behind 20 layers that add a header", by_raw, _bars(_of_workload(served, "layers20"), _BASE)
        ),
        Panel(
            "A site with sessions, CSRF, CORS, authentication, a log",
            "Requests per second of one core, by Starlette = 1.00",
            _bars(stack, _STACK_BASE),
        ),
    ]


def _of_workload(served: Mapping[str, Mapping[str, Sequence[float]]], workload: str) -> dict[str, Sequence[float]]:
    return {name: found[workload] for name, found in served.items() if found.get(workload)}


def _bars(rounds: Mapping[str, Sequence[float]], base: str) -> list[Bar]:
    """The most capable first. Left to the tables: what runs on uvicorn, with another base, and styles of layers."""
    if base not in rounds:
        return []
    unit = statistics.median(rounds[base])
    bars = [
        _bar(name, unit / statistics.median(taken))
        for name, taken in rounds.items()
        if "(uvicorn)" not in name and "," not in name
    ]
    return sorted(bars, key=lambda bar: -bar.value)


def _drawn(panel: Panel, left: int, top: int, width: int) -> str:
    room = width - _LABEL - _VALUE
    unit = room / max(1.0, *(bar.value for bar in panel.bars))
    begin = left + _LABEL
    parts = [
        f'<text x="{left}" y="{top + 12}" class="title">{escape(panel.title)}</text>',
        f'<text x="{left}" y="{top + 29}" class="small">{escape(panel.subtitle)}</text>',
    ]
    for at, bar in enumerate(panel.bars):
        y = top + _HEAD + at * _ROW
        ours = " ours" if bar.kind == "nacre" else ""
        length = max(1.0, bar.value * unit)
        parts += [
            f'<text x="{begin - 8}" y="{y + 11}" text-anchor="end" class="label{ours}">{escape(bar.label)}</text>',
            f'<rect x="{begin}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2" class="{bar.kind}"/>',
            f'<text x="{begin + length + 5:.1f}" y="{y + 11}" class="value{ours}">{bar.value:.2f}</text>',
        ]
    return "\n".join(parts)


def _bar(name: str, value: float) -> Bar:
    """The bar of a row of the results."""
    target, _, server = name.removesuffix(")").partition(" (")
    framework, _, protocol = target.partition(" ")
    label = _NAMES.get(framework, framework.replace("_", " ").capitalize())
    if protocol:
        label += f", {protocol.upper()}"
    elif not server.startswith("granian"):
        label += ", own server"
    return Bar(label, value, {"nacre": "nacre", "raw": "hand"}.get(framework, "peer"))


def _described(panel: Panel) -> str:
    return f"{panel.title}: " + ", ".join(f"{bar.label} {bar.value:.2f}" for bar in panel.bars)
