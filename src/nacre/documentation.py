"""What a route says about itself, for the OpenAPI document: options of its declaration, and its docstring."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from nacre.errors import ConfigurationError, Location, Problem, reason_phrase

Answer: TypeAlias = "str | tuple[str, Any] | tuple[str, Any, str]"
"""A response in words, with the type of its body, and with the media type, which is JSON's unless given."""

Responses: TypeAlias = Mapping[int, Answer]
"""What may be answered, by status."""

Security: TypeAlias = Mapping[str, Mapping[str, Any] | None]
"""Security Scheme Objects of the OpenAPI Specification by name: each one alone opens the way.

A scheme may hold `scopes`, the list of those that are needed. One that is declared elsewhere is None, and so is the
name "", which says that requests without credentials are let in as well.
"""


class Documentation(Struct, frozen=True):
    """How one route appears in the OpenAPI document; `hidden` keeps it out.

    `responses` and `security` are what the handler itself adds to that of the layers around it. A `security` without
    schemes says that no credentials are needed, whatever those layers say; None says nothing.
    """

    summary: str | None = None
    description: str | None = None
    operation_id: str | None = None
    deprecated: bool = False
    hidden: bool = False
    responses: Responses = {}
    security: Security | None = None


DOCUMENTATION_OPTIONS = Documentation.__struct_fields__
"""The options of a route that go into its `Documentation`."""


def document(endpoint: Callable[..., Any], options: Mapping[str, Any], owner: str, where: Location) -> Documentation:
    """The documentation of a handler: what the options say, and its docstring for summary and description.

    Raises ConfigurationError, which calls the route `owner`, for options that mean nothing.
    """
    summary, description = split_docstring(docstring_of(endpoint))
    given: dict[str, Any] = {"summary": summary, "description": description, **options}
    check_responses(given.get("responses", {}), owner, where)
    if isinstance(given.get("security"), list | tuple | set | frozenset):
        given["security"] = dict.fromkeys(given["security"])
    if given.get("security") is not None:
        check_security(given["security"], owner, where)
    return Documentation(**given)


def docstring_of(endpoint: Callable[..., Any]) -> str | None:
    """What the author wrote on a handler; a partial's is that of its function."""
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return inspect.getdoc(endpoint)


# A full stop ends a sentence where something new begins: not in `e.g. a name`, nor in `3.1`.
_SENTENCE_END = re.compile(r"[.!?](?=\s+[^\sa-z])|\n\s*\n")


def split_docstring(text: str | None) -> tuple[str | None, str | None]:
    """The first sentence on one line without its full stop, and all that comes after it; None for what is empty."""
    text = (text or "").strip()
    end = _SENTENCE_END.search(text)
    first, rest = (text[: end.end()], text[end.end() :]) if end else (text, "")
    first = " ".join(first.split()).removesuffix(".")
    return first or None, rest.strip() or None


def check_responses(responses: Any, owner: str, where: Location | None) -> None:
    """Raise ConfigurationError unless these are `Responses`; `owner` says in messages whose they are."""
    pairs = responses.items() if isinstance(responses, Mapping) else [(None, responses)]
    for status, answer in pairs:
        if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
            what = f"{owner} has `responses` that aren't listed by status"
        elif not _is_answer(answer):
            what = f"{owner} has a response {status} of type {type(answer).__name__}"
        else:
            continue
        fix = 'write responses={404: "there is no such order"}, or {404: ("there is no such order", Problem)}'
        raise ConfigurationError(Problem(what, where, fix))


def _is_answer(answer: Any) -> bool:
    if isinstance(answer, str):
        return True
    if not isinstance(answer, tuple) or len(answer) not in (2, 3) or not isinstance(answer[0], str):
        return False
    return len(answer) == 2 or isinstance(answer[2], str)


# OpenAPI Specification 3.1.0 §4.8.27: the fields each type of scheme must have.
_SCHEME_FIELDS: Mapping[Any, tuple[str, ...]] = {
    "apiKey": ("name", "in"),
    "http": ("scheme",),
    "mutualTLS": (),
    "oauth2": ("flows",),
    "openIdConnect": ("openIdConnectUrl",),
}


def check_security(security: Any, owner: str, where: Location | None) -> None:
    """Raise ConfigurationError unless this is `Security`; `owner` says in messages whose it is."""
    fix = 'write security={"bearer": {"type": "http", "scheme": "bearer"}}, or ["bearer"] for one declared elsewhere'
    if not isinstance(security, Mapping):
        raise ConfigurationError(Problem(f"{owner} has `security` of type {type(security).__name__}", where, fix))
    for name, scheme in security.items():
        if scheme is None:
            continue
        kind = scheme.get("type") if isinstance(scheme, Mapping) else None
        wanted = _SCHEME_FIELDS.get(kind) if isinstance(kind, str) else None
        if wanted is None:
            what = f"{owner} has a security scheme `{name}` without a type that OpenAPI knows"
            raise ConfigurationError(Problem(what, where, fix))
        missing = [key for key in wanted if key not in scheme]
        if missing:
            what = f"{owner} has a security scheme `{name}` of type {kind} without `{missing[0]}`"
            raise ConfigurationError(Problem(what, where, f"a scheme of type {kind} has {', '.join(wanted)}"))


def words_of(status: int, answer: Answer) -> str:
    """The description of a response, never empty."""
    return (answer if isinstance(answer, str) else answer[0]) or reason_phrase(status) or f"Status {status}"
