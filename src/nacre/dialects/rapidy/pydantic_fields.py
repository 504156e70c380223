"""Where pydantic comes in: it validates what clients send, by its own rules and in its own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from nacre.binding import Constraints
from nacre.binding.parser import Parser
from nacre.errors import MissingExtra


def with_constraints(kind: Any, constraints: Mapping[str, Any]) -> Any:
    """A type for pydantic to validate, with these constraints. Raises MissingExtra without pydantic."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind  # pydantic can't read one, and the core can
    annotated: Any = Annotated
    return annotated[kind, _pydantic().Field(**constraints)]


def or_if_empty(kind: Any, default: Callable[[], Any]) -> Any:
    """A type of which the empty text is taken for nothing sent, as the fields of a form are that nobody filled in."""

    def read(value: Any, validate: Callable[[Any], Any]) -> Any:
        return default() if value == "" else validate(value)

    annotated: Any = Annotated
    return annotated[kind, _pydantic().WrapValidator(read)]


def adapter_of(kind: Any, constraints: Mapping[str, Any]) -> Any:
    """Pydantic's validator of a type. Raises TypeError if it makes none of it, MissingExtra without pydantic."""
    adapter = _pydantic().TypeAdapter
    try:
        return adapter(with_constraints(kind, constraints))
    except Exception as error:  # pydantic's have no base of their own
        raise TypeError(str(error).partition("\n\n")[0]) from None


def json_parser_of(kind: Any, constraints: Mapping[str, Any]) -> Parser:
    """The core's parser of JSON of a type, by pydantic. Raises MissingExtra without pydantic.

    SECURITY: it refuses sets whose items were chosen to have one hash, which pydantic alone doesn't look for.
    """
    _pydantic()
    from nacre.binding.pydantic_models import json_parser

    return json_parser(with_constraints(kind, constraints), Constraints())


def _pydantic() -> Any:
    try:
        import pydantic
    except ImportError as error:
        raise MissingExtra("the parameters of Rapidy's programs", "pydantic") from error
    return pydantic
