"""Pydantic's types, told from others without importing pydantic; it is imported when one of them is met."""

from __future__ import annotations

import typing
from typing import Any


def is_pydantic(kind: object) -> bool:
    """Whether a class is a pydantic model or a pydantic dataclass."""
    return isinstance(kind, type) and hasattr(kind, "__pydantic_serializer__")


def holds_pydantic(annotation: Any) -> bool:
    """Whether an annotation is a pydantic type or made of one: `list[Model]`, `Model | None`."""
    return is_pydantic(annotation) or any(holds_pydantic(part) for part in typing.get_args(annotation))


def type_adapter(annotation: Any) -> Any:
    """Pydantic's adapter for an annotation. Raises TypeError for one that pydantic doesn't know."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        return TypeAdapter(annotation)
    except PydanticUserError as error:
        raise TypeError(str(error).partition("\n")[0]) from None
