"""Records of the access log: made from a pattern, and the same as the logger's own."""

import asyncio
import logging
import multiprocessing
import os
import threading
import time

import pytest

from nacre.traffic.records import Records

DATED = {"created", "msecs", "relativeCreated"}


@pytest.fixture
def logger():
    return logging.Logger("test.records")


def records_of(logger):
    return Records(logger, __file__, "_end")


def own_record(logger):
    return logger.makeRecord(logger.name, logging.INFO, __file__, 0, "%s", ("a line",), None, "_end")


def check_same(logger, record):
    expected, found = vars(own_record(logger)), dict(vars(record))
    assert type(record) is logging.LogRecord
    assert found.pop("access") == {"a": 1}
    assert list(found) == list(expected)
    assert {name: found[name] for name in found.keys() - DATED} == {
        name: expected[name] for name in expected.keys() - DATED
    }
    assert record.getMessage() == "a line"
    assert abs(found["created"] - expected["created"]) < 5
    assert abs((found["relativeCreated"] - expected["relativeCreated"]) / 1000) < 5
    started = [one["created"] - one["relativeCreated"] / 1000 for one in (found, expected)]
    assert abs(started[0] - started[1]) < 1e-4
    assert abs(found["msecs"] - found["created"] % 1 * 1000) <= 1
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in expected.items()
    }


def test_a_record_has_what_the_loggers_own_has(logger):
    records = records_of(logger)
    for _ in range(3):
        check_same(logger, records.make("a line", {"a": 1}, time.time()))


def test_a_record_is_of_the_thread_and_of_the_task_that_make_it(logger):
    records = records_of(logger)
    records.make("a line", {}, time.time())
    failures = []

    async def in_task():
        await asyncio.create_task(check(), name="mine")

    async def check():
        check_same(logger, records.make("a line", {"a": 1}, time.time()))

    def in_thread():
        try:
            asyncio.run(in_task())
        except AssertionError as error:
            failures.append(error)

    thread = threading.Thread(target=in_thread, name="its own")
    thread.start()
    thread.join()
    assert not failures


def test_the_first_thread_of_a_second_names_no_other(logger):
    records = records_of(logger)
    now = time.time()
    thread = threading.Thread(target=records.make, args=("a line", {"a": 1}, now))
    thread.start()
    thread.join()
    check_same(logger, records.make("a line", {"a": 1}, now))


@pytest.mark.parametrize("switch", ["logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"])
def test_what_is_switched_off_is_none(logger, monkeypatch, switch):
    monkeypatch.setattr(logging, switch, False, raising=False)
    check_same(logger, records_of(logger).make("a line", {"a": 1}, time.time()))


def test_each_record_is_of_its_own_time(logger):
    records = records_of(logger)
    for now in (1000.25, 1000.5, 1001.0, 999.999):
        record = records.make("a line", {}, now)
        assert (record.created, record.msecs) == (now, int(now % 1 * 1000))


def test_names_that_change_are_known_a_second_later(logger, monkeypatch):
    records = records_of(logger)
    records.make("a line", {}, time.time())
    monkeypatch.setattr(multiprocessing.current_process(), "_name", "renamed")
    logging.addLevelName(logging.INFO, "Information")
    try:
        record = records.make("a line", {}, time.time() + 1)
    finally:
        logging.addLevelName(logging.INFO, "INFO")
    assert (record.processName, record.levelname) == ("renamed", "Information")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_its_own_number_at_once(logger):
    records = records_of(logger)
    records.make("a line", {}, time.time())
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            record = records.make("a line", {}, time.time())
            os.write(writer, str(record.process).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reader, 20)) == child
    os.close(reader)
    os.close(writer)


class Traced(logging.LogRecord):
    """A record of an application's own kind."""


def test_a_factory_of_records_is_asked(logger):
    records = records_of(logger)
    records.make("a line", {}, time.time())
    logging.setLogRecordFactory(Traced)
    try:
        record = records.make("a line", {"a": 1}, time.time())
    finally:
        logging.setLogRecordFactory(logging.LogRecord)
    assert (type(record), record.access, record.getMessage()) == (Traced, {"a": 1}, "a line")


def test_a_logger_that_makes_its_own_records_is_asked():
    class Own(logging.Logger):
        def makeRecord(self, *arguments, **more):  # noqa: N802 - the logger's name for it
            record = super().makeRecord(*arguments, **more)
            record.mine = True
            return record

    assert records_of(Own("test.own")).make("a line", {}, time.time()).mine
    logger = logging.Logger("test.instance")
    logger.makeRecord = lambda *arguments: logging.makeLogRecord({"mine": True})
    assert records_of(logger).make("a line", {}, time.time()).mine
