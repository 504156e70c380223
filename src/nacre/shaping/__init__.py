"""Response management: what options make of the plain values that handlers and layers return.

`options.py` holds the options, `converter.py` compiles them, with a function's return annotation, into the converter of
its values. The steps of a value are: `conversion.py` makes it fit its type, `selection.py` picks the fields that leave,
`Results` makes the response, `label.py` puts status, content type and charset on it.
"""

from nacre.shaping.converter import Promise, compile_converter, promise_of
from nacre.shaping.options import RESPONSE_OPTIONS, ResponseKeywords, ResponseOptions, unknown_option

__all__ = [
    "RESPONSE_OPTIONS",
    "Promise",
    "ResponseKeywords",
    "ResponseOptions",
    "compile_converter",
    "promise_of",
    "unknown_option",
]
