"""The shop's database. Plain, blocking code; every method that writes is one transaction."""

from __future__ import annotations

import csv
import hashlib
import hmac
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from examples.shop.models import (
    Basket,
    Book,
    BookChange,
    Books,
    Checkout,
    Customer,
    CustomerChange,
    Figures,
    Line,
    NewBook,
    NewCustomer,
    NewReview,
    Order,
    OrderStatus,
    Review,
    Search,
    SubjectCount,
)

T = TypeVar("T")

BOOKS = Path(__file__).with_name("books.csv")

SCHEMA = """
create table if not exists books (sku text primary key, title text not null, author text not null,
    year integer not null, subject text not null, price integer not null, stock integer not null check (stock >= 0));
create table if not exists customers (id integer primary key, name text not null, email text not null unique,
    password text not null, is_staff integer not null default 0);
create table if not exists sessions (token text primary key, customer integer not null references customers);
create table if not exists reviews (sku text not null references books, customer integer not null references customers,
    stars integer not null, text text not null, written text not null, primary key (sku, customer));
create table if not exists baskets (customer integer not null references customers, sku text not null references books,
    quantity integer not null, primary key (customer, sku));
create table if not exists orders (number integer primary key, reference text not null unique,
    customer integer not null references customers, status text not null, ordered text not null,
    total integer not null, lines text not null, address text not null, note text not null);
"""

SORTS = {"title": "title", "author": "author, title", "year": "year", "price": "price"}
NEXT: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    "new": ("paid", "cancelled"),
    "paid": ("sent", "cancelled"),
    "sent": (),
    "cancelled": (),
}


class Unknown(LookupError):
    """There is no such thing in the shop."""


class Refused(ValueError):
    """The shop can't do that as things are."""


class Stranger(ValueError):
    """Nobody is known by what was given."""


class Database:
    """The database, in a file or in memory, with the books in it and two customers to try it with."""

    def __init__(self, path: str = "") -> None:
        self._uri = Path(path).absolute().as_uri() if path else f"file:shop-{id(self)}?mode=memory&cache=shared"
        self.writing = threading.Lock()  # SQLite takes one writer at a time
        self._keeper = self._open()  # a database in memory lives as long as somebody is connected
        self._keeper.executescript(SCHEMA)
        self._fill()

    def close(self) -> None:
        self._keeper.close()

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        # One request may go from thread to thread, but is never in two at once.
        connection = sqlite3.connect(self._uri, uri=True, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.executescript("pragma foreign_keys = on; pragma read_uncommitted = on")
        return connection

    def _fill(self) -> None:
        with BOOKS.open(encoding="utf-8", newline="") as file, self._keeper:
            self._keeper.executemany(
                "insert or ignore into books values (:sku, :title, :author, :year, :subject, :price, :stock)",
                csv.DictReader(file),
            )
            self._keeper.executemany(
                "insert or ignore into customers values (?, ?, ?, ?, ?)",
                [(1, "Reader", "reader@shop.example", "", 0), (2, "Keeper", "keeper@shop.example", "", 1)],
            )
            self._keeper.executemany("insert or ignore into sessions values (?, ?)", [("reader", 1), ("keeper", 2)])


class Store:
    """All that the shop does, over one connection."""

    def __init__(self, connection: sqlite3.Connection, writing: threading.Lock) -> None:
        self._connection = connection
        self._writing = writing

    # Books.

    def search(self, search: Search) -> Books:
        wanted = ["stock > 0"] if search.in_stock else []
        values: list[Any] = []
        if search.subject:
            wanted.append(f"subject in ({', '.join('?' * len(search.subject))})")
            values += search.subject
        if search.author:
            wanted.append("instr(lower(author), lower(?)) > 0")
            values.append(search.author)
        if search.max_price is not None:
            wanted.append("price <= ?")
            values.append(search.max_price)
        where = f"where {' and '.join(wanted)}" if wanted else ""
        order = SORTS[search.sort.removeprefix("-")] + (" desc" if search.sort.startswith("-") else "")
        total: int = self._one(f"select count(*) from books {where}", *values)[0]  # noqa: S608 - literals of this class
        found = self._books(f"{where} order by {order}, sku limit ? offset ?", *values, search.limit, search.offset)
        return Books(total, found)

    def book(self, sku: str) -> Book:
        found = self._books("where sku = ?", sku)
        if not found:
            raise Unknown("there is no such book")
        return found[0]

    def similar(self, book: Book, limit: int) -> list[Book]:
        """Other books of the subject, those written at the same time first."""
        return self._books(
            "where subject = ? and sku <> ? order by abs(year - ?), sku limit ?",
            *(book.subject, book.sku, book.year, limit),
        )

    def authors(self, letter: str) -> list[str]:
        rows = self._all("select distinct author from books where substr(author, 1, 1) = ? order by author", letter)
        return [row["author"] for row in rows]

    def subjects(self) -> list[SubjectCount]:
        rows = self._all("select subject, count(*) as books from books group by subject order by subject")
        return [SubjectCount(**row) for row in rows]

    def add_book(self, book: NewBook) -> Book:
        with self._transaction("this sku is taken"):
            self._connection.execute(
                "insert into books values (:sku, :title, :author, :year, :subject, :price, :stock)",
                msgspec.structs.asdict(book),
            )
        return self.book(book.sku)

    def change_book(self, sku: str, change: BookChange) -> Book:
        changed = msgspec.structs.replace(self.book(sku), **msgspec.to_builtins(change))
        with self._transaction():
            self._connection.execute(
                "update books set title = :title, price = :price, subject = :subject where sku = :sku",
                msgspec.structs.asdict(changed),
            )
        return changed

    def change_stock(self, sku: str, change: int) -> Book:
        self.book(sku)
        with self._transaction("so many are not in stock"):
            self._connection.execute("update books set stock = stock + ? where sku = ?", (change, sku))
        return self.book(sku)

    def reviews(self, sku: str) -> list[Review]:
        rows = self._all(
            "select name as reviewer, stars, text, written from reviews join customers on customer = id where sku = ?",
            sku,
        )
        return [_to(Review, row) for row in rows]

    def review(self, sku: str, customer: Customer, review: NewReview) -> Review:
        written = datetime.now(UTC)
        with self._transaction("you have reviewed this book"):
            self._connection.execute(
                "insert into reviews values (?, ?, ?, ?, ?)",
                (sku, customer.id, review.stars, review.text, written.isoformat()),
            )
        return Review(customer.name, review.stars, review.text, written)

    # Customers.

    def customer(self, token: str) -> Customer | None:
        row = self._one("select customers.* from customers join sessions on customer = id where token = ?", token)
        return _customer(row) if row else None

    def register(self, new: NewCustomer) -> Customer:
        with self._transaction("this address is registered"):
            added = self._connection.execute(
                "insert into customers (name, email, password) values (?, ?, ?)",
                (new.name, new.email, _hashed(new.password, secrets.token_hex(16))),
            )
        return Customer(added.lastrowid or 0, new.name, new.email)

    def sign_in(self, email: str, password: str) -> str:
        """A token for the customer who has this password."""
        row = self._one("select id, password from customers where email = ?", email)
        known: str = row["password"] if row else ""
        if not hmac.compare_digest(known, _hashed(password, known.partition("$")[0])):
            raise Stranger("nobody has this address and password")
        token = secrets.token_urlsafe(24)
        with self._transaction():
            self._connection.execute("insert into sessions values (?, ?)", (token, row["id"]))
        return token

    def sign_out(self, customer: Customer) -> None:
        """End the sessions that were begun by signing in."""
        with self._transaction():
            self._connection.execute(
                "delete from sessions where customer = ? and length(token) > 10", (customer.id,)
            )  # those of the two customers for trying stay

    def change_customer(self, customer: Customer, change: CustomerChange) -> Customer:
        changed = msgspec.structs.replace(customer, **msgspec.to_builtins(change))
        with self._transaction("this address is registered"):
            self._connection.execute(
                "update customers set name = :name, email = :email where id = :id", msgspec.structs.asdict(changed)
            )
        return changed

    # Baskets and orders.

    def basket(self, customer: Customer) -> Basket:
        rows = self._all(
            "select sku, title, price, quantity from baskets join books using (sku) where customer = ? order by title",
            customer.id,
        )
        lines = [Line(**row) for row in rows]
        return Basket(lines, sum(line.price * line.quantity for line in lines))

    def put(self, customer: Customer, book: Book, quantity: int) -> Basket:
        with self._transaction():
            self._connection.execute(
                "insert or replace into baskets values (?, ?, ?)", (customer.id, book.sku, quantity)
            )
        return self.basket(customer)

    def take_out(self, customer: Customer, sku: str | None = None) -> None:
        """Take one book out of the basket, or all."""
        with self._transaction():
            self._connection.execute(
                "delete from baskets where customer = ?1 and (?2 is null or sku = ?2)", (customer.id, sku)
            )

    def order(self, customer: Customer, checkout: Checkout, reference: UUID) -> Order:
        """Order what is in the basket; with a reference that was used before, return that order."""
        known = self._orders("where customer = ? and reference = ?", customer.id, str(reference))
        if known:
            return known[0]
        with self._transaction("not everything is in stock"):
            basket = self.basket(customer)
            if not basket.lines:
                raise Refused("the basket is empty")
            order = Order(
                0, reference, "new", datetime.now(UTC), basket.total, basket.lines, checkout.address, checkout.note
            )
            for line in basket.lines:
                self._connection.execute("update books set stock = stock - ? where sku = ?", (line.quantity, line.sku))
            self._connection.execute("delete from baskets where customer = ?", (customer.id,))
            row = msgspec.to_builtins(order) | {
                "customer": customer.id,
                "lines": msgspec.json.encode(order.lines).decode(),
                "address": msgspec.json.encode(order.address).decode(),
            }
            added = self._connection.execute(
                "insert into orders (reference, customer, status, ordered, total, lines, address, note)"
                " values (:reference, :customer, :status, :ordered, :total, :lines, :address, :note)",
                row,
            )
        return msgspec.structs.replace(order, number=added.lastrowid or 0)

    def orders(self, customer: Customer | None, status: list[OrderStatus], since: datetime | None) -> list[Order]:
        """The orders of a customer, or of all, newest first."""
        wanted, values = ["1"], list[Any]()
        if customer is not None:
            wanted.append("customer = ?")
            values.append(customer.id)
        if status:
            wanted.append(f"status in ({', '.join('?' * len(status))})")
            values += status
        if since is not None:
            wanted.append("ordered >= ?")
            values.append(_utc(since).isoformat())
        return self._orders(f"where {' and '.join(wanted)} order by number desc limit 100", *values)

    def one_order(self, number: int, customer: Customer | None = None) -> Order:
        who = customer.id if customer is not None else None
        found = self._orders("where number = ?1 and (?2 is null or customer = ?2)", number, who)
        if not found:
            raise Unknown("there is no such order")
        return found[0]

    def set_status(self, order: Order, status: OrderStatus) -> Order:
        with self._transaction():
            # Once more, now that nobody else writes.
            order = self.one_order(order.number)
            if status not in NEXT[order.status]:
                raise Refused(f"an order that is {order.status} can't become {status}")
            self._connection.execute("update orders set status = ? where number = ?", (status, order.number))
            if status == "cancelled":
                for line in order.lines:
                    self._connection.execute(
                        "update books set stock = stock + ? where sku = ?", (line.quantity, line.sku)
                    )
        return msgspec.structs.replace(order, status=status)

    def figures(self) -> Figures:
        orders = self._all("select status, count(*) as orders from orders group by status")
        return Figures(
            self._one("select count(*) from customers")[0],
            self._one("select count(*) from books")[0],
            {row["status"]: row["orders"] for row in orders},
            self._one("select coalesce(sum(total), 0) from orders where status in ('paid', 'sent')")[0],
        )

    # SQL. What clients send always goes in as a value.

    @contextmanager
    def _transaction(self, if_not: str = "the shop's rules forbid that") -> Iterator[None]:
        """Write; when a constraint of the database says no, that is `Refused` with these words."""
        with self._writing:
            try:
                with self._connection:
                    yield
            except sqlite3.IntegrityError as error:
                raise Refused(if_not) from error

    def _all(self, query: str, *values: Any) -> list[Any]:
        return self._connection.execute(query, values).fetchall()

    def _one(self, query: str, *values: Any) -> Any:
        return self._connection.execute(query, values).fetchone()

    def _books(self, rest: str, *values: Any) -> list[Book]:
        rows = self._all(
            f"select *, (select avg(stars) from reviews where reviews.sku = books.sku) as rating from books {rest}",  # noqa: S608
            *values,
        )
        return [Book(**row) for row in rows]

    def _orders(self, rest: str, *values: Any) -> list[Order]:
        return [_order(row) for row in self._all(f"select * from orders {rest}", *values)]  # noqa: S608


def _to(model: type[T], row: Any) -> T:
    return msgspec.convert(dict(row), model)


def _customer(row: Any) -> Customer:
    return Customer(row["id"], row["name"], row["email"], bool(row["is_staff"]))


def _order(row: Any) -> Order:
    data = dict(row) | {name: msgspec.json.decode(row[name]) for name in ("lines", "address")}
    return _to(Order, data)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:  # in the first or last hours of the calendar
        return moment.replace(tzinfo=UTC)


def _hashed(password: str, salt: str) -> str:
    derived = hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**12, r=8, p=1).hex()
    return f"{salt}${derived}"
