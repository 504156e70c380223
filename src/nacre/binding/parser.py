"""What turns a raw value of a request into a typed one, and says what is wrong with it when it can't."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from nacre.errors import ErrorItem

FAILURES: tuple[type[Exception], ...] = (
    ValueError,
    TypeError,
    KeyError,
    ArithmeticError,
    RecursionError,
    msgspec.MsgspecError,
)
"""What `Parser.parse` may raise for a value that doesn't fit."""


class Unsupported(TypeError):
    """An annotation that no parser is known for; the message says which, and what is taken."""


class Parser(Struct, frozen=True):
    """A compiled way from a raw value to a typed one.

    `parse` is the fast way: it returns the value or raises one of `FAILURES`. `explain` is called with a raw value that
    `parse` has refused, and returns all that is wrong with it, each `loc` relative to the value and no input quoted;
    it never returns nothing. `expression` is how a generated binder calls `parse`, with `{parse}` and `{raw}` (a plain
    name) in it; a common type may put its test right there. `judge`, where there is one, tells the same as `explain` of
    any raw value, and nothing of one that fits: it spares a call of `parse`.
    """

    parse: Callable[[Any], Any]
    explain: Callable[[Any], list[ErrorItem]]
    expression: str = "{parse}({raw})"
    judge: Callable[[Any], list[ErrorItem]] | None = None


class GroupField(Struct, frozen=True):
    """One field of a model that takes a whole source: `key` is its name on the wire, `many` that it may be repeated.

    `is_file` says that it is a file, or several, which only forms have.
    """

    name: str
    key: str
    type: Any
    many: bool
    required: bool
    default: Any
    is_file: bool = False


class GroupParser(Parser, frozen=True):
    """The parser of a model whose fields are all of one source (the whole query, all headers …).

    The raw value is a dict from `GroupField.key` to a str, or to a list of str if the field is `many`; fields that the
    request lacks are absent.
    """

    fields: tuple[GroupField, ...] = ()
