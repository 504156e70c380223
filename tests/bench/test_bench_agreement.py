"""Two runs are compared by their ratios: a slower day changes nothing, a slower cell is found."""

import pytest
from bench.agreement import agree, compare

RECORDED = {"nacre": {"plain": [100.0, 103.0], "json": [200.0, 204.0]}, "raw": {"plain": [50.0, 51.0]}}


def scaled(factor, **cells):
    """The recorded run, some times slower; `cells` are slower still."""
    return {
        target: {name: [value * factor * cells.get(name, 1) for value in rounds] for name, rounds in own.items()}
        for target, own in RECORDED.items()
    }


def test_a_slower_machine_agrees():
    (found,) = compare("inproc", RECORDED, scaled(1.7))
    assert found.median == pytest.approx(1.7)
    assert found.disagreeing == []


def test_a_cell_that_became_dearer_is_named():
    (found,) = compare("inproc", RECORDED, scaled(1.0, json=1.2))
    assert found.disagreeing == [("nacre", "json")]
    (table,) = agree({"inproc": {"machine": {}, "data": RECORDED}}, {"inproc": scaled(1.0, json=1.2)})
    assert table.rows == [["inproc", "1.00", "2 of 3 (67%)", "nacre, json: +20% (± 5%)"]]


def test_what_scatters_is_allowed_to():
    scattered = {"raw": {"plain": [50.0]}, "nacre": {"plain": [100.0], "json": [240.0, 300.0]}}
    (found,) = compare("inproc", RECORDED, scattered)
    assert found.disagreeing == []


def test_servers_are_allowed_a_tenth_and_are_compared_by_their_medians():
    recorded = {"cpu_us": {"raw": {"json": [10.0]}, "nacre": {"json": [10.0, 11.0, 20.0]}, "peer": {"json": [30.0]}}}
    new = {"cpu_us": {"raw": {"json": [10.0]}, "nacre": {"json": [12.0]}, "peer": {"json": [34.0]}}}
    (found,) = compare("server", recorded, new)
    assert found.table == ("server", "cpu_us")
    assert found.quotients["cpu_us", "nacre", "json"] == pytest.approx(12 / 11)
    assert found.disagreeing == []
    assert len(compare("inproc", recorded, new)[0].disagreeing) == 1


def test_rows_of_several_figures_are_cells_of_their_own():
    (found,) = compare("start", {"cold": {"raw": [[85.0, 29.0], [88.0, 29.5]]}}, {"cold": {"raw": [[85.0, 29.0]]}})
    assert set(found.quotients) == {("cold", "raw", "0"), ("cold", "raw", "1")}


def test_what_only_one_run_has_is_left_out():
    assert compare("inproc", {"a": {"b": [1.0]}, "words": "none"}, {"a": {"c": [1.0]}}) == []
    assert compare("parts", {"nothing": [0.5, -0.1]}, {"nothing": [0.5, 0.1]}) == []
    assert agree({}, {"inproc": RECORDED})[0].rows == []
