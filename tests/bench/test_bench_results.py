"""What a run leaves: a report that begins with the targets, reasons for those that aren't met, a picture."""

import json
import xml.etree.ElementTree as ElementTree
from fnmatch import fnmatchcase

import pytest
from bench import goals, picture, results, summary
from bench.summary import NO_REASON, Row, reason_of, reasons, rows, section

MACHINE = {"cpu": "one"}
SERVED = {
    "raw asgi (granian asgi)": {"json": [20.0, 22.0], "layers20": [40.0]},
    "nacre asgi (granian asgi)": {"json": [21.0], "layers20": [30.0]},
    "nacre asgi, onion (granian asgi)": {"json": [21.0], "layers20": [99.0]},
    "starlette (granian asgi)": {"json": [42.0], "layers20": [80.0]},
    "aiohttp (its own run)": {"json": [84.0]},
    "nacre asgi (uvicorn)": {"json": [20.0]},
}
STACK = {"starlette (granian asgi)": [300.0], "nacre asgi (granian asgi)": [60.0, 60.0]}
HELD = {
    "server": {"machine": MACHINE, "data": {"cpu_us": SERVED}},
    "stack": {"machine": MACHINE, "data": {"inproc_ns": {}, "cpu_us": STACK}},
    "growth": {"machine": MACHINE, "data": {"missing": "not now"}},
}


def test_each_target_has_a_row_with_its_figure():
    found = {row.name: row for row in rows(HELD)}
    json_row = found["on Granian, json: capacity of nacre asgi by raw asgi"]
    assert json_row == Row("on Granian, json: capacity of nacre asgi by raw asgi", "1.00", "≥ 0.92", True)
    assert found["the stack on Granian: capacity of nacre asgi by starlette"].figure == "5.00"
    assert len(found) == len(rows(HELD)), "two rows have one name"


def test_what_is_nearly_free_and_what_grows_in_a_line_have_rows():
    adding = {"a plain function call": [200.0], "default headers": [80.0], "skipped": [-1.0]}
    layers = {"rsgi": {"adding": adding, "idle": {"a plain function call": [30.0]}}}
    growth = {"routes": {}, "compile_ms": {}, "layers": {"1": [1000.0], "20": [2900.0], "100": [18900.0]}}
    held = {name: {"machine": MACHINE, "data": data} for name, data in (("layers", layers), ("growth", growth))}
    assert [(row.name, row.figure, row.met) for row in rows(held)] == [
        ("a layer on RSGI, default headers: by a plain call", "0.40", False),
        ("a layer on RSGI, skipped: by a plain call", "-0.01", True),
        ("a layer from the 21st to the 100th: by one to the 20th", "2.00", False),
    ]


def test_what_is_not_met_is_listed_with_its_reason_or_with_the_lack_of_one(monkeypatch):
    monkeypatch.setitem(goals.CAPACITY["nacre asgi"], "json", 1.5)
    monkeypatch.setitem(goals.CAPACITY["nacre asgi"], "layers20", 1.6)
    known = {"on Granian, json: *": {"reason": "It sleeps.", "tried": "Shouting (no change).", "floor": "0.1."}}
    monkeypatch.setattr(summary, "reasons", lambda: known)
    text = section(HELD)
    assert "are met" in text.splitlines()[0]
    assert "raw asgi**, 1.00 (≥ 1.5): It sleeps. Tried: Shouting (no change). Floor: 0.1." in text
    assert f"raw asgi**, 1.33 (≥ 1.6): {NO_REASON}" in text


def test_a_reason_under_the_very_name_comes_before_one_under_a_pattern():
    known = {"a *": {"reason": "some"}, "a row": {"reason": "this"}}
    assert reason_of("a row", known) == {"reason": "this"}
    assert reason_of("a line", known) == {"reason": "some"}
    assert reason_of("b", known) is None


def test_every_target_that_was_missed_is_explained():
    unexplained = [
        f"{row.name}: {row.figure} ({row.target})"
        for row in rows(results.held())
        if not row.met and not (reason_of(row.name, reasons()) or {}).get("reason")
    ]
    assert unexplained == []


def test_every_explanation_is_of_a_target_that_was_missed():
    missed = [row.name for row in rows(results.held()) if not row.met]
    assert [key for key in reasons() if not any(name == key or fnmatchcase(name, key) for name in missed)] == []


@pytest.mark.parametrize("name", results.VIEWS)
def test_every_view_has_what_a_run_asks_of_it(name):
    module = results.view(name)
    assert callable(module.measure)
    assert callable(module.tables)


def test_the_report_begins_with_the_targets(tmp_path, monkeypatch):
    for attribute, name in (("RAW", "results.json"), ("REPORT", "RESULTS.md"), ("PICTURE", "results.svg")):
        monkeypatch.setattr(results, attribute, tmp_path / name)
    results.save({"stack": (MACHINE, HELD["stack"]["data"] | {"missing": "no wrk", "inproc_ns": {}})})
    results.save({"server": (MACHINE, HELD["server"]["data"] | {"without": []})})
    assert list(json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))) == ["stack", "server"]
    report = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert report.index("### Targets") < report.index("## server") < report.index("## stack")
    assert (tmp_path / "results.svg").exists()


def drawn(held):
    """The texts of the picture, in the order they are drawn, and the widths of its bars."""
    root = ElementTree.fromstring(picture.draw(held))  # noqa: S314 -- it is our own
    space = "{http://www.w3.org/2000/svg}"
    return [one.text for one in root.iter(f"{space}text")], [
        float(one.get("width", "")) for one in root.iter(f"{space}rect")
    ]


def test_the_picture_has_a_panel_for_each_kind_the_most_capable_first():
    texts, widths = drawn(HELD)
    at = texts.index("A JSON answer")
    assert texts[at + 2 : at + 10] == [
        *("by hand, ASGI", "1.00", "Nacre, ASGI", "1.00"),
        *("Starlette", "0.50", "aiohttp, own server", "0.25"),
    ]
    at = texts.index("A JSON answer behind 20 layers that add a header")
    assert texts[at + 2 : at + 8] == ["Nacre, ASGI", "1.33", "by hand, ASGI", "1.00", "Starlette", "0.50"]
    assert texts[-4:] == ["Nacre, ASGI", "5.00", "Starlette", "1.00"]
    assert widths[2] == pytest.approx(widths[0] / 2, rel=0.01)


def test_the_picture_of_nothing_is_a_picture():
    assert drawn({}) == ([], [])


def test_the_picture_is_for_light_and_for_dark_pages_and_says_what_it_shows():
    text = picture.draw(HELD)
    assert "prefers-color-scheme: dark" in text
    assert 'aria-label="A JSON answer: by hand, ASGI 1.00' in text


def test_the_picture_is_that_of_the_recorded_results():
    assert results.PICTURE.read_text(encoding="utf-8") == picture.draw(results.held())
