"""What is done to a decoded value after msgspec.

Decimals must be finite and bounded. A dataclass without slots is given its defaults: msgspec 0.22 leaves those that the
class has as attributes out of the instance, and then out of the JSON that is made of it.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, get_origin

from msgspec import Struct, inspect

from nacre.binding.limits import is_bounded
from nacre.binding.trees import holds, is_decimal, parts_of

Step = Callable[[Any], None]
"""Looks over a decoded value. Raises ValueError for a decimal that is not finite or too large for arithmetic."""


def finishing_of(info: inspect.Type) -> Step | None:
    """What is to be done to values of a type; None if nothing is."""
    return _Finishing({}).step(info)


def _needs(info: inspect.Type) -> bool:
    return holds(info, lambda one: is_decimal(one) or bool(_static_defaults(one)))


def _static_defaults(info: inspect.Type) -> Mapping[str, Any]:
    """The defaults that a dataclass has as attributes of the class."""
    if not isinstance(info, inspect.DataclassType):
        return {}
    cls = get_origin(info.cls) or info.cls
    if not dataclasses.is_dataclass(cls) or "__slots__" in vars(cls):
        return {}
    return {one.name: one.default for one in dataclasses.fields(cls) if one.default is not dataclasses.MISSING}


def _fill(defaults: Mapping[str, Any], value: Any) -> None:
    for name, default in defaults.items():
        value.__dict__.setdefault(name, default)


def _itself(value: Any) -> Any:
    return value


class _Finishing(Struct, frozen=True):
    """Steps that are made already, by class: a class may have itself in its fields."""

    known: dict[int, Step]

    def step(self, info: inspect.Type) -> Step | None:
        if not _needs(info):
            return None
        match info:
            case inspect.DecimalType():
                return _check_decimal
            case inspect.DictType() | inspect.FrozenDictType():
                return self._mapping(info.key_type, info.value_type)
            case inspect.CollectionType():
                return self._items(info.item_type)
            case inspect.TupleType():
                return _each({operator.itemgetter(at): self.step(one) for at, one in enumerate(info.item_types)}, tuple)
            case inspect.StructType() | inspect.TypedDictType() | inspect.DataclassType() | inspect.NamedTupleType():
                return self.known.get(id(info)) or self._class(info)
            case _:
                return _all(self.step(one) for one in parts_of(info).values())

    def _items(self, info: inspect.Type) -> Step:
        check = self.step(info)
        assert check is not None

        def run(value: Any) -> None:
            if isinstance(value, list | tuple | set | frozenset):
                for one in value:
                    check(one)

        return run

    def _mapping(self, key: inspect.Type, value: inspect.Type) -> Step:
        both = self.step(key), self.step(value)

        def run(mapping: Any) -> None:
            for pair in mapping.items() if isinstance(mapping, Mapping) else ():
                for check, one in zip(both, pair, strict=True):
                    if check is not None:
                        check(one)

        return run

    def _class(
        self, info: inspect.StructType | inspect.TypedDictType | inspect.DataclassType | inspect.NamedTupleType
    ) -> Step:
        checks: dict[Callable[[Any], Any], Step | None] = {}
        run = _each(checks, dict if isinstance(info, inspect.TypedDictType) else get_origin(info.cls) or info.cls)
        self.known[id(info)] = run
        defaults = _static_defaults(info)
        if defaults:
            checks[_itself] = partial(_fill, defaults)
        for one in info.fields:
            if _needs(one.type):
                get = _get(one.name) if isinstance(info, inspect.TypedDictType) else operator.attrgetter(one.name)
                checks[get] = self.step(one.type)
        return run


def _check_decimal(value: Any) -> None:
    if isinstance(value, Decimal) and not is_bounded(value):
        raise ValueError("a decimal is not finite or too large")


def _get(key: str) -> Callable[[Any], Any]:
    return lambda value: value.get(key)


def _each(checks: Mapping[Callable[[Any], Any], Step | None], cls: type) -> Step:
    def run(value: Any) -> None:
        if isinstance(value, cls):
            for get, check in checks.items():
                if check is not None:
                    check(get(value))

    return run


def _all(checks: Iterable[Step | None]) -> Step:
    known = [check for check in checks if check is not None]

    def run(value: Any) -> None:
        for check in known:
            check(value)

    return run
