"""How the text of one path variable becomes a value, and a value becomes text again.

A `Converter` is two functions that agree: `parse` takes what a client sent and answers a value or `NO_MATCH`, `format`
takes what the developer gave and answers text that `parse` accepts. Text arrives percent-decoded and is untrusted:
only ASCII digits are digits, and their number is bounded, so no text is slow or raises.

    string(length=, min=, max=)   one segment; the default         uuid         `uuid.UUID`, the form with dashes
    int(min=, max=)               optional minus, digits           date         `datetime.date`, yyyy-mm-dd
    uint(min=, max=)              digits                           any(a,b,…)   one of the words
    float(min=, max=)             digits, optional fraction        re           one segment that fits an expression
    path                          the rest, slashes included
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from msgspec import Struct

from nacre.errors import ConfigurationError, Location, Problem

# Room for every 128-bit number. `int()` on client text is quadratic in its length, and raises above 4300 digits.
_MAX_DIGITS = 40


class NoMatch(Enum):
    """The type of `NO_MATCH`."""

    NO_MATCH = "no match"


NO_MATCH: Final = NoMatch.NO_MATCH

Parse = Callable[[str], object]
Format = Callable[[object], str]


class Arguments(Struct, frozen=True):
    """What stands in the parentheses after a converter's name: bare words, and whole numbers by key."""

    words: tuple[str, ...] = ()
    options: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return ",".join([*self.words, *(f"{key}={value}" for key, value in self.options)])


_NO_ARGUMENTS = Arguments()


@dataclass(frozen=True, slots=True)
class Converter:
    """How one path variable is matched, parsed and formatted.

    `parse` answers the value, or `NO_MATCH` for text that is not of this kind; it does not raise on any text. `format`
    raises ValueError, saying why, for a value that has no such text. Two converters are equal when name and arguments
    are: that is what makes two patterns the same route.
    """

    name: str
    parse: Parse = field(compare=False, repr=False)
    format: Format = field(compare=False, repr=False)
    arguments: Arguments = _NO_ARGUMENTS
    produces: type | None = field(default=str, compare=False)
    """The type of the values, None when only a registered parser knows."""
    spans_segments: bool = False
    """True for `path`, which alone may hold slashes."""
    expression: str = field(default="{parse}({text})", compare=False, repr=False)
    """How a written function calls `parse`, with `{parse}` and `{text}`, a text that isn't empty, in it.

    A converter that nearly always takes the same test may put that here. `{text}` alone says that any text fits.
    """

    def __str__(self) -> str:
        if self.name == "re":
            return f"re:{self.arguments}"
        return f"{self.name}({self.arguments})" if self.arguments != _NO_ARGUMENTS else self.name


Factory = Callable[[Arguments], Converter]


class Converters:
    """The converters of one application: the built-in ones, and those it registers.

    Copies share their table until one of them registers something, so a copy costs nothing and never sees what the
    other one adds later.
    """

    def __init__(self) -> None:
        self._factories: Mapping[str, Factory] = _BUILT_IN

    @property
    def names(self) -> tuple[str, ...]:
        """The known names, sorted."""
        return tuple(sorted(self._factories))

    def copy(self) -> Converters:
        """Answer a table that starts as this one is now."""
        twin = Converters()
        twin._factories = self._factories
        return twin

    def register(
        self, name: str, parser: Callable[[str], object], *, pattern: str | None = None, format: Format = str
    ) -> None:
        """Add a converter for one segment.

        `parser` gets text that fits all of `pattern`, when there is one, and answers the value; None or a ValueError
        means "no match", any other exception goes to the caller of the router. `format` is its way back for URL
        building. Built-in names may be replaced, except `re` and `path`, which are part of the path syntax. Raises
        ConfigurationError for a name that is taken or can't be written in a path, and for a bad expression.
        """
        self._check_name(name)
        expression = None if pattern is None else _compile(pattern, name)
        self._factories = {**self._factories, name: _registered(name, parser, expression, format)}

    def create(self, name: str, arguments: Arguments) -> Converter:
        """Make the converter `name(arguments)`; raises KeyError for the name, ValueError for the arguments."""
        return self._factories[name](arguments)

    def _check_name(self, name: str) -> None:
        if not name.isidentifier() or keyword.iskeyword(name):
            what, fix = f"converter name `{name}` can't be written in a path", "use letters, digits and `_`"
        elif name in ("re", "path"):
            what, fix = f"converter `{name}` is part of the path syntax", "choose another name"
        elif name in self._factories and self._factories[name] is not _BUILT_IN.get(name):
            what, fix = f"converter `{name}` is registered twice", "choose another name for one of them"
        else:
            return
        raise ConfigurationError(Problem(what, Location.of_caller(), fix))


def _compile(pattern: str, name: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        what = f"converter `{name}` has an expression that does not compile: {error}"
        raise ConfigurationError(Problem(what, Location.of_caller(), f"correct `{pattern}`")) from None


# Text to value. All take what clients send.


def parse_integer(text: str) -> object:
    """Parse an optional minus and ASCII digits; no plus, no spaces, no underscores."""
    value = parse_natural(text)
    if value is NO_MATCH and text[:1] == "-":
        value = parse_natural(text[1:])
        return -value if isinstance(value, int) else NO_MATCH
    return value


def parse_natural(text: str) -> object:
    """Parse ASCII digits."""
    if len(text) <= _MAX_DIGITS and text.isascii() and text.isdigit():
        return int(text)
    return NO_MATCH


# PERF: what `parse_natural` does with digits, without calling it (bench/parts.py).
_ARE_DIGITS = f"{{text}}.isdigit() and {{text}}.isascii() and len({{text}}) <= {_MAX_DIGITS}"
_DIGITS = f"(int({{text}}) if {_ARE_DIGITS} else {{parse}}({{text}}))"


def parse_float(text: str) -> object:
    """Parse an optional minus, digits, and a dot with digits or none; never an exponent, `nan` or `inf`."""
    whole, dot, fraction = text.partition(".")
    natural = parse_natural(whole.removeprefix("-"))
    if natural is NO_MATCH or (dot and parse_natural(fraction) is NO_MATCH):
        return NO_MATCH
    return float(text)


def parse_text(text: str) -> object:
    """Take any text that is not empty as it is."""
    return text or NO_MATCH


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_uuid(text: str) -> object:
    """Parse the 36 characters of RFC 9562; `UUID()` alone would take braces, `urn:` and misplaced dashes too."""
    return UUID(text) if _UUID.fullmatch(text) else NO_MATCH


def parse_date(text: str) -> object:
    """Parse yyyy-mm-dd; `fromisoformat()` alone would take 20240131 and week dates too."""
    if not _DATE.fullmatch(text):
        return NO_MATCH
    try:
        return date.fromisoformat(text)
    except ValueError:
        return NO_MATCH


# Value to text. All take what the developer gives to URL building.


def _formatter(converter: str, parse: Parse, to_text: Format, *, slashes: bool = False) -> Format:
    def format_value(value: object) -> str:
        text = to_text(value)
        if not text:
            raise ValueError(f"{value!r} is empty")
        if "/" in text and not slashes:
            raise ValueError(f"{value!r} has a slash, which would split the segment; a `path` variable may hold it")
        if parse(text) is NO_MATCH:
            raise ValueError(f"{value!r} does not fit `{converter}`")
        return text

    return format_value


def _string_text(value: object) -> str:
    # The untyped variable is often typed by the handler's annotation, so what is written as it reads is taken as well.
    if isinstance(value, str | int | UUID | date) and not isinstance(value, bool | datetime):
        return str(value)
    raise ValueError(f"{value!r} is not a str")


def _str_text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is not a str")


def _int_text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**_MAX_DIGITS else "too long"
    raise ValueError(f"{value!r} is not an int")


def _float_text(value: object) -> str:
    if not isinstance(value, float | int) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a finite float")
    return _int_text(value) if isinstance(value, int) else format(Decimal(repr(value)), "f")


def _uuid_text(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise ValueError(f"{value!r} is not a UUID")


def _date_text(value: object) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise ValueError(f"{value!r} is not a date")


# The built-in factories: arguments in, converter out.


def _string(arguments: Arguments) -> Converter:
    options = _options("string", arguments, "length", "min", "max")
    if "length" in options and len(options) > 1:
        raise ValueError("`string` takes `length`, or `min` and `max`, not both")
    shortest = options.get("length", options.get("min", 1))
    longest = options.get("length", options.get("max"))
    _check_order("string", shortest, longest)
    if shortest < 1:
        raise ValueError("`string` needs at least one character: an empty segment never matches")

    def parse(text: str) -> object:
        return text if shortest <= len(text) and (longest is None or len(text) <= longest) else NO_MATCH

    if not options:
        return _converter("string", arguments, parse_text, _string_text, str, expression="{text}")
    return _converter("string", arguments, parse, _string_text, str)


def _number(
    name: str, parse_number: Parse, to_text: Format, produces: type, expression: str = "{parse}({text})"
) -> Factory:
    def factory(arguments: Arguments) -> Converter:
        options = _options(name, arguments, "min", "max")
        low, high = options.get("min", -math.inf), options.get("max", math.inf)
        _check_order(name, low, high)

        def parse(text: str) -> object:
            value = parse_number(text)
            return value if isinstance(value, int | float) and low <= value <= high else NO_MATCH

        if options:
            return _converter(name, arguments, parse, to_text, produces)
        return _converter(name, arguments, parse_number, to_text, produces, expression=expression)

    return factory


def _fixed(name: str, parse: Parse, to_text: Format, produces: type) -> Factory:
    def factory(arguments: Arguments) -> Converter:
        _options(name, arguments)
        return _converter(name, arguments, parse, to_text, produces)

    return factory


def _path(arguments: Arguments) -> Converter:
    _options("path", arguments)
    return _converter("path", arguments, parse_text, _str_text, str, spans_segments=True)


def _any(arguments: Arguments) -> Converter:
    words = frozenset(arguments.words)
    if arguments.options or not words or not all(words) or any("/" in word for word in words):
        raise ValueError("`any` takes the words it accepts, without slashes: `any(red,green)`")

    def parse(text: str) -> object:
        return text if text in words else NO_MATCH

    return _converter("any", arguments, parse, _str_text, str)


def _expression(arguments: Arguments) -> Converter:
    if len(arguments.words) != 1:
        raise ValueError("`re` takes one regular expression: `<re:[a-z]+:name>`")
    try:
        fits = re.compile(arguments.words[0]).fullmatch
    except re.error as error:
        raise ValueError(f"`{arguments.words[0]}` is not a regular expression: {error}") from None

    def parse(text: str) -> object:
        return text if text and fits(text) else NO_MATCH

    return _converter("re", arguments, parse, _str_text, str)


def _registered(name: str, parser: Parse, expression: re.Pattern[str] | None, to_text: Format) -> Factory:
    def parse(text: str) -> object:
        if not text or (expression is not None and not expression.fullmatch(text)):
            return NO_MATCH
        try:
            value = parser(text)
        except ValueError:
            return NO_MATCH
        return NO_MATCH if value is None else value

    def factory(arguments: Arguments) -> Converter:
        _options(name, arguments)
        return _converter(name, arguments, parse, to_text, None)

    return factory


def _converter(
    name: str,
    arguments: Arguments,
    parse: Parse,
    to_text: Format,
    produces: type | None,
    *,
    spans_segments: bool = False,
    expression: str = "{parse}({text})",
) -> Converter:
    label = str(Converter(name, parse, to_text, arguments))
    format_value = _formatter(label, parse, to_text, slashes=spans_segments)
    return Converter(name, parse, format_value, arguments, produces, spans_segments, expression)


def _options(name: str, arguments: Arguments, *known: str) -> dict[str, int]:
    options = dict(arguments.options)
    takes = " and ".join(f"`{key}`" for key in known) if known else "no arguments"
    for stray in (*arguments.words, *(key for key in options if key not in known)):
        raise ValueError(f"`{name}` does not take `{stray}`; it takes {takes}")
    if len(options) != len(arguments.options):
        raise ValueError(f"`{name}` has an argument twice")
    return options


def _check_order(name: str, low: float, high: float | None) -> None:
    if high is not None and low > high:
        raise ValueError(f"`{name}` can't match: its lower limit {low} is above its upper limit {high}")


_BUILT_IN: Mapping[str, Factory] = MappingProxyType(
    {
        "string": _string,
        "int": _number("int", parse_integer, _int_text, int, _DIGITS),
        "uint": _number("uint", parse_natural, _int_text, int, _DIGITS),
        "float": _number("float", parse_float, _float_text, float),
        "path": _path,
        "uuid": _fixed("uuid", parse_uuid, _uuid_text, UUID),
        "date": _fixed("date", parse_date, _date_text, date),
        "any": _any,
        "re": _expression,
    }
)
