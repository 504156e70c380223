"""Templates of Jinja2, as the programs of this dialect load them: by name, from a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from nacre.errors import MissingExtra

if TYPE_CHECKING:
    from jinja2 import Environment


class Template:
    """A template, loaded when it is made. Needs the extra `jinja`.

    `name` is relative to the folder of `initialize`; further keywords are those of Jinja's `get_template`. Raises
    `jinja2.TemplateNotFound`, and `jinja2.TemplateSyntaxError` for one that can't be compiled.
    """

    jinja_env: ClassVar[Environment | None] = None
    """Jinja's own environment, there once `initialize` was called or a template made."""

    @classmethod
    def initialize(cls, template_dir: str = "templates", enable_async: bool = False, **kwargs: Any) -> None:
        """Say where templates are, relative to the working directory; called when the first is made if not before.

        With `enable_async` they are rendered by `render_async` and `generate_async`. Other keywords are those of
        `jinja2.Environment`. Templates named `.html`, `.htm` and `.xml` escape what they print.
        """
        try:
            import jinja2
        except ModuleNotFoundError as error:
            if error.name != "jinja2":
                raise
            raise MissingExtra("Jinja templates", "jinja") from None
        options: dict[str, Any] = {"autoescape": jinja2.select_autoescape(), **kwargs}
        loader = jinja2.FileSystemLoader(template_dir)
        # Whether a template escapes is decided by its name.
        cls.jinja_env = jinja2.Environment(loader=loader, enable_async=enable_async, **options)  # noqa: S701  # nosec B701

    def __init__(self, template: str, **kwargs: Any) -> None:
        if self.jinja_env is None:
            self.initialize()
        assert self.jinja_env is not None
        self.name = template
        self.template = self.jinja_env.get_template(template, **kwargs)

    def render(self, *args: Any, **kwargs: Any) -> str:
        """The whole text, with these variables."""
        return self.template.render(*args, **kwargs)

    def generate(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        """The text in pieces."""
        return self.template.generate(*args, **kwargs)

    async def render_async(self, *args: Any, **kwargs: Any) -> str:
        """The whole text; what the template calls is awaited. Raises RuntimeError without `enable_async`."""
        return await self.template.render_async(*args, **kwargs)

    def generate_async(self, *args: Any, **kwargs: Any) -> AsyncIterator[str]:
        """The text in pieces; what the template calls is awaited. Raises RuntimeError without `enable_async`."""
        return self.template.generate_async(*args, **kwargs)
