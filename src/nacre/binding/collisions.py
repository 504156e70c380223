"""Sets and dicts that a client fills: many different values of one hash make them take quadratic time.

SECURITY: the hash of an int is its remainder by 2**61 - 1, that of a UUID or a decimal comes from an int, and that of a
tuple or frozen class from those of its parts. A client can choose as many of one hash as it likes, and CPython compares
each of them with all that came before: half a minute for a body of 1 MiB. Texts and bytes have hashes that nobody can
foretell, and so few floats, dates and times have one hash that they do no harm.

Honest data has no such values, so they are refused, and any number of others is taken. msgspec makes the sets itself
while it decodes. So a body is first decoded without its type, where arrays are lists, and each list that becomes a
risky set is looked at. Of two equal keys that decoding shows only the last value, which is why they are refused here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import GenericAlias
from typing import Any, Final

import msgspec
from msgspec import Struct, inspect

from nacre.binding.limits import fault
from nacre.binding.parser import FAILURES, Unsupported
from nacre.binding.trees import holds, parts_of, tree
from nacre.errors import ErrorItem

HARMLESS: Final = 4096
"""Bytes of a body in which there is no room for harm: about 200 colliding values."""

COLLISION: Final = fault("hash_collision", "has too many different values of one hash")
EQUAL_KEYS: Final = fault("equal_keys", "has an object with two equal keys")

_MOST = 50  # different values of one hash; of the floats that are whole numbers 33 may have one
_RUN = 500

Check = Callable[[Any], ErrorItem | None]
"""What is wrong with a body that was decoded without a type; None if nothing is."""

_Step = Callable[[Any], bool]
"""Whether there are collisions in a part of it."""


def collide(values: Sequence[Any]) -> bool:
    """Whether too many different values have one hash. False for values without a hash, which no set takes."""
    if len(values) <= _MOST:
        return False
    try:
        counts = Counter(map(hash, values))
    except TypeError:
        return False
    known: dict[int, list[Any]] = {one: [] for one, count in counts.items() if count > _MOST}
    for value in values if known else ():
        alike = known.get(hash(value))
        if alike is not None and value not in alike:
            alike.append(value)
            if len(alike) > _MOST:
                return True
    return False


# A text of JSON: what is in it is no structure.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


def has_equal_keys(raw: bytes, data: Any) -> bool:
    """Whether an object in a JSON text has two equal keys; `data` is what was decoded of it."""
    return _TEXT.sub(b"", raw).count(b":") != sum(len(one) for one in containers(data) if isinstance(one, dict))


def containers(data: Any) -> Iterable[list[Any] | dict[str, Any]]:
    """All lists and dicts in plain data."""
    open_ = [data]
    while open_:
        one = open_.pop()
        if isinstance(one, list | dict):
            yield one
            parts = one.values() if isinstance(one, dict) else one
            open_ += [part for part in parts if isinstance(part, list | dict)]


def check_of(info: inspect.Type) -> Check | None:
    """What looks for collisions in data for a type; None if there can't be any.

    Raises Unsupported for a set that may be inside one of its own items.
    """
    step = _Steps({}).step(info)
    if step is None:
        return None
    return lambda data: COLLISION if step(data) else None


_SAFE = (
    inspect.StrType,
    inspect.BytesType,
    inspect.BoolType,
    inspect.NoneType,
    inspect.EnumType,
    inspect.LiteralType,
    inspect.FloatType,
    inspect.DateType,
    inspect.DateTimeType,
    inspect.TimeType,
    inspect.TimeDeltaType,
)


def _is_safe(info: inspect.Type) -> bool:
    match info:
        case inspect.Metadata():
            return _is_safe(info.type)
        case inspect.UnionType():
            return all(map(_is_safe, info.types))
        case _:
            return isinstance(info, _SAFE)


def _is_risky(info: inspect.Type) -> bool:
    match info:
        case inspect.SetType() | inspect.FrozenSetType():
            return not _is_safe(info.item_type)
        case inspect.DictType() | inspect.FrozenDictType():
            # Keys of any type are the texts that they are in JSON.
            return not (_is_safe(info.key_type) or isinstance(info.key_type, inspect.AnyType))
        case _:
            return False


class _Steps(Struct, frozen=True):
    """Steps that are made already, by class: a class may have itself in its fields."""

    known: dict[int, _Step]

    def step(self, info: inspect.Type) -> _Step | None:
        if not holds(info, _is_risky):
            return None
        match info:
            case inspect.SetType() | inspect.FrozenSetType():
                return self._set(info)
            case inspect.DictType() | inspect.FrozenDictType():
                return self._mapping(info)
            case inspect.CollectionType():
                return _of_list(self.step(info.item_type))
            case inspect.TupleType():
                return _of_row([self.step(one) for one in info.item_types])
            case inspect.StructType() | inspect.TypedDictType() | inspect.DataclassType() | inspect.NamedTupleType():
                return self.known.get(id(info)) or self._class(info)
            case _:
                return _any_of([self.step(one) for one in parts_of(info).values()])

    def _set(self, info: inspect.SetType | inspect.FrozenSetType) -> _Step:
        if holds(info.item_type, lambda one: one is info):
            raise Unsupported("it has a set whose items may have that set themselves; take a list")
        inside = self.step(info.item_type)
        if not _is_risky(info):
            return _of_list(inside)
        read = partial(_readable, GenericAlias(list, (tree(info.item_type).type,)), True)

        def run(value: Any) -> bool:
            if not isinstance(value, list):
                return False
            if inside is not None and any(map(inside, value)):
                return True
            return len(value) > _MOST and collide(read(value))

        return run

    def _mapping(self, info: inspect.DictType | inspect.FrozenDictType) -> _Step:
        inside = _of_values(self.step(info.value_type))
        if not _is_risky(info):
            return inside
        read = partial(_readable, GenericAlias(list, (tree(info.key_type).type,)), False)

        def run(value: Any) -> bool:
            return inside(value) or (isinstance(value, dict) and len(value) > _MOST and collide(read(list(value))))

        return run

    def _class(
        self, info: inspect.StructType | inspect.TypedDictType | inspect.DataclassType | inspect.NamedTupleType
    ) -> _Step:
        by_name: dict[str, _Step | None] = {}
        by_index: list[_Step | None] = []
        is_tagged = isinstance(info, inspect.StructType) and info.tag is not None
        run = _any_of([_of_fields(by_name), _of_row(by_index)])
        self.known[id(info)] = run
        by_name |= {one.encode_name: self.step(one.type) for one in info.fields}
        by_index += [*([None] if is_tagged else []), *by_name.values()]
        return run


def _readable(items: Any, strict: bool, values: Sequence[Any]) -> list[Any]:
    """Values as those of a list type, up to the first that can't be one: there msgspec stops too."""
    made: list[Any] = []
    for start in range(0, len(values), _RUN):
        run = values[start : start + _RUN]
        try:
            made += msgspec.convert(run, items, strict=strict, str_keys=True)
        except FAILURES:
            for one in run:
                try:
                    made += msgspec.convert([one], items, strict=strict, str_keys=True)
                except FAILURES:
                    return made
    return made


def _of_list(step: _Step | None) -> _Step:
    return lambda value: step is not None and isinstance(value, list) and any(map(step, value))


def _of_values(step: _Step | None) -> _Step:
    return lambda value: step is not None and isinstance(value, dict) and any(map(step, value.values()))


def _of_row(steps: Sequence[_Step | None]) -> _Step:
    def run(value: Any) -> bool:
        pairs = zip(steps, value, strict=False) if isinstance(value, list) else ()
        return any(step(one) for step, one in pairs if step is not None)

    return run


def _of_fields(steps: Mapping[str, _Step | None]) -> _Step:
    def run(value: Any) -> bool:
        known = steps.items() if isinstance(value, dict) else ()
        return any(step(value[name]) for name, step in known if step is not None and name in value)

    return run


def _any_of(steps: Sequence[_Step | None]) -> _Step:
    known = [step for step in steps if step is not None]
    return lambda value: any(step(value) for step in known)
