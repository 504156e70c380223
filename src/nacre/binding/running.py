"""PLACEHOLDER"""
from dataclasses import dataclass, field
from typing import Any
NAMES: dict[str, Any] = {}
@dataclass
class Emitted:
    lines: list[str]
    waits: bool = False
def emit(provider: Any, arguments: str, index: int, *, blocking: bool) -> Emitted:
    return Emitted([f"provided{index} = function{index}({arguments})"])
