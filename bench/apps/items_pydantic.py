"""The item and the order as pydantic models, for the applications that use pydantic."""

from __future__ import annotations

from pydantic import BaseModel


class Variant(BaseModel):
    sku: str
    stock: int


class Item(BaseModel):
    name: str
    price: float
    quantity: int
    active: bool
    tags: list[str]
    variants: list[Variant]


class Order(BaseModel):
    name: str
    email: str
    street: str
    city: str
    note: str
    quantity: int
    tags: list[str]
