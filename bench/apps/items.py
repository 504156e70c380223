"""The item as msgspec types, for the applications that use msgspec."""

from __future__ import annotations

import msgspec


class Variant(msgspec.Struct):
    sku: str
    stock: int


class Item(msgspec.Struct):
    name: str
    price: float
    quantity: int
    active: bool
    tags: list[str]
    variants: list[Variant]


encode = msgspec.json.Encoder().encode
decode_item = msgspec.json.Decoder(Item).decode
