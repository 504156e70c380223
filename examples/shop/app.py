"""The shop's routes, and the layers in front of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from examples.shop.models import (
    Amount,
    Basket,
    Book,
    BookChange,
    Books,
    Checkout,
    Customer,
    CustomerChange,
    Delivery,
    Figures,
    NewBook,
    NewCustomer,
    NewReview,
    Order,
    OrderStatus,
    Problem,
    Review,
    Search,
    Session,
    Sku,
    StatusChange,
    SubjectCount,
)
from examples.shop.store import Database, Refused, Store, Stranger, Unknown

from nacre import CallNext, Form, Group, Header, Key, Nacre, Path, Provide, Query, Request, Response, abort, middleware
from nacre.openapi import OpenAPI

CUSTOMER: Key[Customer] = Key("customer")

BEARER = {"bearer": {"type": "http", "scheme": "bearer"}}
# RFC 6750 §2.1. What is no token at all is a 422; one that nobody has is a 401.
TOKEN = r"^Bearer [A-Za-z0-9._~+/-]+=*$"

NO_SUCH = {404: ("There is no such thing in the shop", Problem)}
RULED_OUT = {409: ("The shop can't do that as things are", Problem)}

Number = Annotated[int, Path(ge=1, le=2**53)]
Limit = Annotated[int, Query(ge=1, le=20)]


# Layers.


@middleware(provides=CUSTOMER, security=BEARER, responses={401: "Nobody is known by this token"})
def signed_in(
    request: Request,
    call_next: CallNext,
    store: Store,
    bearer: Annotated[str | None, Header(alias="Authorization", pattern=TOKEN)] = None,
):
    """Let pass who sends a token, and tell those further in who that is."""
    customer = store.customer(bearer.removeprefix("Bearer ")) if bearer else None
    if customer is None:
        abort(401, "sign in first", headers={"www-authenticate": "Bearer"})
    request.state[CUSTOMER] = customer
    return call_next(request)


@middleware(requires=CUSTOMER, responses={403: "This is for the staff"})
async def staff_only(request: Request, call_next: CallNext, customer: Annotated[Customer, CUSTOMER]):
    if not customer.is_staff:
        abort(403, "this is for the staff")
    return await call_next(request)


# Providers.


def a_store(database: Database) -> Iterator[Store]:
    """A connection for one request; closed after the response."""
    with database.connect() as connection:
        yield Store(connection, database.writing)


def the_book(store: Store, sku: Annotated[Sku, Path()]) -> Book:
    return store.book(sku)


def my_order(store: Store, customer: Annotated[Customer, CUSTOMER], number: Number) -> Order:
    return store.one_order(number, customer)


ThisBook = Annotated[Book, Provide(the_book)]
MyOrder = Annotated[Order, Provide(my_order)]
Me = Annotated[Customer, CUSTOMER]


# The catalogue, open to all.

catalogue = Group(tags=["catalogue"])


@catalogue.get("/books")
def search_books(store: Store, search: Annotated[Search, Query()]) -> Books:
    """Search the books. Pages are numbered by the offset of their first book."""
    return store.search(search)


@catalogue.get("/books/<sku>", name="book", responses=NO_SUCH)
def one_book(book: ThisBook) -> Book:
    """One book."""
    return book


@catalogue.get("/books/<sku>/similar", responses=NO_SUCH)
def similar_books(store: Store, book: ThisBook, limit: Limit = 5) -> list[Book]:
    """Books of the same subject, those of the same time first."""
    return store.similar(book, limit)


@catalogue.get("/books/<sku>/reviews", responses=NO_SUCH, exclude_defaults=True)
def book_reviews(store: Store, book: ThisBook) -> list[Review]:
    """What customers think of a book."""
    return store.reviews(book.sku)


@catalogue.post("/books/<sku>/reviews", middlewares=[signed_in], status_code=201, responses={**NO_SUCH, **RULED_OUT})
def review_book(store: Store, book: ThisBook, me: Me, review: NewReview) -> Review:
    """Review a book, once."""
    return store.review(book.sku, me, review)


@catalogue.get("/subjects")
def list_subjects(store: Store) -> list[SubjectCount]:
    """The subjects, with the number of books on each."""
    return store.subjects()


@catalogue.get("/authors")
def list_authors(store: Store, letter: Annotated[str, Query(pattern="^[A-Z]$", examples=["K"])]) -> list[str]:
    """The authors whose names begin with a letter."""
    return store.authors(letter)


# Accounts.

accounts = Group(tags=["account"])
account = Group("/account", middlewares=[signed_in])


@accounts.post("/accounts", status_code=201, responses=RULED_OUT)
def register(store: Store, customer: NewCustomer) -> Customer:
    """Open an account."""
    return store.register(customer)


@accounts.post("/sessions", status_code=201, responses={403: ("Nobody has this address and password", Problem)})
def sign_in(
    store: Store,
    email: Annotated[str, Form(max_length=100)],
    password: Annotated[str, Form(max_length=100)],
    response: Response,
) -> Session:
    """Sign in with a form, for a token."""
    response.headers["cache-control"] = "no-store"
    return Session(store.sign_in(email, password))


@accounts.delete("/sessions", middlewares=[signed_in])
def sign_out(store: Store, me: Me) -> None:
    """End all sessions that were begun by signing in."""
    store.sign_out(me)


@account.get("", exclude_fields=["is_staff"])
def show_account(me: Me) -> Customer:
    """The account."""
    return me


@account.patch("", responses=RULED_OUT)
def change_account(store: Store, me: Me, change: CustomerChange) -> Customer:
    """Change the account; what is left out stays."""
    return store.change_customer(me, change)


accounts.include(account)


# The basket, and orders.

basket = Group("/basket", tags=["basket"], middlewares=[signed_in])
orders = Group("/orders", tags=["orders"], middlewares=[signed_in])


@basket.get("")
def show_basket(store: Store, me: Me) -> Basket:
    """What is in the basket."""
    return store.basket(me)


@basket.put("/<sku>", responses=NO_SUCH)
def put_into_basket(store: Store, me: Me, book: ThisBook, amount: Amount) -> Basket:
    """Put so many of a book into the basket, in place of those that are in it."""
    return store.put(me, book, amount.quantity)


@basket.delete("/<sku>", responses=NO_SUCH)
def take_out_of_basket(store: Store, me: Me, book: ThisBook) -> None:
    """Take a book out of the basket."""
    store.take_out(me, book.sku)


@basket.delete("")
def empty_basket(store: Store, me: Me) -> None:
    """Take everything out of the basket."""
    store.take_out(me)


@orders.post("", status_code=201, responses=RULED_OUT)
def check_out(
    request: Request,
    response: Response,
    store: Store,
    me: Me,
    checkout: Checkout,
    idempotency_key: Annotated[UUID, Header(default_factory=uuid4)],
) -> Order:
    """Order what is in the basket. With an Idempotency-Key a repeated request gives the order of the first."""
    order = store.order(me, checkout, idempotency_key)
    response.headers["location"] = request.url_for("order", number=order.number)
    return order


@orders.get("")
def my_orders(
    store: Store,
    me: Me,
    status: Annotated[list[OrderStatus], Query()] = [],  # noqa: B006 - it is never changed
    since: datetime | None = None,
) -> list[Order]:
    """The customer's orders, newest first."""
    return store.orders(me, status, since)


@orders.get("/<int:number>", name="order", responses=NO_SUCH)
def one_order(order: MyOrder) -> Order:
    """One order."""
    return order


@orders.get("/<int:number>/invoice", content_type="text/plain", charset="utf-8", responses=NO_SUCH)
def invoice(order: MyOrder) -> str:
    """An order as text."""
    lines = [f"{one.quantity:3} × {one.title[:50]:50} {one.price / 100:9.2f}" for one in order.lines]
    return "\n".join([f"Order {order.number}, {order.ordered:%d %B %Y}", *lines, f"Total {order.total / 100:60.2f}"])


@orders.post("/<int:number>/cancel", responses={**NO_SUCH, **RULED_OUT})
def cancel_order(store: Store, order: MyOrder) -> Order:
    """Cancel an order that isn't on its way."""
    return store.set_status(order, "cancelled")


# The staff's side.

staff = Group("/staff", tags=["staff"], middlewares=[signed_in, staff_only])


@staff.post("/books", status_code=201, responses=RULED_OUT)
def add_book(request: Request, response: Response, store: Store, book: NewBook) -> Book:
    """Sell one more book."""
    response.headers["location"] = request.url_for("book", sku=book.sku)
    return store.add_book(book)


@staff.patch("/books/<sku>", responses=NO_SUCH)
def change_book(store: Store, book: ThisBook, change: BookChange) -> Book:
    """Change a book; what is left out stays."""
    return store.change_book(book.sku, change)


@staff.post("/books/<sku>/stock", responses={**NO_SUCH, **RULED_OUT})
def change_stock(store: Store, book: ThisBook, delivery: Delivery) -> Book:
    """Say that books arrived, or were lost."""
    return store.change_stock(book.sku, delivery.change)


@staff.get("/orders")
def all_orders(
    store: Store,
    status: Annotated[list[OrderStatus], Query()] = [],  # noqa: B006 - it is never changed
    since: datetime | None = None,
) -> list[Order]:
    """The orders of all customers, newest first."""
    return store.orders(None, status, since)


@staff.put("/orders/<int:number>/status", responses={**NO_SUCH, **RULED_OUT})
def set_order_status(store: Store, number: Number, change: StatusChange) -> Order:
    """Say that an order was paid, sent or cancelled."""
    return store.set_status(store.one_order(number), change.status)


@staff.get("/figures")
def figures(store: Store) -> Figures:
    """How the shop does."""
    return store.figures()


def build(path: str = "") -> Nacre:
    """The shop over a database file, or over one in memory."""
    app = Nacre(name="shop", max_body=100_000)

    @app.provider(scope="app")
    def database() -> Iterator[Database]:
        opened = Database(path)
        yield opened
        opened.close()

    app.provider(a_store)

    @app.error_handler(404, inline=True)
    def nothing_here(request: Request):
        return Problem("there is nothing here"), 404

    @app.error_handler(Unknown, inline=True)
    def unknown(request: Request, error: Unknown):
        return Problem(str(error)), 404

    @app.error_handler(Refused, inline=True)
    def refused(request: Request, error: Refused):
        return Problem(str(error)), 409

    @app.error_handler(Stranger, inline=True)
    def stranger(request: Request, error: Stranger):
        return Problem(str(error)), 403

    for group in (catalogue, accounts, basket, orders, staff):
        app.include(group)
    app.include(OpenAPI(title="Bookshop", version="1.0"))
    return app


app = build(os.environ.get("SHOP_DATABASE", ""))
