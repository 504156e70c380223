"""Functions that are given as options."""

from __future__ import annotations

from nacre.callables import describe, is_async
from nacre.errors import Location, Problem


def not_plain(subject: str, where: Location | None, **functions: object) -> list[Problem]:
    """What is wrong with options, by their names, that are to be plain functions or None.

    SECURITY: what an async function returns when it is called is true: everybody would be exempt, or trusted.
    """
    problems: list[Problem] = []
    for name, function in functions.items():
        if function is not None and not callable(function):
            fix = "give it a plain function"
            problems.append(Problem(f"{subject} has {name}={function!r}", where, fix))
        elif is_async(function):
            fix = "it is called where nothing can be awaited: make it a plain function"
            problems.append(Problem(f"the {name} of {subject}, {describe(function)}, is async", where, fix))
    return problems
