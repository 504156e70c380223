"""Markers: what a user writes to say where a parameter comes from, and what its value must be."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, TypedDict, Unpack

from msgspec import Struct
from msgspec.structs import astuple

from nacre.errors import ConfigurationError, Location, Problem

Source = Literal["path", "query", "header", "cookie", "body", "form", "file"]


class _Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final[Any] = _Missing()
"""No value was given: None is one."""


class Constraints(Struct, frozen=True):
    """What a value must be besides its type. Lengths count characters or items; a pattern may match anywhere."""

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    strict: bool = False
    """Of text, only `true` and `false` are a bool; of pydantic's types, no conversion. JSON is always read strictly."""

    def __bool__(self) -> bool:
        return self != _NO_CONSTRAINTS


_NO_CONSTRAINTS = Constraints()


class Mark(Struct, frozen=True, eq=False):
    """A parameter's marker, as the default value of the parameter or in its `Annotated`; equal wherever it stands."""

    source: Source
    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    alias: str | None = None
    constraints: Constraints = _NO_CONSTRAINTS
    description: str | None = None
    examples: tuple[Any, ...] = ()
    deprecated: bool = False
    content_types: tuple[str, ...] = ()
    where: Location | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mark) and astuple(self)[:-1] == astuple(other)[:-1]

    def __hash__(self) -> int:
        return hash(astuple(self)[:-1])

    @property
    def has_default(self) -> bool:
        """Whether the parameter may be left out."""
        return self.default is not MISSING or self.default_factory is not None


class MarkOptions(TypedDict, total=False):
    """The keywords of all markers.

    `alias` is the name on the wire, the parameter's own by default (with dashes for underscores in headers).
    `default_factory` is called for each request that leaves the value out. `description`, `examples` and `deprecated`
    are for the OpenAPI document. The others are `Constraints`.
    """

    alias: str
    default_factory: Callable[[], Any]
    gt: float
    ge: float
    lt: float
    le: float
    multiple_of: float
    min_length: int
    max_length: int
    pattern: str
    strict: bool
    description: str
    examples: Iterable[Any]
    deprecated: bool


# They are functions, and return Any, so that `limit: int = Query(10, ge=1)` satisfies type checkers.


def Path(**options: Unpack[MarkOptions]) -> Any:  # noqa: N802 - reads as the type that it stands for
    """A variable of the path; on a model, all of them. It can't have a default."""
    return _mark("path", MISSING, options)


def Query(default: Any = MISSING, **options: Unpack[MarkOptions]) -> Any:  # noqa: N802
    """A field of the query; all that are repeated for a list; on a model, the whole query."""
    return _mark("query", default, options)


def Header(default: Any = MISSING, **options: Unpack[MarkOptions]) -> Any:  # noqa: N802
    """A request header field; on a model, all of them."""
    return _mark("header", default, options)


def Cookie(default: Any = MISSING, **options: Unpack[MarkOptions]) -> Any:  # noqa: N802
    """A cookie; on a model, all of them."""
    return _mark("cookie", default, options)


def Body(  # noqa: N802
    default: Any = MISSING, *, content_type: str | Iterable[str] = (), **options: Unpack[MarkOptions]
) -> Any:
    """The request body: JSON decoded to the annotated type, or `bytes` as they came.

    `content_type` names the media types that are taken (415 for others), JSON by default: `text/…` gives text,
    form types give the form's fields to a model, anything else bytes.
    """
    types = (content_type,) if isinstance(content_type, str) else tuple(content_type)
    for one in types:
        if "/" not in one or ";" in one:
            fix = 'name it alone, as in "text/plain"; its parameters are the client\'s'
            raise ConfigurationError(Problem(f"Body takes media types, not {one!r}", Location.of_caller(), fix))
    return _mark("body", default, options, tuple(one.lower() for one in types))


def Form(default: Any = MISSING, **options: Unpack[MarkOptions]) -> Any:  # noqa: N802
    """A field of an urlencoded or multipart form; on a model, the whole form."""
    return _mark("form", default, options)


def File(default: Any = MISSING, **options: Unpack[MarkOptions]) -> Any:  # noqa: N802
    """A file of a multipart form: annotate `UploadFile`, `bytes`, or a list of either."""
    return _mark("file", default, options)


_CONSTRAINTS = Constraints.__struct_fields__


def _mark(source: Source, default: Any, options: MarkOptions, content_types: tuple[str, ...] = ()) -> Mark:
    given: dict[str, Any] = dict(options)
    where = Location.of_caller()
    _check_names(source, given, where)
    if default is ...:  # other frameworks write so that there is none
        default = MISSING
    constraints = Constraints(**{name: given.pop(name) for name in _CONSTRAINTS if name in given})
    if default is not MISSING and "default_factory" in given:
        what = f"a {source} parameter has both a default and a default_factory"
        raise ConfigurationError(Problem(what, where, "keep one of them"))
    examples = tuple(given.pop("examples", ()))
    return Mark(
        source,
        default,
        constraints=constraints,
        examples=examples,
        content_types=content_types,
        where=where,
        **given,
    )


def _check_names(source: Source, given: Iterable[str], where: Location) -> None:
    """Raises ConfigurationError for keywords that no marker has."""
    known = sorted(MarkOptions.__optional_keys__ | ({"content_type"} if source == "body" else set()))
    problems: list[Problem] = []
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(known)}"
            problems.append(Problem(f"{source.capitalize()} has no keyword `{name}`", where, fix))
    if problems:
        raise ConfigurationError(problems)
