"""The guide, and the pages of the dialects: every Python block in them runs, each page as one program."""

import logging
import re
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs" / "guide").glob("*.md"), *(ROOT / "docs" / "dialects").glob("*.md")])
FENCE = re.compile(r"^```(\w*)$")


def program(page):
    """The Python blocks of a page with blank lines between them, so that line numbers are those of the page."""
    lines, language = [], None
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = FENCE.match(line)
        if fence:
            language = None if language is not None else fence[1]
            lines.append("")
        else:
            lines.append(line if language == "python" else "")
    assert language is None, f"{page.name} has a block that doesn't end"
    return "\n".join(lines)


@pytest.fixture
def in_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    logging.getLogger("nacre.error").disabled = True  # the page on errors has some
    yield
    logging.getLogger("nacre.error").disabled = False


@pytest.mark.parametrize("page", PAGES, ids=[f"{page.parent.name}-{page.stem}" for page in PAGES])
def test_page_runs(page, in_the_root):
    module = types.ModuleType(f"guide_{page.stem.replace('-', '_')}")
    exec(compile(program(page), str(page), "exec"), vars(module))  # noqa: S102


TESTING = next(page for page in PAGES if page.stem == "testing")


def test_the_tests_of_the_guide_pass():
    names = vars(types.ModuleType("guide_tests"))
    exec(compile(program(TESTING), str(TESTING), "exec"), names)  # noqa: S102
    names["test_greeting"]()
    names["test_countdown"]()
    names["test_events_and_messages"]()
    for transport in ("asgi", "rsgi", "wsgi"):
        names["test_greeting_everywhere"](transport)


async def test_the_async_test_of_the_guide_passes():
    names = vars(types.ModuleType("guide_tests"))
    exec(compile(program(TESTING), str(TESTING), "exec"), names)  # noqa: S102
    names["app"].compile()
    await names["test_greeting_without_a_thread"]()


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if f'"{page.parent.name}/{page.name}"' not in navigation] == []
