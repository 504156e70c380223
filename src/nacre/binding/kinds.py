"""PLACEHOLDER by the architect so that the package imports; H1 overwrites this file."""
from typing import Any
def kind_of(kind: Any) -> str:
    if isinstance(kind, type) and hasattr(kind, "__struct_fields__"):
        return "model"
    return "text" if kind in (int, str, float, bool) else "data"
