"""docs/security.md says of every entry of the corpus where it is proved, or why it can't be."""

from __future__ import annotations

import json
import re
from pathlib import Path

import corpus_index

ROWS = re.compile(r"^\| (?P<entry>.+) \| (?P<kind>\w+) \| (?P<proof>.+) \|$", re.MULTILINE)


def test_every_entry_has_a_test_or_a_reason() -> None:
    assert corpus_index.unproved() == []


def test_a_reason_stands_for_an_entry_that_has_no_test() -> None:
    proofs = corpus_index.proofs()
    assert [entry for entry in corpus_index.NOT_APPLICABLE if entry not in proofs] == []
    assert [entry for entry in corpus_index.NOT_APPLICABLE if proofs[entry]] == []


def test_the_page_is_current() -> None:
    """`python tests/security/corpus_index.py` writes it anew."""
    text = corpus_index.PAGE.read_text(encoding="utf-8")
    assert text == corpus_index.page(text)


def test_each_entry_is_on_the_page_once_and_its_test_holds_its_number() -> None:
    _, _, index = corpus_index.PAGE.read_text(encoding="utf-8").partition(corpus_index.BEGIN)
    rows = [match.groupdict() for match in ROWS.finditer(index.replace("\\|", "|")) if match["entry"] != "entry"]
    assert sorted(row["entry"] for row in rows) == sorted(entry["id"] for entry in corpus_index.entries())
    texts = dict(corpus_index.tests())
    for row in rows:
        if row["proof"].startswith("`"):
            name = row["proof"].split("`")[1]
            assert any(number in texts[name] for number in corpus_index.numbers(row["entry"])), row
        else:
            assert row["proof"].removeprefix("not applicable: ") == corpus_index.NOT_APPLICABLE[row["entry"]]


def test_the_corpus_is_whole() -> None:
    entries = json.loads((Path(__file__).parent / "corpus.json").read_text(encoding="utf-8"))
    assert len({entry["id"] for entry in entries}) == len(entries) == 299
    assert all(entry["attack"] and entry["expected"] for entry in entries)


def test_a_number_is_found_in_every_way_of_writing() -> None:
    assert corpus_index.numbers("CVE-2024-52804 / CPython CVE-2024-7592") == ["cve-2024-52804", "cve-2024-7592"]
    assert corpus_index.numbers("starlette#3144/#3142/#3143") == ["starlette-3144"]
    assert corpus_index.numbers('sanic 13dc474c "Error on smuggle attempt"') == ["sanic-13dc474c"]
    assert corpus_index.numbers("microdot limits") == ["microdot-limits"]
    assert corpus_index.plain("def test_cve_2024_7592_x") == "def-test-cve-2024-7592-x"
