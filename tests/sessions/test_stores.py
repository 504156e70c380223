"""The stores: one contract, held by each, between threads and processes; what they write, and what they forget."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alone import run_alone

from nacre.sessions import FileStore, MemoryStore, Record, SQLiteStore
from sessions.kinds import Clock, make_store

KEY = "session-" + "0123456789abcdef" * 4
OTHER = "session-" + "f" * 64
FIRST = Record(b'{"n":"\xc3\xa4"}', 1.25, 1_900_000_000.125)


@pytest.fixture(params=["memory", "file", "sqlite"])
def store(request: pytest.FixtureRequest, stores: dict[str, Any]) -> Any:
    return stores[request.param]


def test_record_comes_back_as_it_was(store: Any) -> None:
    assert store.read(KEY) is None
    assert store.write(KEY, FIRST, None)
    assert store.read(KEY) == FIRST
    assert store.read(OTHER) is None


def test_record_is_only_written_over_the_version_that_was_read(store: Any) -> None:
    second, third = replace(FIRST, data=b'{"n":2}', version=2), replace(FIRST, data=b'{"n":3}', version=3)
    assert not store.write(KEY, second, 1)  # there is none
    assert store.write(KEY, FIRST, None)
    assert not store.write(KEY, FIRST, None)  # there is one
    assert not store.write(KEY, third, 2)
    assert store.write(KEY, second, 1)
    assert not store.write(KEY, second, 1)
    assert store.read(KEY) == second


def test_record_is_deleted_for_good(store: Any) -> None:
    assert not store.delete(KEY)
    assert not store.delete(KEY, 1)
    store.write(KEY, FIRST, None)
    store.write(OTHER, FIRST, None)
    assert not store.delete(KEY, 2)
    assert store.read(KEY) == FIRST
    assert store.delete(KEY, 1)
    assert store.read(KEY) is None
    assert not store.write(KEY, replace(FIRST, version=2), 1)  # what was deleted isn't written over
    assert store.delete(OTHER)
    assert store.read(OTHER) is None


def _count(make: Callable[[], Any]) -> None:
    store = make()
    for _ in range(25):
        while True:
            seen = store.read(KEY)
            if store.write(
                KEY, replace(seen, data=b"%d" % (int(seen.data) + 1), version=seen.version + 1), seen.version
            ):
                break


def test_of_many_threads_that_count_none_loses_a_step(store: Any) -> None:
    store.write(KEY, replace(FIRST, data=b"0"), None)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_count, [lambda: store] * 4))
    assert store.read(KEY).data == b"100"


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_of_several_processes_that_count_none_loses_a_step(kind: str, tmp_path: Path, stores: dict[str, Any]) -> None:
    make = functools.partial(*((FileStore, tmp_path / "x") if kind == "file" else (SQLiteStore, tmp_path / "x.db")))
    store = make()
    store.write(KEY, replace(FIRST, data=b"0"), None)
    processes = [multiprocessing.get_context("spawn").Process(target=_count, args=(make,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert store.read(KEY).data == b"75"
    if kind == "sqlite":
        store.close()


def test_expired_records_vanish(store: Any, clock: Clock) -> None:
    for number in range(50):
        store.write(f"session-{number:064}", replace(FIRST, expires=clock.now + 3600), None)
    store.write(KEY, FIRST, None)
    clock.now += 3600  # when files are swept again; the others are by then
    store.write(OTHER, replace(FIRST, expires=clock.now + 10), None)
    assert store.read("session-" + "0" * 64) is None
    assert store.read("session-" + "0" * 62 + "49") is None
    assert store.read(KEY) == FIRST
    assert store.read(OTHER) is not None


def test_memory_store_bounds_what_it_keeps(clock: Clock) -> None:
    store = MemoryStore(max_records=3, clock=clock)
    for name in "abc":
        store.write(name, FIRST, None)
    store.write("a", replace(FIRST, version=2), 1)
    store.write("d", FIRST, None)
    assert len(store) == 3
    assert [store.read(name) is not None for name in "abcd"] == [True, False, True, True]


# Files.


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = FileStore(tmp_path / "sessions")
        store.write(KEY, FIRST, None)
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "sessions").iterdir()} == {
        KEY: 0o600,
        "lock": 0o600,
    }


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content[:-1], id="cut off"),
        pytest.param(lambda content: content[:10], id="half a line"),
        pytest.param(lambda content: b"x" + content, id="no number"),
        pytest.param(lambda content: content + b"x", id="longer"),
        pytest.param(lambda content: bytes(100), id="zeros"),
    ],
)
def test_damaged_file_is_no_record_and_is_written_over(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    store = FileStore(tmp_path / "sessions")
    store.write(KEY, FIRST, None)
    path = tmp_path / "sessions" / KEY
    path.write_bytes(damage(path.read_bytes()))
    assert store.read(KEY) is None
    assert store.write(KEY, FIRST, None)
    assert store.read(KEY) == FIRST


def test_file_that_was_half_written_by_a_process_that_died_goes(tmp_path: Path, clock: Clock) -> None:
    store = FileStore(tmp_path / "sessions", clock=clock)
    left = tmp_path / "sessions" / ".new-0123456789abcdef"
    left.write_bytes(b"half")
    store.write(KEY, replace(FIRST, expires=clock.now + 5), None)
    assert not left.exists()


def test_files_of_others_in_the_directory_stay(tmp_path: Path, clock: Clock) -> None:
    directory = tmp_path / "sessions"
    store = FileStore(directory, clock=clock)
    others = ["notes.txt", ".profile", ".new-house", "session-1", "lock.old", KEY + "0"]
    for name in others:
        (directory / name).write_text("mine")
        os.utime(directory / name, (0, 0))
    (directory / OTHER).write_bytes(b"expired")
    os.utime(directory / OTHER, (0, 0))
    store.write(KEY, replace(FIRST, expires=clock.now + 5), None)
    assert sorted(path.name for path in directory.iterdir()) == sorted([*others, KEY, "lock"])


def test_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(tmp_path / "sessions")
    store.write(KEY, FIRST, None)

    def no_space(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="No space"):
        store.write(KEY, replace(FIRST, data=b"x" * 1000, version=2), 1)
    monkeypatch.undo()
    assert store.read(KEY) == FIRST
    assert sorted(path.name for path in (tmp_path / "sessions").iterdir()) == ["lock", KEY]


# SQLite.


def test_database_is_for_its_owner_alone_and_in_wal_mode(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = SQLiteStore(tmp_path / "sessions.db")
        store.write(KEY, FIRST, None)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        assert modes == {"sessions.db": 0o600, "sessions.db-wal": 0o600, "sessions.db-shm": 0o600}
    finally:
        os.umask(before)
        store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.db"]


def test_closed_database_is_opened_again_when_it_is_used(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "sessions.db")
    store.close()
    store.write(KEY, FIRST, None)
    store.close()
    store.close()
    assert store.read(KEY) == FIRST
    store.close()


def test_table_stands_beside_those_of_the_application(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    own = sqlite3.connect(path)
    own.execute("CREATE TABLE pearls (size)")
    own.execute("INSERT INTO pearls VALUES (7)")
    own.commit()
    store = SQLiteStore(path)
    store.write(KEY, FIRST, None)
    assert own.execute("SELECT size FROM pearls").fetchall() == [(7,)]
    assert own.execute("SELECT key FROM nacre_sessions").fetchall() == [(KEY,)]
    own.close()
    store.close()


FORKING = """
import os, sys
from dataclasses import replace
from nacre.sessions import Record, SQLiteStore

key, first = "session-" + "0" * 64, Record(b"{}", 1.0, 1e11)
store = SQLiteStore(sys.argv[1])
assert store.write(key, first, None)
child = os.fork()
if child == 0:
    right = store.read(key) == first and store.write(key, replace(first, version=2), 1)
    store.close()
    os._exit(0 if right else 1)
assert os.waitpid(child, 0)[1] == 0
assert store.read(key).version == 2
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_process_that_was_forked_off_opens_the_database_anew(tmp_path: Path) -> None:
    run_alone(FORKING, tmp_path / "sessions.db")


def test_database_may_be_used_from_any_thread(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "sessions.db")
    store.write(KEY, FIRST, None)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(store.read(KEY)))
    thread.start()
    thread.join(10)
    assert found == [FIRST]
    store.close()


def test_file_that_is_no_database_is_said_to_be_none_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database at all, " * 100)
    store = SQLiteStore(tmp_path / "notes.txt")
    for _ in range(2):
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            store.read(KEY)
    store.close()
    assert (tmp_path / "notes.txt").read_text() == "no database at all, " * 100


@pytest.mark.parametrize("kind", ["memory", "file", "sqlite"])
def test_clock_that_is_set_back_does_not_stop_the_deleting(kind: str, tmp_path: Path, clock: Clock) -> None:
    store = make_store(kind, tmp_path, clock)
    clock.now += 1e9
    store.write(KEY, replace(FIRST, expires=clock.now + 5), None)
    clock.now -= 1e9
    store.write(OTHER, replace(FIRST, expires=clock.now + 5), None)
    clock.now += 4000
    store.write("session-" + "e" * 64, replace(FIRST, expires=clock.now + 5), None)
    assert store.read(OTHER) is None
    if kind == "sqlite":
        store.close()


def test_what_fails_while_old_sessions_are_deleted_is_logged_and_the_write_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    store = FileStore(tmp_path / "sessions")
    monkeypatch.setattr(os, "scandir", refuse)
    assert store.write(KEY, FIRST, None)
    assert store.read(KEY) == FIRST
    assert "deleting sessions that have expired failed" in caplog.text


def test_reading_does_not_wait_for_who_writes(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "sessions.db")
    store.write(KEY, FIRST, None)
    other = sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    written: list[bool] = []
    writer = threading.Thread(target=lambda: written.append(store.write(KEY, replace(FIRST, version=2), 1)))
    writer.start()
    assert [store.read(KEY) for _ in range(200)] == [FIRST] * 200
    assert written == []
    other.execute("ROLLBACK")
    other.close()
    writer.join(10)
    assert written == [True]
    found = store.read(KEY)
    assert found is not None
    assert found.version == 2
    store.close()


def test_new_database_waits_for_who_uses_the_file_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    other.execute("CREATE TABLE pearls (size)")
    other.execute("BEGIN IMMEDIATE")  # SQLite says at once, and not after a timeout, that the mode can't be changed
    monkeypatch.setattr(time, "sleep", lambda seconds: other.execute("ROLLBACK"))
    store = SQLiteStore(tmp_path / "app.db")
    assert store.write(KEY, FIRST, None)
    store.close()
    other.close()
