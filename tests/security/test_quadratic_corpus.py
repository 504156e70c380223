"""Entries of the classes quadratic, redos and header_parse that are about time, and the quadratic gate (R4).

`reliability/parsers.py` is the table of parsers and hostile inputs; `python -m reliability quadratic` prints the times.
"""

from __future__ import annotations

import pytest
from reliability.parsers import PARSERS, Parser
from reliability.quadratic import RATIO, growth

CASES = [pytest.param(parser, name, id=f"{parser.name}, {name}") for parser in PARSERS for name in parser.inputs]


@pytest.mark.parametrize(("parser", "name"), CASES)
def test_sixteen_times_the_input_takes_at_most_24_times_as_long(parser: Parser, name: str) -> None:
    assert growth(parser, name) <= RATIO


def test_the_gate_has_at_least_25_parsers() -> None:
    assert len(PARSERS) >= 25
    assert len({parser.name for parser in PARSERS}) == len(PARSERS)


def test_what_takes_quadratic_time_is_noticed() -> None:
    slow = Parser(
        "slow", "builtins:str", {"n": lambda n: "a" * (n // 16)}, lambda _, text: [text.count("b") for _ in text]
    )
    assert growth(slow, "n", attempts=1) > 2 * RATIO


ENTRIES = {
    "werkzeug#2904": [("Content-Type", "an open quote"), ("multipart headers", "an open quote")],
    "CVE-2019-14235 / CVE-2023-41164": [("path", "bytes that are no UTF-8"), ("query", "bytes that are no UTF-8")],
    "CVE-2025-14550": [("received headers", "of one name"), ("headers to send", "of one name")],
    "CVE-2025-67725 GHSA-c98p-7wgm-6p64": [("received headers", "of one name"), ("headers to send", "of one name")],
    "CVE-2024-52804 / CPython CVE-2024-7592": [("cookies", "backslashes"), ("cookies", "half octal escapes")],
    "CPython CVE-2024-7592": [("cookies", "octal escapes"), ("cookies", "quotes")],
    "CVE-2025-67726 GHSA-jhmp-mqwm-3gq8": [("multipart headers", "semicolons"), ("multipart headers", "parameters")],
    "uvicorn#2845": [("body in single bytes", "bytes"), ("urlencoded form", "one name")],
    "python-multipart#300/#281": [
        ("multipart body", "line ends"),
        ("multipart body", "almost boundaries"),
        ("multipart body in pieces", "almost boundaries"),
    ],
    "CVE-2024-24762": [("Content-Type", "backslashes"), ("Content-Type", "semicolons"), ("boundary", "quoted")],
    "CVE-2020-5236": [("line of a log", "controls")],
    "GHSA-8j4g-w8fx-2239": [("CORS request headers", "commas"), ("CORS request headers", "spaces")],
    "CVE-2022-36087": [("Location", "percent signs"), ("next URL", "dots"), ("Host", "an address")],
}
"""By entry: which cases of the gate are its attack."""


@pytest.mark.parametrize(
    ("parser", "name"),
    [pytest.param(*case, id=f"{entry}, {case[1]}") for entry, cases in ENTRIES.items() for case in cases],
)
def test_the_attack_takes_time_that_grows_with_its_length(parser: str, name: str) -> None:
    [found] = [one for one in PARSERS if one.name == parser]
    assert growth(found, name) <= RATIO
