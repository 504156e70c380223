"""Properties of every parser of the wire and of every signed format, for inputs that nobody has thought of.

The targets of `fuzz/` say what must hold; here each gets a fixed set of inputs, the same in every run: those that are
kept in `fuzz/corpus`, what Hypothesis makes of the words of all grammars, and bytes. `make fuzz` goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fuzz.targets import SECONDS_MAX, TARGETS, Finding, expect
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).parents[2] / "fuzz" / "corpus"

WORDS = [
    *(
        b"",
        b" ",
        b"\t",
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\x1b",
        b"\x7f",
        b"\xff",
        b"\xc3\xa9",
        b"\xed\xa0\x80",
        b"\xe2\x80\xae",
    ),
    *(
        b"a",
        b"b",
        b"A",
        b"1",
        b"0",
        b"99999",
        b"-",
        b"_",
        b".",
        b"..",
        b"/",
        b"//",
        b"\\",
        b"%",
        b"%2f",
        b"%25",
        b"%ff",
        b"+",
    ),
    *(b"=", b";", b",", b":", b'"', b"'", b"&", b"?", b"#", b"@", b"*", b"<", b">", b"[", b"]", b"{", b"}", b"(", b")"),
    *(b"--b", b"--b--", b"\r\n--b\r\n", b'Content-Disposition: form-data; name="a"', b'; filename="x"', b"\r\n\r\n"),
    *(b"bytes=", b"0-1", b"W/", b'"a"', b"Sun, 06 Nov 1994 08:49:37 GMT", b"q=0.5", b"text/html", b"*/*", b"charset="),
    *(
        b"https://",
        b"a.example",
        b"[::1]",
        b"for=",
        b"proto=https",
        b"Basic ",
        b"YTpi",
        b"max-age=",
        b"private",
        b"data: ",
    ),
    *(b"id: ", b"retry: ", b"event: ", b"null", b"NaN", b"1e999", b"\\u0000", b"\\ud800", b"true", b"CON", b"NUL.txt"),
]
BYTES = st.binary(max_size=200) | st.lists(st.sampled_from(WORDS), max_size=14).map(b"".join)
HEAD = st.binary(min_size=1, max_size=1)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=250, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(head=HEAD, data=BYTES)
def test_a_parser_keeps_its_promises(name: str, head: bytes, data: bytes) -> None:
    TARGETS[name](head + data)
    TARGETS[name](data)


KEPT = [path for path in sorted(CORPUS.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_input_that_was_kept_is_harmless(path: Path) -> None:
    """Small inputs of every kind, and all that have ever broken something."""
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_has_inputs_to_begin_with() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert len(TARGETS) >= 12


def test_a_broken_promise_is_a_finding() -> None:
    with pytest.raises(Finding, match="two"):
        expect(1 == 2, "one is two")


def test_a_call_that_takes_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Callable[[], float] = iter([0.0, SECONDS_MAX * 2, 1.0, 1.0 + SECONDS_MAX * 2]).__next__
    monkeypatch.setattr("fuzz.targets.time.process_time", clock)
    with pytest.raises(Finding, match=r"took 0\.2"):
        TARGETS["ranges"](b"")
