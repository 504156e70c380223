"""One block of a template alone, with nothing of what stands around it.

Both libraries print a block by `self.name()`, which finds what a child has put in its place, and what `super()` means.
So the outermost of the templates that extend one another is replaced by that call; its text is kept for its blocks and
not run. What the others do at their top level, such as importing macros, is done.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from nacre.templates.engine import Settings
from nacre.templates.errors import BlockNotFound, TemplateNotFound

E = TypeVar("E")


class Blocks(Generic[E]):
    """The environments that render blocks, made when one is first wanted; `make` gives one that loads so."""

    def __init__(self, settings: Settings, make: Callable[[Callable[[str], str | None]], E]) -> None:
        self._sources = settings.sources
        self._make = make
        self._made: dict[tuple[str, str], E] = {}
        self._lock = threading.Lock()
        given = settings.further.get
        self._start, self._end = given("block_start_string", "{%"), given("block_end_string", "%}")
        self._print, self._printed = given("variable_start_string", "{{"), given("variable_end_string", "}}")
        start, end = re.escape(given("comment_start_string", "{#")), re.escape(given("comment_end_string", "#}"))
        self._comment = re.compile(f"{start}.*?{end}", re.DOTALL)
        tag = re.escape(self._start)
        self._block = re.compile(rf"{tag}[-+]?\s*block\s+(\w+)")
        self._extends = re.compile(rf"""{tag}[-+]?\s*extends\s+(["'])(.+?)\1""")

    def environment(self, name: str, block: str) -> E:
        """The one in which the template of this name is the block alone. Raises BlockNotFound and TemplateNotFound."""
        family = self._family(name)
        known = dict.fromkeys(found for text in family.values() for found in self._block.findall(text))
        if block not in known:
            raise BlockNotFound(name, block, known)
        *_, root = family
        with self._lock:
            made = self._made.get((root, block))
            if made is None:
                made = self._made[root, block] = self._make(self._loader(root, block))
        return made

    def forget(self) -> None:
        with self._lock:
            self._made.clear()

    def _loader(self, root: str, block: str) -> Callable[[str], str | None]:
        def load(name: str) -> str | None:
            source = self._sources.get(name)
            if source is None or name != root:
                return None if source is None else source.text
            # On one line, so that those of the text keep their numbers.
            call = f"{self._print} self.{block}() {self._printed}"
            return f"{call}{self._start} if false {self._end}{source.text}{self._start} endif {self._end}"

        return load

    def _family(self, name: str) -> dict[str, str]:
        """A template's text and those of the templates that it extends, the outermost last; comments are left out."""
        family: dict[str, str] = {}
        asked: tuple[str, int | None] | None = None
        while name not in family:
            source = self._sources.get(name)
            if source is None:
                raise TemplateNotFound(name, self._sources.names(), str(self._sources), asked)
            text = family[name] = self._comment.sub(lambda comment: "\n" * comment[0].count("\n"), source.text)
            extends = self._extends.search(text)
            if extends is None:
                break
            asked = name, text.count("\n", 0, extends.start()) + 1
            name = extends[2]
        return family
