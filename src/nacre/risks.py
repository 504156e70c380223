"""What is unsafe in a configuration that works: layers say it of themselves, and `nacre check --deploy` prints it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from nacre.errors import Location

Severity = Literal["high", "medium", "low"]
"""`high` can be used as it is, `medium` leaves out a protection that every site wants, `low` is advice."""


class Risk(Struct, frozen=True):
    """One thing that is unsafe where an application is deployed: what it is, what to change, where it was written."""

    what: str
    fix: str
    severity: Severity = "medium"
    where: Location | None = None


@runtime_checkable
class Assessed(Protocol):
    """A layer that knows which of its own options are unsafe."""

    def find_risks(self) -> Iterable[Risk]:
        """The risks of this layer as it is configured; nothing in them is secret."""
        ...
