"""What the two template libraries have in common, as the rest of the package sees them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nacre.templates.sources import Sources

Autoescape = bool | Callable[[str], bool]
"""Whether what is printed is escaped for HTML; or a function that says so for a template's name."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How templates are read, whatever the library."""

    sources: Sources
    autoescape: Autoescape = True
    globals: Mapping[str, Any] = field(default_factory=dict)
    filters: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    tests: Mapping[str, Callable[..., bool]] = field(default_factory=dict)
    strict: bool = False
    further: Mapping[str, Any] = field(default_factory=dict)
    """What the library's own `Environment` is given besides."""

    def escapes(self, name: str | None) -> bool:
        """Whether a template of this name is escaped."""
        return self.autoescape if isinstance(self.autoescape, bool) else self.autoescape(name or "")


class Engine(Protocol):
    """A template library. All methods may be called in several threads at once.

    They raise TemplateError and its subclasses for what is wrong with a template; what a function called in one raises
    is raised as it is, with a note of the template. `block` is a block to render alone; None is the whole template.
    """

    def compile(self, name: str) -> None:
        """Read and compile a template now."""
        ...

    def forget(self) -> None:
        """Read all templates afresh when they are next used."""
        ...

    def render(self, name: str, variables: dict[str, Any], block: str | None) -> str: ...

    async def render_async(self, name: str, variables: dict[str, Any], block: str | None) -> str: ...

    def generate(self, name: str, variables: dict[str, Any], block: str | None) -> Generator[str]: ...

    def generate_async(self, name: str, variables: dict[str, Any], block: str | None) -> AsyncGenerator[str]: ...
