"""Request bodies that come compressed, decoded as they are read: RFC 9110 §8.4.

SECURITY: a megabyte on the wire may be a gigabyte once decoded. What is decoded is counted, a step of at most 96 KiB at
a time, and nothing is decoded that nobody reads. There is no limit on the ratio of the two: it would refuse honest
bodies (a log of one line repeated) and let large ones through; the limit on the size bounds memory and time alike.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncIterator, Sequence
from typing import Literal

from nacre.chain.hooks import Hooks
from nacre.codings import DECODABLE, Decoder, Malformed, decoder, is_installed
from nacre.errors import (
    BadRequest,
    ConfigurationError,
    ContentTooLarge,
    HTTPError,
    Location,
    Problem,
    UnsupportedMediaType,
)
from nacre.headers import Headers
from nacre.pieces import close_stream
from nacre.request import Request
from nacre.threads import runs_event_loop

RequestCoding = Literal["gzip", "deflate", "br", "zstd"]

_CODINGS_MAX = 2
"""How many codings a body may have, one around the other.

SECURITY: each multiplies what the next one gets. Two happen where a proxy compresses what was compressed; no more do.
"""

_INPUT = 16 * 1024
"""The most that a decoder is given at once: it keeps what it has no room for, and copies that at each step."""


class Decompression(Hooks):
    """A layer that decodes request bodies for all that is inside it.

    The body is decoded when it is read and as far as it is read. Readers see it without `Content-Encoding` and
    `Content-Length`. `algorithms` are the codings that are taken; without it those of `gzip`, `deflate`, `br` and
    `zstd` that are installed (the first two always are). Two codings may be listed in `Content-Encoding`.

    The limit counts decoded bytes: `max_body` of the route, or the smaller of that and `max_body` given here. Unlike
    for a body that isn't compressed, it holds for `request.stream()` too. Whoever reads gets ContentTooLarge over the
    limit, BadRequest for a body that is damaged, cut off or followed by something else, and UnsupportedMediaType,
    whose `Accept-Encoding` names what is taken (RFC 9110 §12.5.3), for a coding that isn't.

    Raises ConfigurationError for a coding that is unknown or lacks its library.
    """

    def __init__(self, *, max_body: int | None = None, algorithms: Sequence[RequestCoding] | None = None) -> None:
        super().__init__(before=self._before, inline=True)
        problems = _problems(algorithms)
        if max_body is not None and max_body < 0:
            problems.append(_problem(f"max_body is a number of bytes from 0 on, not {max_body}"))
        if problems:
            raise ConfigurationError(problems)
        names = tuple(algorithms) if algorithms is not None else tuple(filter(is_installed, DECODABLE))
        self.algorithms: tuple[str, ...] = names
        self.max_body = max_body

    def __repr__(self) -> str:
        return f"Decompression({', '.join(self.algorithms)})"

    def _before(self, request: Request) -> None:
        codings = _listed(request.headers.getlist("content-encoding"))
        if not codings:
            return
        if len(codings) > _CODINGS_MAX or not set(codings) <= set(self.algorithms):
            request.replace_body(_Refused(self.algorithms), request.content_length)
            return
        source = _Decoded(request, codings, _smaller(request.max_body, self.max_body))
        _replace_headers(request)
        request.replace_body(source)


def _listed(values: Sequence[str]) -> list[str]:
    """The codings that a body has, in the order in which they were applied."""
    names = [name.strip(" \t").lower() for value in values for name in value.split(",")]
    return [_ALIASES.get(name, name) for name in names if name not in ("", "identity")]


_ALIASES = {"x-gzip": "gzip"}  # RFC 9110 §8.4.1.3


def _replace_headers(request: Request) -> None:
    """Take off the fields that are about the body as it came."""
    coded = ("content-encoding", "content-length")
    request.replace_headers(Headers([pair for pair in request.headers.pairs() if pair[0] not in coded]))
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.pairs()]
    request.scope = {**request.scope, "headers": encoded}


def _smaller(one: int | None, other: int | None) -> int | None:
    given = [limit for limit in (one, other) if limit is not None]
    return min(given, default=None)


class _Refused:
    """A body in codings that aren't taken. Who doesn't read it isn't told."""

    def __init__(self, algorithms: Sequence[str]) -> None:
        self._taken = ", ".join(algorithms) or "identity"

    async def read(self) -> bytes:
        raise UnsupportedMediaType(
            f"the body has a Content-Encoding that isn't taken here; what is: {self._taken}",
            headers=[("accept-encoding", self._taken)],
        )


class _Stage:
    """One coding of a body: its decoder, and what waits to be decoded."""

    def __init__(self, coding: str, limit: int | None) -> None:
        self.coding = coding
        self.decoder: Decoder = decoder(coding, limit)
        self._limit = limit
        self._taken = 0
        self._data = b""
        self._at = 0

    def take(self, data: bytes) -> bool:
        """Add data to decode, all of what was there being decoded; False if that is more than can be right.

        SECURITY: data that comes to nothing (empty blocks, empty frames) would be decoded without end otherwise.
        """
        self._data, self._at = data, 0
        self._taken += len(data)
        return self._limit is None or self._taken <= self._limit

    @property
    def can_step(self) -> bool:
        return not self.decoder.needs_input or self._at < len(self._data)

    def step(self) -> bytes:
        if not self.decoder.needs_input:
            return self.decoder.step(b"")
        data = self._data[self._at : self._at + _INPUT]
        self._at += len(data)
        return self.decoder.step(data)


class _Decoded:
    """The decoded side of a body, as a source for `Body`."""

    def __init__(self, request: Request, codings: Sequence[str], limit: int | None) -> None:
        self._coded = request.body_reader
        self._workers = request.app.workers
        self._pieces: AsyncIterator[bytes] | None = None
        self._declared = request.content_length
        self._limit = limit
        # Data that can't be compressed grows by a few bytes in each block, and by what frames it.
        self._coded_limit = None if limit is None else limit + limit // 64 + 1024
        self._stages = [_Stage(coding, self._coded_limit) for coding in reversed(codings)]
        self._length = 0
        self._is_empty = True
        self._begun = self._ended = False
        self._failure: tuple[type[HTTPError], str] | None = None

    async def read(self) -> bytes:
        if self._failure is not None:
            kind, detail = self._failure
            raise kind(detail)
        try:
            return b"" if self._ended else await self._advance()
        except HTTPError as error:
            # The exception itself would keep all of this alive: its traceback leads back here.
            self._failure, self._stages = (type(error), error.detail), []
            raise
        finally:
            if (self._ended or self._failure is not None) and self._pieces is not None:
                pieces, self._pieces = self._pieces, None
                await close_stream(pieces)

    async def _advance(self) -> bytes:
        """The next piece, b"" at the end."""
        while True:
            stage = next((stage for stage in reversed(self._stages) if stage.can_step), None)
            if stage is None:
                if not await self._receive():
                    return b""
                continue
            if decoded := await self._step(stage):
                return decoded

    async def _step(self, stage: _Stage) -> bytes:
        """Decode on in one stage; what the last one gives is returned."""
        begun, self._begun = self._begun, True
        try:
            if not runs_event_loop():
                data = stage.step()
            elif stage.decoder.blocks:
                data = await self._workers.run(None, stage.step)
            else:
                if begun:
                    await asyncio.sleep(0)  # other requests go on between two steps
                data = stage.step()
        except Malformed as error:
            raise BadRequest(f"the body is not valid {stage.coding} data: {error}") from None
        if not data:
            return b""
        if stage is not self._stages[-1]:
            if not self._stages[self._stages.index(stage) + 1].take(data):
                raise self._too_large()
            return b""
        self._length += len(data)
        if self._limit is not None and self._length > self._limit:
            raise self._too_large()
        return data

    async def _receive(self) -> bool:
        """Receive the next piece as it is coded; False at the end, where the body must be complete."""
        if self._pieces is None:
            if self._coded_limit is not None and self._declared is not None and self._declared > self._coded_limit:
                raise self._too_large()
            self._pieces = self._coded.stream()
        data = await anext(self._pieces, None)
        if data is None:
            self._ended = True
            # An empty body is one in no coding at all: some clients name theirs whether they send a body or not.
            broken = next((stage for stage in self._stages if not stage.decoder.complete), None)
            if broken is not None and not self._is_empty:
                raise BadRequest(f"the body is not valid {broken.coding} data: its end is missing")
            return False
        self._is_empty = False
        if not self._stages[0].take(data):
            raise self._too_large()
        return True

    def _too_large(self) -> ContentTooLarge:
        return ContentTooLarge(f"the body is larger than {self._limit} bytes once decoded, which is the limit here")


def _problems(algorithms: Sequence[str] | None) -> list[Problem]:
    if isinstance(algorithms, str):
        return [_problem(f"algorithms are a list of codings, not {algorithms!r}", "write it as ['gzip', 'br']")]
    problems: list[Problem] = []
    for name in algorithms or ():
        if name not in DECODABLE:
            near = difflib.get_close_matches(str(name), DECODABLE, n=1)
            known = f"there are {', '.join(DECODABLE)}"
            problems.append(_problem(f"there is no coding {name!r}", f"did you mean {near[0]!r}?" if near else known))
        elif not is_installed(name):
            problems.append(_problem(f"the coding {name!r} needs a library", "pip install 'nacre[compression]'"))
    return problems


def _problem(what: str, fix: str | None = None) -> Problem:
    return Problem(f"Decompression: {what}", Location.of_caller(), fix)
