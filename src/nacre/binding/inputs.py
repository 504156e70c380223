"""What a function takes of a request: one input per parameter that is filled from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from nacre.binding.marks import MISSING, Mark, Source
from nacre.binding.parser import FAILURES, GroupField, GroupParser, Parser
from nacre.errors import ErrorItem
from nacre.media import is_json
from nacre.request import Request

BODY_SOURCES: tuple[Source, ...] = ("body", "form", "file")
"""Sources for which the request's body is read."""


class Input(Struct, frozen=True, eq=False):
    """One parameter that is filled from the request.

    `key` is its name on the wire. `many` takes all values of a repeated field, `group` all fields of the source.
    `default` and `default_factory` are used if the request lacks it; without either it is required. Two are equal when
    they take the same of the request, whatever parameters they fill.
    """

    name: str
    source: Source
    key: str
    type: Any
    parser: Parser
    mark: Mark
    many: bool = False
    group: bool = False
    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    content_types: tuple[str, ...] = ()
    by: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Input) and self._taken == other._taken

    def __hash__(self) -> int:
        return hash(self._taken)

    @property
    def _taken(self) -> tuple[Any, ...]:
        made = self.default, self.default_factory
        return self.source, self.key, self.type, self.mark, self.many, self.group, *made, self.content_types

    @property
    def required(self) -> bool:
        return self.default is MISSING and self.default_factory is None

    @property
    def takes_empty(self) -> bool:
        """Whether a body without any byte is a value: of bytes or text that must be there it is."""
        return self.source == "body" and self.required and not any(map(is_json, self.content_types))

    def explain(self, raws: Raws) -> list[ErrorItem]:
        """All that is wrong with this input of a request; empty if nothing is."""
        raw = raws.of(self)
        place: list[str | int] = [_PLACES.get(self.source, self.source)]
        if not self.group and self.source != "body":
            place.append(self.key)
        if raw is None:
            return [] if not self.required else [{"loc": place, "msg": "is missing", "type": "missing"}]
        wire = _header_name if self.group and self.source == "header" else _as_it_is
        return [{**item, "loc": [*place, *wire(item["loc"])]} for item in self._judge(raw)]

    def _judge(self, raw: Any) -> list[ErrorItem]:
        if self.parser.judge is not None:
            return self.parser.judge(raw)
        try:
            self.parser.parse(raw)
        except FAILURES:
            return self.parser.explain(raw)
        return []


def _as_it_is(loc: list[str | int]) -> list[str | int]:
    return loc


def _header_name(loc: list[str | int]) -> list[str | int]:
    """A place in a model of headers, with the header's name as it is sent."""
    return [str(loc[0]).replace("_", "-").lower(), *loc[1:]] if loc else loc


# Form fields are part of the body.
_PLACES: Mapping[str, str] = {"form": "body", "file": "body"}


ABSENT: Any = object()
"""Stands for an argument that isn't passed, so that the default of what is called counts."""


def leave_out() -> Any:
    """The `default_factory` of an input that is left out of the call if the request lacks it."""
    return ABSENT


class Raws(Struct, frozen=True):
    """The raw values of one request for inputs; `body` and `form` are what was read of it before."""

    request: Request
    body: bytes | None = None
    form: Any = None
    inputs: Sequence[Input] = ()

    def of(self, one: Input) -> Any:
        """The raw value that an input's parser takes; None if the request lacks it."""
        if one.source == "body":
            return self.body if one.takes_empty else self.body or None
        if one.source == "path":
            return self.request.path_params if one.group else self.request.path_params.get(one.key)
        fields = self._fields(one.source)
        if one.group:
            assert isinstance(one.parser, GroupParser)
            others = keys_beside(one, self.inputs)
            group = read_group(fields, wanted_of(one.parser.fields, others, header=one.source == "header"))
            return group if group or one.required else None
        if one.many:
            return fields.getlist(one.key) or None
        return fields.get(one.key)

    def _fields(self, source: Source) -> Any:
        match source:
            case "query":
                return self.request.query
            case "header":
                return self.request.headers
            case "cookie":
                return CookieFields(self.request.cookies)
            case "file":
                return FormFiles(self.form)
            case _:
                return FormTexts(self.form)


class CookieFields:
    """Cookies, read like other fields; a name has one value."""

    __slots__ = ("_cookies",)

    def __init__(self, cookies: Mapping[str, str]) -> None:
        self._cookies = cookies

    def get(self, key: str) -> str | None:
        return self._cookies.get(key)

    def getlist(self, key: str) -> list[str]:
        value = self._cookies.get(key)
        return [] if value is None else [value]

    def keys(self) -> Iterable[str]:
        return self._cookies.keys()


class FormTexts:
    """The fields of a form that aren't files, read like those of a query."""

    __slots__ = ("_form", "_texts")

    def __init__(self, form: Any) -> None:
        self._form = form
        self._texts: Mapping[str, list[str]] = form.all_texts()

    def get(self, key: str) -> str | None:
        texts = self._texts.get(key)
        return texts[0] if texts is not None else None

    def getlist(self, key: str) -> list[str]:
        return list(self._texts.get(key, ()))

    def files(self, key: str) -> list[Any]:
        """What a field has that isn't text, for a model that takes files too."""
        return list(self._form.files(key))

    def keys(self) -> Iterable[str]:
        return self._texts.keys()


class FormFiles:
    """The files of a form, read like fields."""

    __slots__ = ("_form",)

    def __init__(self, form: Any) -> None:
        self._form = form

    def get(self, key: str) -> Any:
        files = self._form.files(key)
        return files[0] if files else None

    def getlist(self, key: str) -> list[Any]:
        return list(self._form.files(key))


def keys_beside(group: Input, inputs: Iterable[Input]) -> frozenset[str]:
    """The fields of a group's source that other inputs of the same function take."""
    found: set[str] = set()
    for one in inputs:
        if one is group or one.source != group.source:
            continue
        found |= {part.key for part in one.parser.fields} if isinstance(one.parser, GroupParser) else {one.key}
    return frozenset(found)


class Wanted(Struct, frozen=True):
    """What is read of a source for a model: each field's name there, its key, and whether it is many and a file."""

    fields: Sequence[tuple[str, str, bool, bool]]
    known: frozenset[str] | None
    """Those that don't come along though the model lacks them; None if none does."""


def wanted_of(fields: Sequence[GroupField], others: frozenset[str] = frozenset(), *, header: bool = False) -> Wanted:
    """What `read_group` reads for these fields; without any, all that there is.

    Fields that the model doesn't have come along, since it may forbid them; not `others`, which are known, and not
    those of headers, where a client always sends more. A header's name has dashes where the field has underscores.
    """
    names = [(one.key.replace("_", "-") if header else one.key, one.key, one.many, one.is_file) for one in fields]
    return Wanted(names, None if header else others.union(one.key for one in fields))


def read_group(source: Any, wanted: Wanted) -> dict[str, Any]:
    """The fields of a source for a model, as its `GroupParser` takes them."""
    if not wanted.fields:
        return {key: source.getlist(key) for key in source.keys()}  # noqa: SIM118 - not all are mappings
    found: dict[str, Any] = {}
    for name, key, is_many, is_file in wanted.fields:
        if is_file:
            files = source.files(name)
            value = files if files and is_many else next(iter(files), None)
        else:
            value = (source.getlist(name) or None) if is_many else source.get(name)
        if value is not None:
            found[key] = value
    known = wanted.known
    if known is not None:
        for key in source.keys():  # noqa: SIM118
            if key not in known:
                found[key] = source.get(key)
    return found
