"""Checking an order by hand, for applications that have a form's fields as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def validate_order(fields: Mapping[str, Any], tags: Sequence[Any]) -> dict[str, Any]:
    """An order out of the fields that come once and those that come often. Raises ValueError."""
    match fields:
        case {
            "name": str(name),
            "email": str(email),
            "street": str(street),
            "city": str(city),
            "note": str(note),
            "quantity": str(quantity),
        } if all(isinstance(tag, str) for tag in tags):
            return {
                "name": name,
                "email": email,
                "street": street,
                "city": city,
                "note": note,
                "quantity": int(quantity),
                "tags": list(tags),
            }
    raise ValueError("this is no order")
