"""What a value must be besides its type, checked on the value; and the words for all that can be wrong with one."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence, Sized
from decimal import Context, Decimal
from enum import Enum
from typing import Any, Final, Literal, get_origin

import msgspec
from msgspec import Struct

from nacre.binding.kinds import COLLECTIONS, MAPPINGS, Bare, members_of, unwrap
from nacre.binding.marks import Constraints
from nacre.binding.parser import FAILURES, Unsupported
from nacre.errors import ErrorItem

MAX_DIGITS: Final = 4300
"""CPython's own bound on the digits of an int (`sys.set_int_max_str_digits`), and ours on every number."""

MAX_ERRORS: Final = 100
"""How many errors are listed for one value."""

_MAX_LISTED = 20
_MAX_NUMBER = 1000  # characters of a limit that a message shows

Family = Literal["number", "text", "items", "bytes"]


class Limit(Struct, frozen=True):
    """One thing that must hold of values of some types; values of other types pass."""

    types: type | tuple[type, ...]
    test: Callable[[Any], bool]
    item: ErrorItem

    def holds(self, value: Any) -> bool:
        return not isinstance(value, self.types) or isinstance(value, bool) or self.test(value)


class OutOfMemory(Struct, frozen=True):
    """Stands for so many bytes that needn't be in memory to be counted."""

    size: int

    def __len__(self) -> int:
        return self.size


def fault(type_: str, message: str, **ctx: Any) -> ErrorItem:
    """An error of the value itself; whoever knows where the value stands completes `loc`."""
    item: ErrorItem = {"loc": [], "msg": message, "type": type_}
    if ctx:
        item["ctx"] = ctx
    return item


def is_bounded(value: Decimal) -> bool:
    """Whether a decimal is finite and of a size that any arithmetic can bear: `int(Decimal("1e999999999"))` hangs."""
    return value.is_finite() and abs(value.adjusted()) <= MAX_DIGITS


def within(key: str | int, items: Iterable[ErrorItem]) -> list[ErrorItem]:
    """The errors of a part, as errors of the whole that has it at this key."""
    return [{**item, "loc": [key, *item["loc"]]} for item in items]


def bounded(found: list[ErrorItem], more: bool = False) -> list[ErrorItem]:
    """The first `MAX_ERRORS` errors, and one that says so if there are more."""
    if len(found) <= MAX_ERRORS and not more:
        return found
    return [*found[:MAX_ERRORS], fault("too_many_errors", f"more than {MAX_ERRORS} errors; the others aren't listed")]


def check(limits: Sequence[Limit], value: Any) -> None:
    """Raise ValueError if one of the limits doesn't hold."""
    for limit in limits:
        if not limit.holds(value):
            raise ValueError(limit.item["msg"])


def passed(limits: Sequence[Limit], value: Any) -> list[ErrorItem]:
    """What is wrong with a value, one item for each limit that doesn't hold."""
    return [{**limit.item} for limit in limits if not _holds(limit, value)]


def _holds(limit: Limit, value: Any) -> bool:
    try:
        return limit.holds(value)
    except FAILURES:
        return False  # it can't be compared: a decimal that is no number


# From what was declared to limits.


def constraints_of(bare: Bare) -> list[Constraints]:
    """The constraints in the metadata of `Annotated`: `msgspec.Meta`, and objects like those of annotated-types.

    Other metadata is other people's, and passed over. Raises Unsupported for what is a constraint and can't be checked.
    """
    found = [_constraints_of(one) for one in bare.metadata]
    return [one for one in found if one]


_NAMES = tuple(name for name in Constraints.__struct_fields__ if name != "strict")
_UNCHECKED = frozenset({"Unit", "DocInfo"})


def _constraints_of(metadata: Any) -> Constraints:
    if isinstance(metadata, type | re.Pattern):
        return Constraints()
    given: dict[str, Any] = {name: getattr(metadata, name, None) for name in _NAMES}
    given = {name: value for name, value in given.items() if isinstance(value, _VALUES[name])}
    cls = type(metadata)
    if not given and cls.__module__.startswith("annotated_types") and cls.__name__ not in _UNCHECKED:
        if cls.__name__ == "Len" and metadata.min_length == 0 and metadata.max_length is None:
            return Constraints()
        raise Unsupported(f"`{cls.__name__}` of annotated-types isn't checked here, or not with this value")
    return Constraints(**given)


_NUMBER: tuple[type, ...] = (int, float, Decimal)
_VALUES: dict[str, tuple[type, ...]] = {
    "gt": _NUMBER,
    "ge": _NUMBER,
    "lt": _NUMBER,
    "le": _NUMBER,
    "multiple_of": _NUMBER,
    "min_length": (int,),
    "max_length": (int,),
    "pattern": (str,),
}


def families_of(type_: Any) -> set[Family]:
    """Which constraints a type can have: those of numbers, of texts, of collections."""
    found: set[Family] = set()
    for member in members_of(unwrap(type_).type):
        core = unwrap(member).type
        origin = get_origin(core) or core
        if origin is Any:
            found |= {"number", "text", "items"}
        elif origin in (int, float, Decimal):
            found.add("number")
        elif origin is str:
            found.add("text")
        elif origin in COLLECTIONS or origin in MAPPINGS:
            found.add("items")
    return found


def limits_of(families: Iterable[Family], all_constraints: Iterable[Constraints], shown: str) -> tuple[Limit, ...]:
    """The limits for a type of these families; raises Unsupported for a constraint that fits none of them.

    `shown` names the type in that message.
    """
    families = set(families)
    found: dict[tuple[str, str], Limit] = {}
    for constraints in all_constraints:
        for name in _NAMES:
            value = getattr(constraints, name)
            if value is None:
                continue
            made = _limits(name, value, families)
            if not made:
                raise Unsupported(f"`{name}` can't be checked on {shown}")
            found |= {(str(limit.types), repr((name, value))): limit for limit in made}
    return tuple(found.values())


def _limits(name: str, value: Any, families: set[Family]) -> list[Limit]:
    _check_value(name, value)
    if name == "pattern":
        return [_pattern(value)] if "text" in families else []
    if name in ("min_length", "max_length"):
        return [_length(name, value, *_LENGTHS[family]) for family in _LENGTHS if family in families]
    return [_number(name, value)] if "number" in families else []


def _check_value(name: str, value: Any) -> None:
    fits = isinstance(value, _VALUES[name])
    if isinstance(value, bool) or not fits:
        raise Unsupported(f"`{name}` must be {'a text' if name == 'pattern' else 'a number'}, not {value!r}")
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise Unsupported(f"`{name}` must be finite, not {value!r}")
    if name == "multiple_of" and value <= 0:
        raise Unsupported(f"`multiple_of` must be more than 0, not {value!r}")
    if name.endswith("_length") and value < 0:
        raise Unsupported(f"`{name}` can't be less than 0, and is {value!r}")


# The beginning of the error's name, the types, what is counted.
_LENGTHS: dict[Family, tuple[str, tuple[type, ...], str]] = {
    "text": ("string_", (str,), "character"),
    "items": ("", (list, tuple, set, frozenset, dict), "item"),
    "bytes": ("bytes_", (bytes, bytearray, memoryview, OutOfMemory), "byte"),
}


def _length(name: str, value: int, prefix: str, types: tuple[type, ...], unit: str) -> Limit:
    units = f"{value} {unit}{'' if value == 1 else 's'}"

    def at_least(given: Sized) -> bool:
        return len(given) >= value

    def at_most(given: Sized) -> bool:
        return len(given) <= value

    if name == "min_length":
        return Limit(types, at_least, fault(f"{prefix}too_short", f"must have at least {units}", min_length=value))
    return Limit(types, at_most, fault(f"{prefix}too_long", f"must have at most {units}", max_length=value))


def _pattern(pattern: str) -> Limit:
    # `$` would let a line break pass that follows; patterns of JSON Schema and pydantic don't.
    exact = pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern
    try:
        search = re.compile(exact).search
    except (re.error, OverflowError, RecursionError) as error:
        raise Unsupported(f"`pattern` doesn't compile: {error}") from None
    item = fault("string_pattern_mismatch", "doesn't match the pattern", pattern=pattern)
    return Limit(str, lambda given: search(given) is not None, item)


_COMPARISONS: dict[str, tuple[Callable[[Any, Any], bool], str, str]] = {
    "gt": (operator.gt, "greater_than", "more than"),
    "ge": (operator.ge, "greater_than_equal", "at least"),
    "lt": (operator.lt, "less_than", "less than"),
    "le": (operator.le, "less_than_equal", "at most"),
}


def _number(name: str, limit: Any) -> Limit:
    exact = Decimal(str(limit))  # 0.1 is meant as it is written, when it meets a decimal
    if name == "multiple_of":
        item = fault("multiple_of", f"must be a multiple of {_shown(limit)}", multiple_of=_plain(limit))
        return Limit(_NUMBER, lambda given: _is_multiple(given, limit, exact), item)
    compare, type_, words = _COMPARISONS[name]

    def holds(given: Any) -> bool:
        return compare(given, exact if isinstance(given, Decimal) else limit)

    return Limit(_NUMBER, holds, fault(type_, f"must be {words} {_shown(limit)}", **{name: _plain(limit)}))


def _is_multiple(given: Any, limit: Any, exact: Decimal) -> bool:
    if isinstance(given, int) and isinstance(limit, int):
        return given % limit == 0
    # Both as they are written: 0.3 is a multiple of 0.1.
    return _EXACT.remainder(Decimal(str(given)), exact) == 0


# Room for the quotient of any two bounded numbers.
_EXACT = Context(prec=3 * MAX_DIGITS)


def _plain(limit: Any) -> Any:
    return float(limit) if isinstance(limit, Decimal) else limit


def _shown(limit: Any) -> str:
    return str(limit)[:_MAX_NUMBER]


def expected(values: Iterable[Any]) -> str:
    """The values that are taken, in words: `'a', 'b' or 3`."""
    shown = [repr(value) for value in values]
    if len(shown) > _MAX_LISTED:
        return f"{', '.join(shown[:_MAX_LISTED])} or one of {len(shown) - _MAX_LISTED} more"
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def enum_fault(cls: type[Enum]) -> ErrorItem:
    """What is wrong with a value that isn't one of an enumeration's."""
    listed = expected(member.value for member in cls)
    return fault("enum", f"is not {listed}", expected=listed)


def literal_fault(values: Iterable[Any]) -> ErrorItem:
    """What is wrong with a value that isn't one of a `Literal`'s."""
    listed = expected(values)
    return fault("literal_error", f"is not {listed}", expected=listed)


def zone_of(bare: Bare) -> bool | None:
    """Whether a date and time must have a zone, or must have none (`msgspec.Meta(tz=…)`)."""
    zones = [one.tz for one in bare.metadata if isinstance(one, msgspec.Meta) and one.tz is not None]
    return zones[-1] if zones else None


def zone_fault(zone: bool) -> ErrorItem:
    """What is wrong with a date and time that lacks its zone, or has one."""
    if zone:
        return fault("timezone_aware", "must have a time zone")
    return fault("timezone_naive", "must have no time zone")
