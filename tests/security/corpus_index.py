"""Where each entry of `corpus.json` is proved: the table of docs/security.md, made from the tests.

`python tests/security/corpus_index.py` writes it anew. A test proves an entry if its name, its parameters, its
docstring or a table that it uses holds the entry's id, or one of the numbers of which an id is made (`CVE-2023-29159`,
`GHSA-f96h-pmfr-66vw`, `starlette#3044`). What no test proves has its reason in `NOT_APPLICABLE`.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "security.md"
BEGIN = "<!-- The index: written by `python tests/security/corpus_index.py` -->"
END = "<!-- The end of the index -->"

NOT_APPLICABLE: dict[str, str] = {
    "CVE-2025-57804": "HTTP/2 is read by the server alone (Granian's is hyper): no code of Nacre sees a frame",
    "CVE-2016-6581": "header compression of HTTP/2 is the server's",
    "django-bolt 9cc5474": "a helper for development; there is one `StaticFiles`, the same in debug mode",
    "hypercorn changelog": "the handshake of TLS and the reading ahead of HTTP/1.1 are the server's",
    "CVE-2021-45958": "ujson is not used",
    "CVE-2026-49854 GHSA-cx3h-4qpv-8hc9": "Nacre has no native code: the server or `websockets` unmasks frames",
    "CVE-2021-32838": "there is no validator of e-mail addresses; patterns are the program's",
    "CVE-2023-36053": "there is no validator of e-mail addresses",
    "CVE-2018-7536/7537, CVE-2019-14232/14233, CVE-2023-43665, CVE-2024-27351": (
        "there are no filters that shorten or link HTML"
    ),
    "CVE-2024-38875 / 41990 / 41991 / 45230": "there are no filters that link HTML",
    "CVE-2025-26699": "there are no filters that wrap text",
    "CVE-2015-2316": "there are no filters that strip tags",
    "gunicorn#3661": "the count of connections and the drain are the server's; tests/servers/test_stopping.py has ours",
    "gunicorn#3648": "reloading by SIGHUP is gunicorn's; `app.run(reload=True)` starts new processes",
}
"""By id: why no test of Nacre can prove or disprove an entry."""


def entries() -> list[dict[str, str]]:
    """The corpus."""
    found: list[dict[str, str]] = json.loads((FOLDER / "corpus.json").read_text(encoding="utf-8"))
    return found


_NUMBER = re.compile(r"CVE-\d{4}-\d+|GHSA(?:-[a-z0-9]{4}){3}|[\w-]+#\d+|[\w-]+ [0-9a-f]{7,8}\b")


def numbers(entry: str) -> list[str]:
    """What an entry may be called by in a test, as `plain` writes it; the whole id where it has no numbers."""
    return [plain(one) for one in _NUMBER.findall(entry)] or [plain(entry)]


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


@functools.cache
def tests() -> tuple[tuple[str, str], ...]:
    """Each test, as `file::name`, and all that belongs to it: decorators, docstring, body, the tables it names."""
    return tuple(_tests())


def _tests() -> Iterator[tuple[str, str]]:
    for path in sorted(FOLDER.glob("test_*.py")):
        if path.name == "test_index.py":
            continue  # ids are its subject
        source = path.read_text(encoding="utf-8")
        module = ast.parse(source)
        tables = dict(_tables(module, source))
        for node in module.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield f"{path.name}::{node.name}", plain("\n".join(_belonging(node, source, tables)))


def _tables(module: ast.Module, source: str) -> Iterator[tuple[str, tuple[str, ast.AST]]]:
    """What the names of a module stand for."""
    for node in module.body:
        targets: list[Any] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, (ast.get_source_segment(source, node) or "", node)


def _belonging(node: Any, source: str, tables: dict[str, tuple[str, ast.AST]]) -> Iterator[str]:
    seen: set[str] = set()
    waiting: list[ast.AST] = [node, *node.decorator_list]
    yield from (ast.get_source_segment(source, one) or "" for one in waiting)
    while waiting:
        names = {one.id for one in ast.walk(waiting.pop()) if isinstance(one, ast.Name)} - seen
        seen |= names
        for name in sorted(names & tables.keys()):
            text, table = tables[name]
            yield text
            waiting.append(table)


@functools.cache
def proofs() -> dict[str, list[str]]:
    """The tests of each entry, those first that are named after it."""
    texts = tests()
    found: dict[str, list[str]] = {}
    for entry in entries():
        patterns = [re.compile(rf"(?<![a-z0-9]){one}(?![a-z0-9])") for one in numbers(entry["id"])]
        of_it = [name for name, text in texts if any(pattern.search(text) for pattern in patterns)]
        found[entry["id"]] = sorted(of_it, key=lambda name: not any(one.search(plain(name)) for one in patterns))
    return found


def table() -> str:
    """The index: a row for each entry, by class."""
    proved = proofs()
    lines = ["| entry | class | proved by |", "|---|---|---|"]
    for entry in sorted(entries(), key=lambda one: (one["class"], one["id"])):
        named = proved[entry["id"]]
        text = f"`{named[0]}`" if named else f"not applicable: {NOT_APPLICABLE[entry['id']]}"
        lines.append(f"| {entry['id'].replace('|', chr(92) + '|')} | {entry['class']} | {text} |")
    return "\n".join(lines)


def unproved() -> list[str]:
    """The entries that have neither a test nor a reason."""
    return [entry for entry, named in proofs().items() if not named and entry not in NOT_APPLICABLE]


def page(text: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main() -> int:
    missing = unproved()
    if missing:
        print("No test and no reason:", *missing, sep="\n  ")  # noqa: T201  # it is a program
        return 1
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
