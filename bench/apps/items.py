"""The item and the order as msgspec types, for the applications that use msgspec."""

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


class Order(msgspec.Struct):
    name: str
    email: str
    street: str
    city: str
    note: str
    quantity: int
    tags: list[str]


encode = msgspec.json.Encoder().encode
decode_item = msgspec.json.Decoder(Item).decode
