"""The guard of instructions: what it takes for dearer and cheaper, and what it does on another interpreter."""

import json

import pytest
from bench import callgrind, instructions
from bench.instructions import BASELINE, RECORD, compare, dearer_parts, interpreter, may_compare

HERE = {"python": "CPython 3.11.7", "system": "Linux x86_64", "msgspec": "0.22.0", "uvloop": "0.23.0"}
RECORDED = {"raw asgi, json": 10_000, "raw asgi, plain": 10_000, "nacre asgi, json": 30_000, "nacre rsgi, json": 20_000}
BASE = {"interpreter": HERE, "instructions": RECORDED, "parts": {}}


def test_what_costs_the_same_within_a_twentieth_is_in_order():
    verdict = compare(BASE, HERE, {**RECORDED, "nacre asgi, json": 31_400, "nacre rsgi, json": 19_100})
    assert verdict.dearer == []
    assert verdict.lines == ["Instructions: 2 workloads cost what is recorded, within 5%."]


def test_what_costs_more_is_named_with_both_figures_and_the_way_to_record_it():
    verdict = compare(BASE, HERE, {**RECORDED, "nacre asgi, json": 31_600})
    assert verdict.dearer == ["nacre asgi, json"]
    first, last = verdict.lines
    assert first == "nacre asgi, json costs more: 30,000 instructions recorded, 31,600 now (+5.3%)"
    assert "1 of 2 workloads cost more" in last
    assert "make bench-record" in last
    assert "python -m bench.instructions --record" in last


def test_what_costs_less_is_to_be_recorded_and_is_no_failure():
    verdict = compare(BASE, HERE, {**RECORDED, "nacre rsgi, json": 15_000})
    assert verdict.dearer == []
    assert verdict.lines[0] == "nacre rsgi, json costs less: 20,000 instructions recorded, 15,000 now (-25.0%)"
    assert verdict.lines[-1].endswith(RECORD)


def test_what_was_never_recorded_and_what_is_gone_is_said():
    found = {name: value for name, value in RECORDED.items() if name != "nacre rsgi, json"} | {"nacre wsgi, json": 1}
    lines = compare(BASE, HERE, found).lines
    assert any(line.startswith("nacre rsgi, json: recorded, but no longer measured") for line in lines)
    assert "nacre wsgi, json: not recorded yet" in lines


@pytest.mark.parametrize(
    ("here", "words"),
    [
        (HERE, "built otherwise"),
        ({**HERE, "msgspec": "0.23.0"}, "here is CPython 3.11.7, Linux x86_64, msgspec 0.23.0"),
    ],
    ids=["another build", "another version of a package"],
)
def test_on_another_interpreter_the_ratios_to_the_control_are_compared(here, words):
    twice = {name: value * 2 for name, value in RECORDED.items()}
    verdict = compare(BASE, here, twice)
    assert verdict.dearer == []
    assert words in verdict.lines[0]
    assert "Raw ASGI takes 2.000 times as many instructions here" in verdict.lines[0]
    dearer = compare(BASE, here, {**twice, "nacre asgi, json": 64_000})
    assert dearer.dearer == ["nacre asgi, json"]
    assert "60,000 instructions recorded, 64,000 now (+6.7%)" in dearer.lines[1]


def test_a_slower_control_on_the_same_interpreter_hides_nothing_small():
    found = {**RECORDED, "raw asgi, json": 10_080, "nacre asgi, json": 31_600}
    assert compare(BASE, HERE, found).dearer == ["nacre asgi, json"]


@pytest.mark.parametrize(
    ("changed", "may"),
    [
        ({}, True),
        ({"python": "CPython 3.11.9"}, True),
        ({"uvloop": "none"}, True),
        ({"python": "CPython 3.12.7"}, False),
        ({"python": "PyPy 3.11.7"}, False),
        ({"system": "Linux aarch64"}, False),
    ],
)
def test_only_the_same_minor_version_on_the_same_kind_of_machine_is_compared(changed, may):
    assert may_compare(HERE, {**HERE, **changed}) is may


def test_the_parts_that_grew_are_named_the_most_grown_first():
    recorded = {
        "asgi, json: match": 2_000,
        "asgi, json: chain": 3_000,
        "asgi, json: rest": 5_000,
        "asgi, json: send": 90,
    }
    found = {"asgi, json: match": 3_000, "asgi, json: chain": 3_050, "asgi, json: rest": 7_000, "asgi, json: send": 180}
    assert dearer_parts(recorded, found)[1:] == [
        "  asgi, json: rest: 5,000 recorded, 7,000 now (+2,000)",
        "  asgi, json: match: 2,000 recorded, 3,000 now (+1,000)",
    ]


def test_parts_that_did_not_grow_are_not_blamed():
    assert dearer_parts({"asgi, json: match": 2_000}, {"asgi, json: match": 2_010}) == [
        "None of the parts that bench/costs.py knows grew by itself: look at what stands between them."
    ]


def test_a_failing_check_says_which_parts_grew(tmp_path, monkeypatch, capsys):
    path = tmp_path / "recorded.json"
    recorded = {**BASE, "interpreter": interpreter(), "parts": {"asgi, json: match": 2_000}}
    path.write_text(json.dumps(recorded), encoding="utf-8")
    monkeypatch.setattr(instructions, "BASELINE", path)
    monkeypatch.setattr(instructions, "_counts", lambda: {**RECORDED, "nacre asgi, json": 33_000})
    asked = []

    def count_parts(protocols):
        asked.append(protocols)
        return {"asgi, json: match": 5_000}

    monkeypatch.setattr("bench.costs.count_parts", count_parts)
    assert instructions._check() == 1
    said = capsys.readouterr().out
    assert asked == [["asgi"]]
    assert "asgi, json: match: 2,000 recorded, 5,000 now" in said


def test_without_valgrind_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(callgrind, "is_present", lambda: False)
    monkeypatch.setattr("sys.argv", ["bench.instructions", "--check"])
    instructions.main()
    assert capsys.readouterr().out == f"Instructions: not checked, {callgrind.HOW_TO_GET}.\n"


def test_for_another_python_it_says_so(tmp_path, monkeypatch, capsys):
    path = tmp_path / "recorded.json"
    path.write_text(json.dumps({**BASE, "interpreter": {**HERE, "python": "CPython 3.9.1"}}), encoding="utf-8")
    monkeypatch.setattr(instructions, "BASELINE", path)
    assert instructions._check() == 0
    assert "not checked. They are recorded for CPython 3.9.1" in capsys.readouterr().out


def test_there_is_a_baseline_of_every_protocol_with_its_parts():
    held = json.loads(BASELINE.read_text(encoding="utf-8"))
    for target in ("nacre asgi", "nacre rsgi", "nacre wsgi", "raw asgi"):
        assert any(name.startswith(f"{target}, ") for name in held["instructions"])
    assert {name.partition(",")[0].partition(":")[0] for name in held["parts"]} == {"asgi", "rsgi", "wsgi"}
