"""The table of parts adds up, and knows how each transport enters them."""

import gc

import pytest
from bench.costs import PARTS, TARGETS, layer, measure_costs, parts, tables


@pytest.fixture(autouse=True)
def frozen():
    """Each round begins with a collection, which would go through all that the other tests have left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("protocol", TARGETS)
def test_every_part_of_a_request_is_measured_and_they_add_up_to_the_whole(protocol):
    costs = measure_costs(protocol, rounds=1, seconds=0.001)
    for workload in ("plain", "json", "params", "body"):
        found = parts(costs, workload)
        assert sum(found[part] for part in (*PARTS, "driver")) == pytest.approx(found["whole"])
        assert found["whole"] > 0
    assert parts(costs, "plain")["encode"] == parts(costs, "plain")["binding"] == 0
    assert parts(costs, "body")["binding"] > 0


def test_a_part_is_what_is_left_when_what_it_needs_is_taken_off():
    costs = {
        "nothing": 10.0,
        "json: driver": 100.0,
        "json: given": 20.0,
        "json: request": 50.0,
        "json: matched": 90.0,
        "json: handled": 400.0,
        "json: handler": 100.0,
        "json: bound": 250.0,
        "json: converted": 80.0,
        "json: encoded": 40.0,
        "json: headers": 60.0,
        "json: send": 30.0,
        "json: whole": 1000.0,
    }
    assert parts(costs, "json") == {
        "request object": 30.0,
        "match": 40.0,
        "chain": 400.0 - 80.0 - 70.0 - 100.0 - 40.0 - 30.0,
        "binding": 70.0,
        "handler": 100.0,
        "result to response": 40.0,
        "encode": 30.0,
        "headers": 50.0,
        "send": 30.0,
        "rest": 1000.0 - 100.0 - 30.0 - 40.0 - 80.0 - 70.0 - 100.0 - 40.0 - 30.0 - 50.0 - 30.0,
        "driver": 100.0,
        "whole": 1000.0,
    }


def test_a_layer_is_a_twentieth_of_what_twenty_of_them_add():
    assert layer({"layers: onion": 3000.0, "json: whole": 1000.0}, "onion") == 100.0


def test_the_table_shows_times_with_the_recorded_instructions():
    costs = measure_costs("rsgi", rounds=1, seconds=0.001)
    counts = {"rsgi, json: match": 2100.0, "rsgi: one layer, onion": 900.0}
    (table,) = tables({"ns": {"rsgi": costs}, "instructions": counts})
    rows = {row[0]: row for row in table.rows}
    assert rows["match"][2].endswith(" (2,100)")
    assert rows["one layer: onion"][2].endswith(" (900)")
    assert rows["encode"][1] == ""
