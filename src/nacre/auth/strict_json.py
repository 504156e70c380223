"""JSON that has one reading only: an object by object, no key twice, no number that isn't one."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def strict_object(data: bytes | str) -> dict[str, Any]:
    """Decode a JSON object, in UTF-8. Raises ValueError for anything else, a key that comes twice, NaN, deep nesting.

    SECURITY: of equal keys one parser takes the first and another the last; what two programs check is then two texts.
    """
    try:
        value = _DECODER.decode(data if isinstance(data, str) else data.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key comes twice")
    return made


def _refuse(constant: str) -> NoReturn:
    raise ValueError("it holds what is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
