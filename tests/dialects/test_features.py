"""Every row of what the originals offer is proved by tests that exist, or left out for a reason that is told."""

import ast
import functools

import pytest

from dialects.features_index import FOLDER, PAGES, SYSTEMS, proofs, rows, with_table

ROOT = FOLDER.parents[1]


@functools.cache
def names_in(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize(("row", "about"), rows().items(), ids=list(rows()))
def test_a_row_is_proved_or_left_out_for_a_reason(row, about):
    proof = proofs(about["system"]).get(row)
    assert proof is not None, f"{row} ({about['what']}) is in no features*.toml"
    assert set(proof) <= {"tests", "note", "left_out"}
    if "left_out" in proof:
        assert about["tag"] != "seed", "what the document says may not be left out"
        assert proof["left_out"]
        assert "tests" not in proof
        return
    assert proof["tests"]
    for test in proof["tests"]:
        path, _, name = test.partition("::")
        assert name.partition("[")[0] in names_in(path), f"{test} doesn't exist"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_has_no_rows_but_its_own(system):
    assert set(proofs(system)) == {row for row, about in rows().items() if about["system"] == system}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_table_on_the_page_is_the_one_the_data_gives(system):
    page = (PAGES / f"{system}.md").read_text(encoding="utf-8")
    assert page == with_table(page, system), "run `python tests/dialects/features_index.py`"
