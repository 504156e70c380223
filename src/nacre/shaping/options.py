"""The options of response management, as they are written and as they are checked."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any, TypedDict

from msgspec import Struct

from nacre.errors import ConfigurationError, Location, Problem
from nacre.headers import check_value
from nacre.media import parse_media_type
from nacre.shaping.charset import is_charset, is_same_charset
from nacre.shaping.names import Names, Tree, parse_names

TypeEncoders = Mapping[type, Callable[[Any], Any]]
JSONEncoder = Callable[[Any], str | bytes]


class ResponseKeywords(TypedDict, total=False):
    """The response options of routes and of `middleware`; they apply to plain values, never to a `Response`.

    `response_type` is the type of the value: it is converted to it, so that fields which the type lacks don't leave,
    and a value that doesn't fit is a `ResponseValidationError`. `response_validate=True` does the same with the return
    annotation; False switches it off for a `response_type` that only documents.

    `status_code` and `content_type` are the response's own; a status or header in a returned tuple wins. `charset` is
    for text: it is encoded so, and the content type names it.

    `include_fields` and `exclude_fields` are names, or a mapping from names to those further in; they hold for each
    item of a list, `"__all__"` stands for each value of a dict. `by_alias` sends the names that a Struct's `rename` or
    a pydantic alias gives (True), or those of the fields (False); without it each type's own rule holds.
    `exclude_unset` leaves out what was never set (of pydantic models), `exclude_defaults` what is as by default,
    `exclude_none` what is None.

    `custom_encoder` makes values of some types into what JSON holds; the class that is nearest by inheritance counts.
    `json_encoder` makes JSON of plain data (dict, list, str, numbers, bool, None), as the application's would else.

    `zlib_executor`, and `zlib_executor_size` in bytes, are kept on the response for a layer that compresses.
    """

    response_validate: bool
    response_type: Any
    status_code: int
    content_type: str
    charset: str
    include_fields: Names
    exclude_fields: Names
    by_alias: bool
    exclude_unset: bool
    exclude_defaults: bool
    exclude_none: bool
    custom_encoder: TypeEncoders
    json_encoder: JSONEncoder
    zlib_executor: Executor
    zlib_executor_size: int


class ResponseOptions(Struct, frozen=True, kw_only=True):
    """The options of one function, checked; see `ResponseKeywords` for what they mean. None: not given."""

    response_validate: bool | None = None
    response_type: Any = None
    status_code: int | None = None
    content_type: str | None = None
    charset: str | None = None
    include_fields: Tree | None = None
    exclude_fields: Tree | None = None
    by_alias: bool | None = None
    exclude_unset: bool = False
    exclude_defaults: bool = False
    exclude_none: bool = False
    custom_encoder: TypeEncoders | None = None
    json_encoder: JSONEncoder | None = None
    zlib_executor: Executor | None = None
    zlib_executor_size: int | None = None

    @property
    def about_fields(self) -> tuple[str, ...]:
        """Those given that need a value with fields."""
        return tuple(name for name in _ABOUT_FIELDS if getattr(self, name) is not getattr(_NONE_GIVEN, name))


RESPONSE_OPTIONS = ResponseOptions.__struct_fields__
"""The names of all options."""

_NONE_GIVEN = ResponseOptions()
_ABOUT_FIELDS = (
    "include_fields",
    "exclude_fields",
    "by_alias",
    "exclude_unset",
    "exclude_defaults",
    "exclude_none",
    "custom_encoder",
    "json_encoder",
)


def read_options(given: Mapping[str, Any], name: str, where: Location | None) -> ResponseOptions:
    """Check each option by itself. Raises ConfigurationError for all that are wrong; None leaves an option out."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for option, value in given.items():
        if value is None:
            continue
        try:
            values[option] = _READERS[option](value)
        except (TypeError, ValueError) as error:
            problems.append(Problem(f"{name} has a `{option}` that can't be used: {error}", where))
    problems += _conflicts(values, name, where)
    if problems:
        raise ConfigurationError(problems)
    return ResponseOptions(**values)


def unknown_option(name: str, known: Iterable[str], where: Location) -> ConfigurationError:
    """The error for a keyword that doesn't exist."""
    near = difflib.get_close_matches(name, known, n=1)
    fix = f"did you mean `{near[0]}`?" if near else f"it takes {', '.join(known)}"
    return ConfigurationError(Problem(f"middleware has no option `{name}`", where, fix))


def _conflicts(values: Mapping[str, Any], name: str, where: Location | None) -> list[Problem]:
    content_type, charset = values.get("content_type"), values.get("charset")
    named = parse_media_type(content_type).charset if content_type else None
    if named is None or charset is None or is_same_charset(named, charset):
        return []
    what = f"{name} has charset={charset!r}, and a content type that names {named!r}"
    return [Problem(what, where, "name one charset, in one of the two")]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"it is True or False, not {value!r}")
    return value


def _status(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 200 <= value <= 599:
        raise ValueError(f"{value!r} is no status of a final response, 200 to 599")
    return int(value)


def _content_type(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"it is a str like 'text/html', not {_kind(value)}")
    # Members of an enumeration of strings are written as such, not by their names.
    text = check_value("content-type", str.__str__(value))
    named = parse_media_type(text).charset
    if named is not None:
        _charset(named)
    return text


def _charset(value: Any) -> str:
    if not isinstance(value, str) or not is_charset(str.__str__(value)):
        raise ValueError(f"{value!r} is no charset that text can be encoded in, like 'utf-8'")
    return str.__str__(value)


def _type_encoders(value: Any) -> TypeEncoders:
    if not isinstance(value, Mapping):
        raise TypeError(f"it is a mapping from types to functions, not {_kind(value)}")
    for kind, encoder in value.items():
        if not isinstance(kind, type) or not callable(encoder):
            raise TypeError(f"it maps types to functions, not {kind!r} to {encoder!r}")
    return dict(value)


def _json_encoder(value: Any) -> JSONEncoder:
    if not callable(value):
        raise TypeError(f"it is a function that returns str or bytes, not {_kind(value)}")
    return value  # type: ignore[no-any-return]


def _executor(value: Any) -> Executor:
    if not isinstance(value, Executor):
        raise TypeError(f"it is a concurrent.futures.Executor, not {_kind(value)}")
    return value


def _size(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"it is a number of bytes, not {value!r}")
    return value


def _as_it_is(value: Any) -> Any:
    return value


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"


_READERS: dict[str, Callable[[Any], Any]] = {
    "response_validate": _flag,
    "response_type": _as_it_is,
    "status_code": _status,
    "content_type": _content_type,
    "charset": _charset,
    "include_fields": parse_names,
    "exclude_fields": parse_names,
    "by_alias": _flag,
    "exclude_unset": _flag,
    "exclude_defaults": _flag,
    "exclude_none": _flag,
    "custom_encoder": _type_encoders,
    "json_encoder": _json_encoder,
    "zlib_executor": _executor,
    "zlib_executor_size": _size,
}
