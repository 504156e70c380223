"""What the shop's clients send and get. Prices are in cents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

Subject = Literal[
    "astronomy",
    "biology",
    "chemistry",
    "computing",
    "economics",
    "fiction",
    "geology",
    "mathematics",
    "philosophy",
    "physics",
]
OrderStatus = Literal["new", "paid", "sent", "cancelled"]

Sku = Annotated[str, Meta(pattern="^[a-z0-9-]+$", min_length=3, max_length=60)]
Price = Annotated[int, Meta(ge=0, le=1_000_000)]
Quantity = Annotated[int, Meta(ge=1, le=99)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Email = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._+-]{1,40}@[A-Za-z0-9-]{1,30}\.[a-z]{2,10}$")]


class Problem(Struct):
    """Why a request can't be done."""

    problem: str


# Books.


class Book(Struct):
    sku: str
    title: str
    author: str
    year: int
    subject: str
    price: int
    stock: int
    rating: float | None = None


class Search(Struct, forbid_unknown_fields=True):
    """The query of a search; fields that are left out don't restrict it."""

    subject: list[Subject] = []
    author: Annotated[str, Meta(max_length=60)] = ""
    max_price: Price | None = None
    in_stock: bool = False
    sort: Literal["title", "author", "year", "price", "-year", "-price"] = "title"
    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    offset: Annotated[int, Meta(ge=0, le=10_000)] = 0


class Books(Struct):
    """One page of a search."""

    total: int
    books: list[Book]


class SubjectCount(Struct):
    subject: str
    books: int


class NewBook(Struct):
    sku: Sku
    title: Name
    author: Name
    year: Annotated[int, Meta(ge=1450, le=2100)]
    subject: Subject
    price: Price
    stock: Annotated[int, Meta(ge=0, le=100_000)] = 0


class BookChange(Struct):
    """What is left out stays as it is."""

    title: Name | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    subject: Subject | UnsetType = UNSET


class Delivery(Struct):
    """Books that arrived, or that were lost if the number is negative."""

    change: Annotated[int, Meta(ge=-1000, le=1000)]


class Review(Struct):
    reviewer: str
    stars: int
    text: str
    written: datetime


class NewReview(Struct):
    stars: Annotated[int, Meta(ge=1, le=5)]
    text: Annotated[str, Meta(max_length=2000)] = ""


# Customers.


class Customer(Struct):
    id: int
    name: str
    email: str
    is_staff: bool = False


class NewCustomer(Struct):
    name: Name
    email: Email
    password: Annotated[str, Meta(min_length=8, max_length=100)]


class CustomerChange(Struct):
    name: Name | UnsetType = UNSET
    email: Email | UnsetType = UNSET


class Session(Struct):
    """A token for the Authorization header, as `Bearer` and the token."""

    token: str


# Baskets and orders.


class Line(Struct):
    sku: str
    title: str
    price: int
    quantity: int


class Basket(Struct):
    lines: list[Line]
    total: int


class Amount(Struct):
    quantity: Quantity


class Address(Struct):
    street: Name
    town: Name
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    postcode: Annotated[str, Meta(max_length=12)] = ""


class Checkout(Struct):
    address: Address
    note: Annotated[str, Meta(max_length=500)] = ""


class Order(Struct):
    number: int
    reference: UUID
    status: OrderStatus
    ordered: datetime
    total: int
    lines: list[Line]
    address: Address
    note: str = ""


class StatusChange(Struct):
    status: OrderStatus


class Figures(Struct):
    """How the shop does."""

    customers: int
    books: int
    orders: dict[str, int]
    earned: int
