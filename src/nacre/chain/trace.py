"""Which layer an exception came from, read from its traceback."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

from nacre.chain.layer import Layer


def layer_of(error: BaseException, chains: Iterable[Any]) -> Layer | None:
    """The innermost layer on the traceback in whose own code the exception was raised; None if it was the handler."""
    codes = {code: layer for chain in chains for _, layer in chain.layers for code in layer.codes}
    found: Layer | None = None
    for code in _codes(error.__traceback__):
        if code in codes:
            found = codes[code]
        elif found is not None and not code.co_filename.startswith(_PACKAGE):
            # User code further in that is no layer: the handler, or a helper of the layer; only the latter is the
            # layer's, and the chain goes on inwards through this package.
            continue
    return found if found is not None and _raised_by(error, found, codes) else None


_PACKAGE = __file__.rsplit("/", 2)[0]


def _codes(traceback: TracebackType | None) -> Iterable[Any]:
    while traceback is not None:
        yield traceback.tb_frame.f_code
        traceback = traceback.tb_next


def _raised_by(error: BaseException, layer: Layer, codes: dict[Any, Layer]) -> bool:
    """Whether the traceback's last step into the framework lies before this layer's frame."""
    inside = False
    for code in _codes(error.__traceback__):
        if code in layer.codes:
            inside = False
        elif code.co_filename.startswith(_PACKAGE):
            inside = True
    return not inside or _ends_in_layer(error, layer)


def _ends_in_layer(error: BaseException, layer: Layer) -> bool:
    last = None
    for code in _codes(error.__traceback__):
        last = code
    return last in layer.codes
