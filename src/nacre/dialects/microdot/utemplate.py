"""Templates of uTemplate, by any module named `utemplate` that the program can import.

Its published archives can't be installed by pip: the folder `utemplate` of github.com/pfalcon/utemplate is put beside
the program.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar, Protocol, cast


class Loader(Protocol):
    """What finds templates."""

    def load(self, name: str, /) -> Callable[..., Iterator[str]]:
        """The template of a name: a generator function of its text."""
        ...


class Template:
    """A template, loaded when it is made. Raises ImportError without a module `utemplate`, and what its loader raises.

    The file name is relative to the folder of `initialize`.
    """

    loader: ClassVar[Loader | None] = None

    @classmethod
    def initialize(
        cls, template_dir: str = "templates", loader_class: Callable[[None, str], Loader] | None = None
    ) -> None:
        """Say where templates are and what loads them; called when the first is made if not before.

        The default loader compiles those that have changed, and writes what it makes beside them.
        """
        cls.loader = (loader_class or _recompiling())(None, template_dir)

    def __init__(self, template: str) -> None:
        if self.loader is None:
            self.initialize()
        assert self.loader is not None
        self.name = template
        self.template = self.loader.load(template)

    def render(self, *args: Any, **kwargs: Any) -> str:
        """The whole text, with what the template takes."""
        return "".join(self.generate(*args, **kwargs))

    def generate(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        """The text in pieces."""
        return self.template(*args, **kwargs)

    async def render_async(self, *args: Any, **kwargs: Any) -> str:
        """As `render`, to be awaited."""
        return self.render(*args, **kwargs)

    async def generate_async(self, *args: Any, **kwargs: Any) -> AsyncIterator[str]:
        """As `generate`, for `async for`."""
        for piece in self.generate(*args, **kwargs):
            yield piece


def _recompiling() -> Callable[[None, str], Loader]:
    try:
        module = importlib.import_module("utemplate.recompile")
    except ModuleNotFoundError as error:
        if error.name not in ("utemplate", "utemplate.recompile"):
            raise
        raise ImportError(
            "templates of uTemplate need its module `utemplate`: put that folder of "
            "https://github.com/pfalcon/utemplate beside your program, or use nacre.dialects.microdot.jinja"
        ) from None
    return cast("Callable[[None, str], Loader]", module.Loader)
