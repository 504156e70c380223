"""Templates as handlers use them, whatever library renders them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import aclosing, closing
from pathlib import PurePosixPath
from typing import Any

from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request
from nacre.response import HeaderInput, HTMLResponse, Response, StreamingResponse
from nacre.templates.context import ContextProcessor, checked_processors, rendered_for, variables_of
from nacre.templates.engine import Engine
from nacre.templates.errors import TemplateError
from nacre.templates.sources import Sources

Context = Mapping[str, Any] | None

_HTML = "text/html; charset=utf-8"

# By the ending of a template's name, after those that only say that it is a template.
_TYPES = {
    ".txt": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
    ".xml": "application/xml; charset=utf-8",
}
_MARKS_OF_TEMPLATES = {".j2", ".jinja", ".jinja2"}

# Libraries make a piece of every value that is printed; sent one by one each would be a chunk on the wire.
_CHUNK = 4096

_END = object()


class Templates:
    """A set of templates; `Jinja` and `MiniJinja` make one. It may be used by several threads and applications.

    Variables are given by name or in `context`, a mapping, which also takes those that are called like a parameter.
    A template that is rendered for a `request` has it as the variable `request`, what layers and context processors
    give, and `url_for(name, **values)`. With `block` one block is rendered alone, for a part of a page.

    The methods raise TemplateError for what is wrong with a template, naming it and the line; TemplateNotFound and
    BlockNotFound name what is near.
    """

    def __init__(
        self,
        engine: Engine,
        sources: Sources,
        where: Location,
        *,
        context_processors: Iterable[ContextProcessor] = (),
        auto_reload: bool | None = None,
        precompile: bool = True,
    ) -> None:
        self._engine = engine
        self._sources = sources
        self._processors = checked_processors(context_processors, where)
        self._auto_reload = auto_reload
        if precompile:
            self.check()

    def check(self) -> None:
        """Compile all templates. Raises one ConfigurationError that lists all that don't compile."""
        problems: list[Problem] = []
        for name in self._sources.names():
            try:
                self._engine.compile(name)
            except TemplateError as error:
                source = self._sources.get(error.template)
                where = Location(source.file, error.line or 1) if source is not None else None
                problems.append(Problem(f"template {error.template!r}: {error.detail}", where))
            except UnicodeDecodeError:
                continue  # a picture, say, that lies beside them
        if problems:
            raise ConfigurationError(list(dict.fromkeys(problems)))

    # Text.

    def render(
        self,
        template: str,
        /,
        request: Request | None = None,
        context: Context = None,
        *,
        block: str | None = None,
        **variables: Any,
    ) -> str:
        """The whole text."""
        self._refresh(request)
        values = self._variables(template, request, context, variables)
        token = rendered_for.set(request)
        try:
            return self._engine.render(template, values, block)
        finally:
            rendered_for.reset(token)

    async def render_async(
        self,
        template: str,
        /,
        request: Request | None = None,
        context: Context = None,
        *,
        block: str | None = None,
        **variables: Any,
    ) -> str:
        """The whole text; what a template calls may be async, and loops may be over async iterables (Jinja only).

        It runs on the event loop and lets others run only where it awaits something.
        """
        await self._refresh_beside(request)
        values = self._variables(template, request, context, variables)
        token = rendered_for.set(request)
        try:
            return await self._engine.render_async(template, values, block)
        finally:
            rendered_for.reset(token)

    def generate(
        self,
        template: str,
        /,
        request: Request | None = None,
        context: Context = None,
        *,
        block: str | None = None,
        **variables: Any,
    ) -> Generator[str]:
        """The text in the pieces that the library makes of it, when they are asked for."""
        values = self._variables(template, request, context, variables)
        return self._pieces(template, request, values, block)

    def generate_async(
        self,
        template: str,
        /,
        request: Request | None = None,
        context: Context = None,
        *,
        block: str | None = None,
        **variables: Any,
    ) -> AsyncGenerator[str]:
        """As `generate`, for what `render_async` is for."""
        values = self._variables(template, request, context, variables)
        return self._async_pieces(template, request, values, block)

    # Responses.

    def response(
        self,
        template: str,
        /,
        request: Request | None = None,
        context: Context = None,
        *,
        block: str | None = None,
        status: int = 200,
        headers: HeaderInput | None = None,
        **variables: Any,
    ) -> Response:
        """A page: `text/html; charset=utf-8`, unless the template's name ends with `.txt`, `.xml` or the like."""
        text = self.render(template, request, context, block=block, **variables)
        return _response(text, template, status, headers)

    async def response_async(
        self,
        template: str,
        /,
        request: Request | None = None,
        context: Context = None,
        *,
        block: str | None = None,
        status: int = 200,
        headers: HeaderInput | None = None,
        **variables: Any,
    ) -> Response:
        """As `response`, rendered as `render_async` does."""
        text = await self.render_async(template, request, context, block=block, **variables)
        return _response(text, template, status, headers)

    def stream(
        self,
        template: str,
        /,
        request: Request | None = None,
        context: Context = None,
        *,
        block: str | None = None,
        status: int = 200,
        headers: HeaderInput | None = None,
        chunk: int = _CHUNK,
        **variables: Any,
    ) -> StreamingResponse:
        """A page that is sent while it is rendered, in worker threads; pieces are joined up to `chunk` characters.

        An error in the first chunk is a 500; a later one ends the connection, so that nobody takes half for the whole.
        """
        pieces = self.generate(template, request, context, block=block, **variables)
        return StreamingResponse(
            _joined(pieces, chunk),
            status,
            headers,
            content_type=_type_of(template),
        )

    def stream_async(
        self,
        template: str,
        /,
        request: Request | None = None,
        context: Context = None,
        *,
        block: str | None = None,
        status: int = 200,
        headers: HeaderInput | None = None,
        chunk: int = _CHUNK,
        **variables: Any,
    ) -> StreamingResponse:
        """As `stream`, on the event loop, rendered as `render_async` does."""
        pieces = self.generate_async(template, request, context, block=block, **variables)
        return StreamingResponse(
            _joined_async(pieces, chunk),
            status,
            headers,
            content_type=_type_of(template),
        )

    # How.

    def _variables(
        self, template: str, request: Request | None, context: Context, given: dict[str, Any]
    ) -> dict[str, Any]:
        name: Any = template
        if not isinstance(name, str):
            raise TypeError(f"the template's name comes first, and this is {type(name).__name__}")
        asked: Any = request
        if asked is not None and not isinstance(asked, Request):
            raise TypeError(
                f"after the template's name comes the request, and this is {type(asked).__name__}; "
                "give variables by name or as `context=…`"
            )
        return variables_of(request, self._processors, context, given)

    def _reloads(self, request: Request | None) -> bool:
        if self._auto_reload is not None:
            return self._auto_reload
        debug: bool = getattr(getattr(request, "app", None), "debug", False)
        return debug

    def _refresh(self, request: Request | None) -> None:
        if self._reloads(request) and self._sources.refresh():
            self._engine.forget()

    async def _refresh_beside(self, request: Request | None) -> None:
        if self._reloads(request) and await asyncio.to_thread(self._sources.refresh):
            self._engine.forget()

    def _pieces(
        self, template: str, request: Request | None, values: dict[str, Any], block: str | None
    ) -> Generator[str]:
        self._refresh(request)
        pieces = self._engine.generate(template, values, block)
        with closing(pieces):
            while True:
                # Set for each piece alone: between them the variable is that of whoever iterates.
                token = rendered_for.set(request)
                try:
                    piece: Any = next(pieces, _END)
                finally:
                    rendered_for.reset(token)
                if piece is _END:
                    return
                yield piece

    async def _async_pieces(
        self, template: str, request: Request | None, values: dict[str, Any], block: str | None
    ) -> AsyncGenerator[str]:
        await self._refresh_beside(request)
        pieces = self._engine.generate_async(template, values, block)
        async with aclosing(pieces):
            while True:
                token = rendered_for.set(request)
                try:
                    piece: Any = await anext(pieces, _END)
                finally:
                    rendered_for.reset(token)
                if piece is _END:
                    return
                yield piece


def _response(text: str, template: str, status: int, headers: HeaderInput | None) -> Response:
    kind = _type_of(template)
    if kind == _HTML:
        return HTMLResponse(text, status, headers)
    return Response(text, status, headers, content_type=kind)


def _type_of(template: str) -> str:
    endings = [ending for ending in PurePosixPath(template).suffixes if ending not in _MARKS_OF_TEMPLATES]
    return _TYPES.get(endings[-1], _HTML) if endings else _HTML


def _joined(pieces: Generator[str], size: int) -> Generator[str]:
    joined = _Joined(size)
    with closing(pieces):
        for piece in pieces:
            if chunk := joined.add(piece):
                yield chunk
    yield joined.take()


async def _joined_async(pieces: AsyncGenerator[str], size: int) -> AsyncGenerator[str]:
    joined = _Joined(size)
    async with aclosing(pieces):
        async for piece in pieces:
            if chunk := joined.add(piece):
                yield chunk
    yield joined.take()


class _Joined:
    """Pieces that wait until they make a chunk."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pieces: list[str] = []
        self._length = 0

    def add(self, piece: str) -> str:
        """The chunk that is complete with this piece; empty if none is."""
        self._pieces.append(piece)
        self._length += len(piece)
        return self.take() if self._length >= self._size else ""

    def take(self) -> str:
        chunk = "".join(self._pieces)
        self._pieces.clear()
        self._length = 0
        return chunk
