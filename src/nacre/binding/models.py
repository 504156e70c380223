"""PLACEHOLDER by the architect so that the package imports; H1 overwrites this file."""
from typing import Any
import msgspec
from nacre.binding.parser import Parser, GroupParser
def json_parser(kind: Any, constraints: Any) -> Parser:
    return Parser(msgspec.json.Decoder(kind).decode, lambda raw: [{"loc": [], "msg": "is wrong", "type": "value_error"}])
value_parser = json_parser
def group_parser(kind: Any, constraints: Any) -> GroupParser:
    return GroupParser(lambda raw: msgspec.convert(raw, kind, strict=False), lambda raw: [])
