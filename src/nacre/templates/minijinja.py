"""Templates of MiniJinja, from the extra `minijinja`."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from nacre.errors import HTTPError, Location, MissingExtra
from nacre.templates.blocks import Blocks
from nacre.templates.context import GLOBALS, ContextProcessor
from nacre.templates.engine import Autoescape, Settings
from nacre.templates.errors import TemplateError, TemplateNotFound, note
from nacre.templates.sources import TemplateSource, sources_of
from nacre.templates.templates import Templates

if TYPE_CHECKING:
    from minijinja import Environment
    from minijinja import TemplateError as MiniJinjaError


class MiniJinja(Templates):
    """Templates rendered by MiniJinja; the options are those of `Jinja`, further keywords those of its `Environment`.

    It awaits nothing, so `render_async` is `render`, and it makes a page in one piece. Of objects with `__html__` it
    knows those that are text, such as `Markup`. A `Decimal` is printed as a float. Attributes that begin with an
    underscore are undefined. Raises MissingExtra without the library.
    """

    def __init__(
        self,
        source: TemplateSource = "templates",
        *,
        autoescape: Autoescape = True,
        globals: Mapping[str, Any] | None = None,
        filters: Mapping[str, Callable[..., Any]] | None = None,
        tests: Mapping[str, Callable[..., bool]] | None = None,
        context_processors: Iterable[ContextProcessor] = (),
        strict: bool = False,
        auto_reload: bool | None = None,
        precompile: bool = True,
        **environment: Any,
    ) -> None:
        where = Location.of_caller()
        given = {**GLOBALS, **(globals or {})}
        settings = Settings(
            sources_of(source, where), autoescape, given, filters or {}, tests or {}, strict, environment
        )
        super().__init__(
            MiniJinjaEngine(settings),
            settings.sources,
            where,
            context_processors=context_processors,
            auto_reload=auto_reload,
            precompile=precompile,
        )


class MiniJinjaEngine:
    """An environment for whole templates, and one for each block that is rendered alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._whole = self._environment(self._load)
        self._blocks = Blocks(settings, self._environment)

    def _environment(self, load: Callable[[str], str | None]) -> Environment:
        try:
            import minijinja
        except ModuleNotFoundError as error:
            if error.name != "minijinja":
                raise
            raise MissingExtra("MiniJinja templates", "minijinja") from None
        settings = self._settings
        return minijinja.Environment(
            loader=load,
            auto_escape_callback=settings.escapes,
            undefined_behavior="strict" if settings.strict else "lenient",
            globals=dict(settings.globals),
            filters=dict(settings.filters),
            tests=dict(settings.tests),
            # Without it an error doesn't say what is undefined.
            debug=True,
            **settings.further,
        )

    def _load(self, name: str) -> str | None:
        source = self._settings.sources.get(name)
        return None if source is None else source.text

    def compile(self, name: str) -> None:
        with self._told(name):
            # The one public way to compile a template without rendering it.
            self._whole.undeclared_variables_in_template(name)

    def forget(self) -> None:
        self._whole.reload()
        self._blocks.forget()

    def render(self, name: str, variables: dict[str, Any], block: str | None) -> str:
        with self._told(name):
            environment = self._whole if block is None else self._blocks.environment(name, block)
            return environment.render_template(name, **variables)

    async def render_async(self, name: str, variables: dict[str, Any], block: str | None) -> str:
        return self.render(name, variables, block)

    def generate(self, name: str, variables: dict[str, Any], block: str | None) -> Generator[str]:
        yield self.render(name, variables, block)

    async def generate_async(self, name: str, variables: dict[str, Any], block: str | None) -> AsyncGenerator[str]:
        yield self.render(name, variables, block)

    # Errors.

    @contextmanager
    def _told(self, name: str) -> Generator[None]:
        """Tell of what goes wrong in which template and line."""
        from minijinja import TemplateError as MiniJinjaError

        try:
            yield
        except (TemplateError, HTTPError):
            raise
        except MiniJinjaError as error:
            failure = error
        except Exception as error:
            note(error, f"raised while template {name!r} was rendered")
            raise
        else:
            return
        # SECURITY: raised from None, since the library's own text lists the values of variables, and would be logged.
        template, line, detail = _innermost(failure, name)
        if failure.kind == "TemplateNotFound" and (missing := _QUOTED.search(detail)):
            sources, asked = self._settings.sources, (template, line) if line else None
            raise TemplateNotFound(missing[1], sources.names(), str(sources), asked) from None
        source = self._settings.sources.get(template)
        _raise_at(source.file if source else f"<{template}>", line or 1, TemplateError(template, line, detail))


_QUOTED = re.compile(r"""["'](.*?)["']""")
_CAUSE = re.compile(r"^caused by: (.+) \(in (.+):(\d+)\)$", re.MULTILINE)


def _innermost(error: MiniJinjaError, name: str) -> tuple[str, int | None, str]:
    """The template, line and sentence of an error; those of an included template are told in its text alone."""
    causes = _CAUSE.findall(str(error))
    if causes:
        detail, template, line = causes[-1]
        return template, int(line), detail
    template = error.name or name
    return template, error.line, error.message.removesuffix(f" (in {template}:{error.line})")


def _raise_at(file: str, line: int, error: TemplateError) -> NoReturn:
    """Raise from a frame that tracebacks show as this line of the template, as Jinja does."""
    code = compile("\n" * (line - 1) + "raise error from None", file, "exec")
    code = code.replace(co_name="template", co_qualname="template")
    exec(code, {"error": error})  # noqa: S102 - our words  # nosec B102
    raise error
