"""Templates of Jinja2, from the extra `jinja`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextlib import aclosing, contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from nacre.errors import HTTPError, Location, MissingExtra
from nacre.templates.blocks import Blocks
from nacre.templates.context import GLOBALS, ContextProcessor
from nacre.templates.engine import Autoescape, Settings
from nacre.templates.errors import TemplateError, TemplateNotFound, note
from nacre.templates.sources import TemplateSource, sources_of
from nacre.templates.templates import Templates

if TYPE_CHECKING:
    from jinja2 import Environment, Template


class Jinja(Templates):
    """Templates rendered by Jinja2.

    `source` is a folder or a list of folders, relative to the file that this is called in; a mapping of names to texts;
    or a function from a name to its text or None. All templates are compiled at once, and mistakes in them raise
    ConfigurationError; with `precompile=False`, and for a function, each is compiled when it is first used.

    What a template prints is escaped for HTML, whatever its name ends with; `autoescape` may be a function that is
    asked for each name. `globals`, `filters` and `tests` are for all templates. `context_processors` give variables to
    those that are rendered for a request. `strict` makes undefined variables an error. Files that have changed are read
    again if `auto_reload` or, by default, the application's `debug` says so. Other keywords are those of
    `jinja2.Environment`. Raises MissingExtra without the library.
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
            JinjaEngine(settings),
            settings.sources,
            where,
            context_processors=context_processors,
            auto_reload=auto_reload,
            precompile=precompile,
        )


class JinjaEngine:
    """Environments over one set of sources; code that is compiled to be awaited needs ones of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plain = self._environment()
        # Like the first in everything else, and empty until it is used.
        self._async = self._plain.overlay(enable_async=True)
        self._blocks = Blocks(settings, partial(self._overlay, self._plain))
        self._async_blocks = Blocks(settings, partial(self._overlay, self._async))

    def _environment(self) -> Environment:
        try:
            import jinja2
        except ModuleNotFoundError as error:
            if error.name != "jinja2":
                raise
            raise MissingExtra("Jinja templates", "jinja") from None
        settings = self._settings
        # SECURITY: no `bytecode_cache`: one in a folder that others can write to lets them run code (CVE-2014-1402).
        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(self._load),
            autoescape=settings.escapes,  # noqa: S701 - on, unless the user says otherwise  # nosec B701
            undefined=jinja2.StrictUndefined if settings.strict else jinja2.Undefined,
            auto_reload=False,
            cache_size=-1,
            **settings.further,
        )
        environment.globals.update(settings.globals)
        environment.filters.update(settings.filters)
        environment.tests.update(settings.tests)
        return environment

    def _load(self, name: str) -> tuple[str, str, None] | None:
        source = self._settings.sources.get(name)
        return None if source is None else (source.text, source.file, None)

    def _overlay(self, environment: Environment, load: Callable[[str], str | None]) -> Environment:
        import jinja2

        def find(name: str) -> tuple[str, str, None] | None:
            text, source = load(name), self._settings.sources.get(name)
            return None if text is None or source is None else (text, source.file, None)

        return environment.overlay(loader=jinja2.FunctionLoader(find))

    def compile(self, name: str) -> None:
        with self._told(name):
            self._plain.get_template(name)

    def forget(self) -> None:
        for environment in (self._plain, self._async):
            if environment.cache is not None:
                environment.cache.clear()
        self._blocks.forget()
        self._async_blocks.forget()

    def _find(self, name: str, block: str | None) -> Template:
        return (self._plain if block is None else self._blocks.environment(name, block)).get_template(name)

    def _find_async(self, name: str, block: str | None) -> Template:
        return (self._async if block is None else self._async_blocks.environment(name, block)).get_template(name)

    def render(self, name: str, variables: dict[str, Any], block: str | None) -> str:
        with self._told(name):
            return self._find(name, block).render(variables)

    async def render_async(self, name: str, variables: dict[str, Any], block: str | None) -> str:
        with self._told(name):
            return await self._find_async(name, block).render_async(variables)

    def generate(self, name: str, variables: dict[str, Any], block: str | None) -> Generator[str]:
        with self._told(name):
            yield from self._find(name, block).generate(variables)

    async def generate_async(self, name: str, variables: dict[str, Any], block: str | None) -> AsyncGenerator[str]:
        with self._told(name):
            pieces: Any = self._find_async(name, block).generate_async(variables)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    @contextmanager
    def _told(self, name: str) -> Generator[None]:
        """Tell of what goes wrong in which template and line."""
        from jinja2 import exceptions

        try:
            yield
        except (TemplateError, HTTPError):
            raise
        except exceptions.TemplateNotFound as error:
            sources = self._settings.sources
            asked = self._place(error.__traceback__)
            raise TemplateNotFound(str(error.name or name), sources.names(), str(sources), asked) from None
        except exceptions.TemplateSyntaxError as error:
            # Its own text quotes the line; the traceback does so too.
            raise TemplateError(error.name or name, error.lineno, error.message or "a syntax error") from error
        except exceptions.TemplateError as error:
            template, line = self._place(error.__traceback__) or (name, None)
            raise TemplateError(template, line, error.message or type(error).__name__) from error
        except Exception as error:
            template, line = self._place(error.__traceback__) or (name, None)
            note(error, f"raised in template {template!r}" + (f", line {line}" if line else ""))
            raise

    def _place(self, traceback: TracebackType | None) -> tuple[str, int] | None:
        """The innermost template and line of a traceback, whose frames of templates Jinja has made."""
        place = None
        while traceback is not None:
            if "__jinja_exception__" in traceback.tb_frame.f_globals:
                file = traceback.tb_frame.f_code.co_filename
                place = self._settings.sources.name_of(file), traceback.tb_lineno
            traceback = traceback.tb_next
        return place
