"""Reading the variables of a path: functions written for one shape of pattern each.

PERF: a loop over the variables costs 0.1 µs more for two of them (bench/parts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any, TypeAlias

from nacre.routing.converters import NO_MATCH
from nacre.routing.parts import Variable

Capture: TypeAlias = Callable[[Sequence[str]], "dict[str, object] | None"]
"""From the segments of a path to parameters; None for no match."""


def write_capture(
    variables: Sequence[tuple[int, Variable]],
    defaults: Mapping[str, object],
    texts: Sequence[tuple[int, str]] = (),
    length: int | None = None,
) -> Capture:
    """Write the function that reads variables which are all of their segments; each comes with its segment's index.

    With `length` it looks first whether the path has so many segments, and these `texts` among them.
    """
    names: dict[str, Any] = {"NO_MATCH": NO_MATCH, "defaults": defaults}
    for index, (_, text) in enumerate(texts):
        names[f"text{index}"] = text
    for index, (_, variable) in enumerate(variables):
        names[f"name{index}"] = variable.name
        names[f"parse{index}"] = variable.converter.parse
    shape = tuple((at, variable.converter.expression) for at, variable in variables)
    code = _code(shape, bool(defaults), tuple(at for at, _ in texts), length)
    exec(code, names)  # noqa: S102 - indexes and our own words  # nosec B102
    capture: Capture = names["capture"]
    return capture


@lru_cache(maxsize=1024)
def _code(shape: Sequence[tuple[int, str]], has_defaults: bool, texts: Sequence[int], length: int | None) -> CodeType:
    lines = ["def capture(segments):"]
    if length is not None:
        others = [f"segments[{at}] != text{index}" for index, at in enumerate(texts)]
        lines += [f"    if {' or '.join([f'len(segments) != {length}', *others])}:", "        return None"]
    for index, (at, expression) in enumerate(shape):
        lines += [
            f"    text = segments[{at}]",
            "    if not text:",
            "        return None",
            f"    value{index} = {expression.format(parse=f'parse{index}', text='text')}",
        ]
        if expression != "{text}":
            lines += [f"    if value{index} is NO_MATCH:", "        return None"]
    items = [f"name{index}: value{index}" for index in range(len(shape))]
    lines.append(f"    return {{{', '.join(['**defaults', *items] if has_defaults else items)}}}")
    return compile("\n".join(lines), "<nacre path variables>", "exec")
