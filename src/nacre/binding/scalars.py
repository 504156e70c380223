"""PLACEHOLDER by the architect so that the package imports; H1 overwrites this file."""
from typing import Any
from nacre.binding.parser import Parser
def text_parser(kind: Any, constraints: Any) -> Parser:
    return Parser(kind, lambda raw: [{"loc": [], "msg": "is wrong", "type": "value_error"}])
def texts_parser(kind: Any, constraints: Any) -> Parser:
    return Parser(list, lambda raw: [{"loc": [], "msg": "is wrong", "type": "value_error"}])
