"""The view `dialects` measures a program that its dialect answers rightly, and says what it has found."""

import gc
import re
import sys

import pytest
from bench import wrk
from bench.dialects import COMPARISONS, PROTOCOLS, WORKLOADS, dialect_target, measure, tables
from bench.drivers import driver_for
from bench.effort import QUICK
from bench.environments import ORIGINALS, ROOT
from bench.goals import DIALECTS
from bench.originals import HOW_TO_GET, NAMES, in_dialect, python_of
from bench.servers import OWN
from bench.workloads import WORKLOADS as ALL
from bench.workloads import check

# The view measures some of what the programs answer.
ANSWERED = (*WORKLOADS, "params", "body")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for rewritten programs, which this process finds and forgets with the test."""
    monkeypatch.syspath_prepend(tmp_path)
    held = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - held:
        if name.endswith("_in_dialect"):
            del sys.modules[name]


@pytest.mark.parametrize("workload", ANSWERED)
@pytest.mark.parametrize(
    ("system", "kind"),
    [
        pytest.param(comparison.system, kind, id=f"{comparison.system}-{PROTOCOLS[kind]}")
        for comparison in COMPARISONS
        for kind in comparison.dialect
        if kind is not OWN or comparison.original is not OWN
    ],
)
def test_each_dialect_answers_the_program_of_its_original(system, kind, workload, folder):
    target = dialect_target(system, kind, folder)
    asked = ALL[workload]
    setting = asked.under(target.setting)
    driver = driver_for(target.protocol)
    app = target.build(setting)
    for call in asked.calls:
        check(call, setting, driver.answer(app, call))
    assert driver.run(app, asked.calls, 2) > 0
    driver.close()


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("system", NAMES)
def test_a_request_leaves_nothing_for_the_garbage_collector(system, workload, folder):
    kind = next(comparison.dialect[0] for comparison in COMPARISONS if comparison.system == system)
    target = dialect_target(system, kind, folder)
    asked = ALL[workload]
    app, driver = target.build(asked.under(target.setting)), driver_for(target.protocol)
    driver.run(app, asked.calls, 50)  # what is made once
    gc.collect()
    gc.disable()
    try:
        driver.run(app, asked.calls, 50)  # collects before it begins
        assert gc.collect() < 50
    finally:
        gc.enable()
        driver.close()


@pytest.mark.parametrize(
    ("line", "rewritten"),
    [
        ("from microdot import Microdot", "from nacre.dialects.microdot import Microdot"),
        ("    from microdot.cors import CORS", "    from nacre.dialects.microdot.cors import CORS"),
        ("import microdot", "import nacre.dialects.microdot as microdot"),
        ("import microdot as m", "import nacre.dialects.microdot as m"),
        ("import microdot.cors as c", "import nacre.dialects.microdot.cors as c"),
        ("import microdot.cors", "import nacre.dialects.microdot.cors\nimport nacre.dialects.microdot as microdot"),
        ("import microdots", "import microdots"),
        ("from microdot_extra import a", "from microdot_extra import a"),
        ('text = "from microdot import a"', 'text = "from microdot import a"'),
        ("from nacre.dialects.microdot import a", "from nacre.dialects.microdot import a"),
    ],
)
def test_only_import_lines_are_rewritten(line, rewritten):
    assert in_dialect(f"x = 1\n{line}\ny = 2\n", "microdot") == f"x = 1\n{rewritten}\ny = 2\n"


def test_the_table_gives_ratios_targets_and_which_are_met():
    rounds = {"plain": [30.0, 34.0, 32.0], "json": [40.0], "layers5": [60.0]}
    found = {"madara (granian wsgi)": rounds}
    found["nacre.dialects.madara (granian wsgi)"] = {"plain": [16.0], "json": [10.0], "layers5": [40.0]}
    others = {name: "its server did not start" for name in NAMES if name != "madara"}
    data = {"versions": {"madara": "0.1.2"}, "cpu_us": {"madara": found}, "failed": others}
    (table,) = tables(data)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["madara 0.1.2 (granian wsgi)"][:3] == ["1.00 (32.0 us)", "1.00 (40.0 us)", "1.00 (60.0 us)"]
    assert rows["madara 0.1.2 (granian wsgi)"][5] == "13%"
    ours = rows["  dialect (granian wsgi)"]
    assert ours[:5] == ["2.00 (16.0 us)", "4.00 (10.0 us)", "1.50 (40.0 us)", "≥ 2", "yes / yes / no"]
    assert "flama: its server did not start" in rows


def test_the_table_says_what_is_missing():
    (table,) = tables({"missing": "no wrk"})
    assert "no wrk" in table.markdown()


def test_a_system_that_fails_is_told_and_leaves_the_others_their_figures(tmp_path, monkeypatch):
    python = tmp_path / "flama" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho there is no flama here\necho '[ERROR] ended'\nexit 3\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("NACRE_ORIGINALS", str(tmp_path))
    monkeypatch.setattr(wrk, "is_present", lambda: True)
    data = measure(QUICK)
    others = {name: HOW_TO_GET for name in NAMES if name != "flama"}
    assert data["failed"] == {**others, "flama": "flama (granian asgi) did not start: there is no flama here"}
    assert data["cpu_us"] == {}
    assert len(tables(data)[0].rows) == len(NAMES)


def test_without_any_original_nothing_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("NACRE_ORIGINALS", str(tmp_path))
    assert measure(QUICK) == {"missing": HOW_TO_GET}


def test_every_system_is_compared_and_has_a_goal():
    assert {comparison.system for comparison in COMPARISONS} == set(NAMES) == set(DIALECTS)


@pytest.mark.parametrize("name", NAMES)
def test_the_originals_environment_is_pinned_and_has_our_server(name):
    lines = (ORIGINALS.lists / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(re.fullmatch(r"([\w.-]+)==(\S+)(?: ;.*)?", line).groups() for line in lines if line[0] != "#")
    runtime = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    assert name in pinned
    assert "uvloop" in pinned
    assert re.search(rf"^granian=={re.escape(pinned['granian'])}\b", runtime, re.MULTILINE)


def test_environments_are_where_the_variable_says(tmp_path, monkeypatch):
    python = tmp_path / "flama" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    monkeypatch.setenv("NACRE_ORIGINALS", str(tmp_path))
    assert python_of("flama") == python
    assert python_of("rapidy") is None
