"""What each dialect has of its original: the tables of docs/dialects, made from the tests' data.

`python tests/dialects/features_index.py` writes them anew. `features.json` holds the rows (what the original offers and
whether its document says so), each system's `features*.toml` the tests that prove a row, or why it is left out.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PAGES = FOLDER.parents[1] / "docs" / "dialects"
SYSTEMS = ("microdot", "madara", "flama", "blacksheep", "rapidy")
BEGIN, END = "<!-- features -->", "<!-- /features -->"


def rows() -> dict[str, dict[str, str]]:
    """What the originals offer, by id."""
    found: dict[str, dict[str, str]] = json.loads((FOLDER / "features.json").read_text(encoding="utf-8"))
    return found


def proofs(system: str) -> dict[str, dict[str, Any]]:
    """What is said of each row of a system: `tests`, `note`, `left_out`."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((FOLDER / system).glob("features*.toml")):
        for row, proof in tomllib.loads(path.read_text(encoding="utf-8")).items():
            assert row not in found, f"{row} is in two files"
            found[row] = proof
    return found


def table(system: str) -> str:
    """The table of a system's page."""
    proved = proofs(system)
    lines = ["| | What the original offers | Said by | Proved by, or left out because |", "|---|---|---|---|"]
    for row, about in rows().items():
        if about["system"] == system:
            said = "its document" if about["tag"] == "seed" else "its code"
            lines.append(f"| {row} | {_cell(about['what'])} | {said} | {_cell(_proof(proved.get(row, {})))} |")
    return "\n".join(lines)


def _proof(proof: dict[str, Any]) -> str:
    if "left_out" in proof:
        return f"left out: {proof['left_out']}"
    tests = [f"`{test.partition('::')[2]}`" for test in proof.get("tests", ())]
    return "; ".join([", ".join(tests), *([proof["note"]] if "note" in proof else [])])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def with_table(page: str, system: str) -> str:
    """A page with its table made anew."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    assert found, f"docs/dialects/{system}.md has no lines {BEGIN} and {END}"
    return f"{before}{BEGIN}\n\n{table(system)}\n\n{END}{after}"


def main() -> None:
    for system in SYSTEMS:
        path = PAGES / f"{system}.md"
        path.write_text(with_table(path.read_text(encoding="utf-8"), system), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
