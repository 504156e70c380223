"""The library: an SQLite database of RFCs and of the notes that readers left on them. Plain, blocking code.

`rfcs.csv` holds the facts, as the RFC index had them in January 2025.
"""

from __future__ import annotations

import csv
import sqlite3
import threading
from calendar import month_name
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).with_name("rfcs.csv")

SCHEMA = """
create table if not exists rfcs (
    number integer primary key, title text not null, month integer not null, year integer not null,
    area text not null, obsoleted_by text not null default '', readings integer not null default 0);
create table if not exists notes (
    id integer primary key, number integer not null references rfcs, reader text not null, text text not null,
    written text not null default current_timestamp, unique (number, reader, text));
create table if not exists journal (at text not null default current_timestamp, entry text not null);
"""


@dataclass(frozen=True)
class RFC:
    """One document."""

    number: int
    title: str
    month: int
    year: int
    area: str
    obsoleted_by: tuple[int, ...] = ()

    @property
    def published(self) -> str:
        return f"{month_name[self.month]} {self.year}"


@dataclass(frozen=True)
class Note:
    """What a reader wrote on a document."""

    id: int
    number: int
    reader: str
    text: str
    written: str


@dataclass(frozen=True)
class Entry:
    """A line of the journal."""

    at: str
    entry: str


class Library:
    """The database, in a file or in memory; each request opens a connection of its own."""

    def __init__(self, path: str = "") -> None:
        self._uri = Path(path).absolute().as_uri() if path else f"file:library-{id(self)}?mode=memory&cache=shared"
        self.writing = threading.Lock()  # SQLite takes one writer at a time
        self._keeper = self.connect()  # a database in memory lives as long as somebody is connected
        self._keeper.executescript(SCHEMA)
        self._fill()

    def connect(self) -> sqlite3.Connection:
        # One request may go from thread to thread, but is never in two at once.
        connection = sqlite3.connect(self._uri, uri=True, check_same_thread=False)
        connection.executescript("pragma foreign_keys = on; pragma read_uncommitted = on")
        return connection

    def close(self) -> None:
        self._keeper.close()

    def _fill(self) -> None:
        with DATA.open(encoding="utf-8", newline="") as file, self._keeper:
            self._keeper.executemany(
                "insert or ignore into rfcs (number, title, month, year, area, obsoleted_by)"
                " values (:number, :title, :month, :year, :area, :obsoleted_by)",
                csv.DictReader(file),
            )


class Catalogue:
    """Everything the application asks of the library, over one connection."""

    def __init__(self, connection: sqlite3.Connection, writing: threading.Lock) -> None:
        self._connection = connection
        self._writing = writing

    # Documents.

    def find(self, area: str = "", q: str = "", limit: int = 500) -> list[RFC]:
        """The documents of an area whose number is `q` or whose title contains it, newest first."""
        return self._rfcs(
            "where (:area = '' or area = :area) and (:q = '' or number = :q or instr(lower(title), lower(:q)))"
            " order by year desc, month desc, number desc limit :limit",
            {"area": area, "q": q, "limit": limit},
        )

    def rfc(self, number: int) -> RFC | None:
        found = self._rfcs("where number = :number", {"number": number})
        return found[0] if found else None

    def replaced_by(self, number: int) -> list[RFC]:
        """The documents that this one made obsolete."""
        return self._rfcs(
            "where ' ' || obsoleted_by || ' ' like '% ' || :number || ' %' order by number", {"number": number}
        )

    def page(self, after: int, size: int = 25) -> list[RFC]:
        """The next documents by number: for reading all of them without keeping a query open."""
        return self._rfcs("where number > :after order by number limit :size", {"after": after, "size": size})

    def all(self) -> Iterator[RFC]:
        last = 0
        while rows := self.page(last):
            yield from rows
            last = rows[-1].number

    def areas(self) -> dict[str, int]:
        rows = self._connection.execute("select area, count(*) from rfcs group by area order by count(*) desc, area")
        return dict(rows.fetchall())

    def random(self) -> int:
        number: int = self._connection.execute("select number from rfcs order by random() limit 1").fetchone()[0]
        return number

    def add(self, rfc: RFC) -> None:
        """Raises sqlite3.IntegrityError when the number is taken."""
        replaced = " ".join(map(str, rfc.obsoleted_by))
        self._write(
            "insert into rfcs (number, title, month, year, area, obsoleted_by) values (?, ?, ?, ?, ?, ?)",
            (rfc.number, rfc.title, rfc.month, rfc.year, rfc.area, replaced),
        )

    def count_reading(self, number: int) -> None:
        self._write("update rfcs set readings = readings + 1 where number = ?", (number,))

    def most_read(self) -> list[tuple[int, str, int]]:
        query = "select number, title, readings from rfcs where readings > 0 order by readings desc, number limit 10"
        return self._connection.execute(query).fetchall()

    # Notes.

    def notes(self, number: int | None = None) -> list[Note]:
        """The notes on one document, oldest first, or on all of them."""
        rows = self._connection.execute(
            "select id, number, reader, text, written from notes where ?1 is null or number = ?1 order by id", (number,)
        )
        return [Note(*row) for row in rows.fetchall()]

    def note(self, number: int, note: int) -> Note | None:
        return next((known for known in self.notes(number) if known.id == note), None)

    def add_note(self, number: int, reader: str, text: str) -> Note:
        """Raises sqlite3.IntegrityError when this reader has left the same note before."""
        key = self._write("insert into notes (number, reader, text) values (?, ?, ?)", (number, reader, text))
        found = self.note(number, key)
        assert found is not None
        return found

    def delete_note(self, note: int) -> bool:
        before = self._connection.total_changes
        self._write("delete from notes where id = ?", (note,))
        return self._connection.total_changes > before

    # The journal.

    def record(self, entry: str) -> None:
        self._write("insert into journal (entry) values (?)", (entry,))

    def journal(self) -> list[Entry]:
        rows = self._connection.execute("select at, entry from journal order by rowid desc limit 50")
        return [Entry(*row) for row in rows.fetchall()]

    def _rfcs(self, rest: str, values: dict[str, object]) -> list[RFC]:
        # `rest` is always a literal of this class; what clients send goes in as values.
        rows = self._connection.execute(
            f"select number, title, month, year, area, obsoleted_by from rfcs {rest}",  # noqa: S608
            values,
        ).fetchall()
        return [
            RFC(number, title, month, year, area, tuple(map(int, obsoleted_by.split())))
            for number, title, month, year, area, obsoleted_by in rows
        ]

    def _write(self, statement: str, values: tuple[object, ...]) -> int:
        with self._writing, self._connection:
            return self._connection.execute(statement, values).lastrowid or 0
