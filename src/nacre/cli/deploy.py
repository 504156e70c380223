"""What `nacre check --deploy` prints of the risks that an application finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from nacre.describe import plain
from nacre.risks import Risk, Severity

_COLOURS: dict[Severity, str] = {"high": "red", "medium": "yellow", "low": "blue"}


def is_unsafe(risks: Iterable[Risk]) -> bool:
    """Whether one of them is more than advice."""
    return any(risk.severity != "low" for risk in risks)


def as_data(risk: Risk) -> dict[str, Any]:
    """A risk as JSON holds it."""
    return {"what": risk.what, "fix": risk.fix, "severity": risk.severity, "where": plain(risk.where)}


def echo_risks(risks: Sequence[Risk]) -> None:
    """Print what is unsafe, and what to change."""
    for risk in risks:
        place = f" ({risk.where})" if risk.where is not None else ""
        severity = click.style(f"{risk.severity:<6}", fg=_COLOURS[risk.severity], bold=True)
        click.echo(f"{severity}  {risk.what}{place}")
        click.echo(f"        {risk.fix}")
    if not risks:
        click.echo(f"{click.style('safe', fg='green', bold=True)}: nothing found that is unsafe to deploy")
