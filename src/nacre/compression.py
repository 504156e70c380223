"""Compression of responses, by what the client accepts: RFC 9110 §8.4 and §12.5.3."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from nacre.callables import Call
from nacre.chain.hooks import Hooks
from nacre.codings import LEVELS, Coding, Encoder, encode, encoder, inline_size, is_installed
from nacre.errors import ConfigurationError, Location, Problem
from nacre.etags import parse_etags
from nacre.media import parse_accept
from nacre.pieces import close_stream
from nacre.request import Request
from nacre.response import Response
from nacre.streams import is_async_stream, iterate, prime
from nacre.threads import run_at_once

COMPRESSIBLE: tuple[str, ...] = (
    "text/*",
    "*+json",
    "*+xml",
    "application/json",
    "application/javascript",
    "application/x-javascript",
    "application/ecmascript",
    "application/xml",
    "application/ndjson",
    "application/x-ndjson",
    "application/jsonl",
    "application/json-seq",
    "application/graphql",
    "application/yaml",
    "application/toml",
    "application/sql",
    "application/rtf",
    "application/wasm",
    "application/x-www-form-urlencoded",
    "application/vnd.ms-fontobject",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/x-icon",
    "image/vnd.microsoft.icon",
)
"""The media types that are compressed by default.

A list of what is compressed, not of what isn't: a type that it lacks costs bytes on the wire, while one that the other
list lacked (archives, media, encrypted data, and all that goes out as `application/octet-stream`) would cost time at
each response for nothing. SVG images are `*+xml`.
"""

_MINIMUM_SIZE = 1024  # below that the fields that compression adds, and its time, weigh more than what it saves

# SECURITY: SSE is for who waits for each event, and proxies and browsers differ in how they take a coded one.
_NEVER_COMPRESSED = "text/event-stream"

# With these a change of the body would make the response wrong: it is coded already, a part, or the field its digest.
_SETTLED = ("content-encoding", "content-range", "content-digest", "repr-digest", "digest", "content-md5")

_NO_CONTENT = (204, 205)

# Of 2 KiB of JSON zstd makes as much less as gzip and brotli do, in 9 µs; isal takes 11, zlib 16, brotli 37.
_PREFERRED: tuple[Coding, ...] = ("zstd", "br", "gzip")

_CACHED_LENGTH_MAX = 200


class Compression(Hooks):
    """A layer that compresses responses with the coding that the client likes best.

    `algorithms` are codings by the server's preference, which decides between those that the client likes equally;
    without it those of `zstd`, `br` and `gzip` that are installed (gzip always is). `levels` names a level for some of
    them: zstd 1 to 22, br 0 to 11, gzip 1 to 9. `minimum_size` is in bytes; a stream of unknown length is compressed.
    `content_types` are media types, `type/*` or `*+suffix`, in place of `COMPRESSIBLE`.

    Left as they are: responses without a body, parts (206), server-sent events, those with a `Content-Encoding`,
    `Content-Range` or digest, with `Cache-Control: no-transform`, and bodies that don't become smaller. A handler keeps
    a body from being compressed by the header `Content-Encoding: identity`, which is taken off.

    Where another `Accept-Encoding` would have given another body, `Vary` says so. A compressed response has a weak
    `ETag` and no `Accept-Ranges`. A stream is compressed piece by piece and each piece is sent at once. Large bodies
    are compressed in a worker thread, or in the route's `zlib_executor`, from `zlib_executor_size` bytes on if given.

    Raises ConfigurationError for a coding that is unknown or lacks its library, for levels that don't exist and for
    malformed content types.

    SECURITY: compression lets an eavesdropper who can make a browser send requests guess a secret in a page that also
    repeats what the request says (BREACH). See the guide for what not to compress.
    """

    def __init__(
        self,
        *,
        minimum_size: int = _MINIMUM_SIZE,
        algorithms: Sequence[Coding] | None = None,
        levels: Mapping[Coding, int] | None = None,
        content_types: Iterable[str] = COMPRESSIBLE,
    ) -> None:
        super().__init__(after=Call(self._on_loop, self._in_thread))
        content_types = [content_types] if isinstance(content_types, str) else list(content_types)
        problems = [*_problems(algorithms, levels or {}, content_types)]
        if minimum_size < 0:
            problems.append(_problem(f"minimum_size is a number of bytes from 0 on, not {minimum_size}"))
        if problems:
            raise ConfigurationError(problems)
        offered = _PREFERRED if algorithms is None else algorithms
        self.algorithms: tuple[Coding, ...] = tuple(coding for coding in offered if is_installed(coding))
        self.minimum_size = minimum_size
        self._levels = dict(levels or {})
        self._compresses = _matcher(content_types)
        self._preference = lru_cache(maxsize=256)(self._choose)

    def __repr__(self) -> str:
        return f"Compression({', '.join(self.algorithms)})"

    async def _on_loop(self, request: Request, response: Response) -> None:
        threads = request.app.workers
        if response.stream is not None and response.eager and response.status >= 200:
            await prime(response, request, threads)  # one that a layer has made may not know yet what it is
        coding = self._settle(request, response)
        if coding is None:
            return
        if response.stream is not None:
            self._encode_stream(request, response, coding)
            return
        level, body = self._levels.get(coding), response.body
        if len(body) < self._inline_size(response, coding):
            encoded = encode(coding, body, level)
        elif response.zlib_executor is not None:
            loop = asyncio.get_running_loop()
            encoded = await loop.run_in_executor(response.zlib_executor, encode, coding, body, level)
        else:
            encoded = await threads.run(request, lambda: encode(coding, body, level))
        self._replace(request, response, coding, encoded)

    async def _in_thread(self, request: Request, response: Response) -> None:
        if response.stream is not None and response.eager and response.status >= 200:
            await prime(response, request, None)
        coding = self._settle(request, response)
        if coding is None:
            return
        if response.stream is not None:
            self._encode_stream(request, response, coding)
        else:
            self._replace(request, response, coding, encode(coding, response.body, self._levels.get(coding)))

    # What becomes of a response.

    def _settle(self, request: Request, response: Response) -> Coding | None:
        """The coding for a response, or None; `Vary` is settled either way."""
        fields = dict(reversed(response.raw_headers))  # the first of each name
        if fields.get("content-encoding", "").strip().lower() == "identity":
            response.headers.remove("content-encoding")
            return None
        if response.status == 304:
            self._label_not_modified(request, response, fields.get("etag"))
            return None
        if not self._is_open(response, fields):
            return None
        if response.status == 206:
            response.headers.add_vary("Accept-Encoding")  # it is a part of one of the bodies that there are
            return None
        coding, must = self._wanted(request)
        length = _length_of(request, response, fields.get("content-length"))
        if length is not None and (length == 0 or (length < self.minimum_size and not (coding and must))):
            return None
        response.headers.add_vary("Accept-Encoding")
        if coding is not None and response.stream is None and not response.body:
            # HEAD, answered with the length that the body has for GET. Of the compressed one it isn't known, and with a
            # stream none is sent.
            response.stream = ()
            self._label(response, coding)
            return None
        return coding

    def _is_open(self, response: Response, fields: Mapping[str, str]) -> bool:
        """Whether the body is one to compress, for a client that accepts it."""
        if response.status < 200 or response.status in _NO_CONTENT or not self._compresses(fields.get("content-type")):
            return False
        if response.status != 206 and any(name in fields for name in _SETTLED):
            return False
        return "cache-control" not in fields or "no-transform" not in _directives(response)

    def _label(self, response: Response, coding: Coding) -> None:
        """Set the header fields of a response in a coding."""
        headers = response.headers
        headers.set("content-encoding", coding)
        headers.remove("content-length")
        headers.remove("accept-ranges")  # ranges are those of the body as it was
        if (etag := headers.get("etag")) is not None and etag.startswith('"'):
            headers.set("etag", "W/" + etag)

    def _label_not_modified(self, request: Request, response: Response, etag: str | None) -> None:
        """Name the tag as the client knows it.

        RFC 9111 §4.3.4: a strong tag updates no stored response that has the weak one, which it was given when it got
        the body compressed. What kind of body that was, a 304 doesn't say.
        """
        response.headers.add_vary("Accept-Encoding")
        if etag is None or not etag.startswith('"'):
            return
        known = parse_etags(request.headers.getlist("if-none-match"))
        if known != "*" and etag not in map(str, known) and f"W/{etag}" in map(str, known):
            response.headers.set("etag", "W/" + etag)

    def _replace(self, request: Request, response: Response, coding: Coding, encoded: bytes) -> None:
        if len(encoded) < len(response.body) or self._wanted(request)[1]:
            response.body = encoded
            self._label(response, coding)

    def _encode_stream(self, request: Request, response: Response, coding: Coding) -> None:
        stream, pieces = response.stream, encoder(coding, self._levels.get(coding))
        if is_async_stream(stream):
            response.stream = _AsyncEncoded(stream, pieces, request, self._inline_size(response, coding))
        else:
            response.stream = _Encoded(stream, pieces, request)
        self._label(response, coding)

    def _inline_size(self, response: Response, coding: Coding) -> int:
        if response.zlib_executor_size is not None:
            return response.zlib_executor_size
        return inline_size(coding, self._levels.get(coding))

    # What the client accepts.

    def _wanted(self, request: Request) -> tuple[Coding | None, bool]:
        """The coding that the client likes best, None for the body as it is, and whether that one is refused."""
        fields = [value for name, value in request.headers.pairs() if name == "accept-encoding"]
        if not fields:
            return None, False
        value = fields[0] if len(fields) == 1 else ", ".join(fields)
        return self._preference(value) if len(value) <= _CACHED_LENGTH_MAX else self._choose(value)

    def _choose(self, value: str) -> tuple[Coding | None, bool]:
        weights: dict[str, float] = {}
        for name, weight in parse_accept(value):
            weights.setdefault(_ALIASES.get(name, name), weight)
        others = weights.get("*", 0.0)
        # Of equal weights the first wins in `max`.
        best = max(self.algorithms, key=lambda coding: weights.get(coding, others), default=None)
        weight = 0.0 if best is None else weights.get(best, others)
        identity = weights.get("identity", others if "*" in weights else None)
        if weight == 0 or (identity is not None and identity > weight):
            return None, False
        return best, identity == 0


_ALIASES = {"x-gzip": "gzip"}  # RFC 9110 §8.4.1.3


def _length_of(request: Request, response: Response, declared: str | None) -> int | None:
    """The length of a body; None if that can't be told before it is sent."""
    if response.stream is None and (response.body or request.method != "HEAD"):
        return len(response.body)
    if declared is not None and declared.isascii() and declared.isdigit():
        return int(declared)
    return None if response.stream is not None else 0


def _directives(response: Response) -> set[str]:
    values = response.headers.getlist("cache-control")
    return {part.partition("=")[0].strip().lower() for value in values for part in value.split(",")}


def _matcher(patterns: Iterable[str]) -> Callable[[str | None], bool]:
    """A function that tells whether a `Content-Type`, or None, is one of these."""
    words = [pattern.strip().lower() for pattern in patterns]
    exact = frozenset(word for word in words if "*" not in word)
    types = tuple(word[:-1] for word in words if word.endswith("/*"))
    suffixes = tuple(word[1:] for word in words if word.startswith("*+"))

    @lru_cache(maxsize=256)
    def compresses(content_type: str | None) -> bool:
        essence = (content_type or "").partition(";")[0].strip().lower()
        if not essence or essence == _NEVER_COMPRESSED:
            return False
        return essence in exact or essence.startswith(types) or essence.endswith(suffixes)

    return compresses


def _problems(
    algorithms: Sequence[str] | None, levels: Mapping[Coding, int], content_types: Iterable[str]
) -> Iterator[Problem]:
    if isinstance(algorithms, str):
        yield _problem(f"algorithms are a list of codings, not {algorithms!r}", "write it as ['zstd', 'br', 'gzip']")
        return
    for name in (*(algorithms or ()), *levels):
        if name not in LEVELS:
            near = difflib.get_close_matches(str(name), LEVELS, n=1)
            known = f"there are {', '.join(LEVELS)}"
            yield _problem(f"there is no coding {name!r}", f"did you mean {near[0]!r}?" if near else known)
        elif not is_installed(name):
            yield _problem(f"the coding {name!r} needs a library", "pip install 'nacre[compression]'")
    for name, level in levels.items():
        if name in LEVELS and level not in LEVELS[name]:
            bounds = LEVELS[name]
            yield _problem(f"{name} has no level {level!r}", f"its levels are {bounds[0]} to {bounds[-1]}")
        elif algorithms is not None and name not in algorithms:
            yield _problem(f"a level is given for {name!r}, which is not among the algorithms")
    for pattern in content_types:
        if not _is_pattern(pattern):
            yield _problem(f"{pattern!r} is no media type", "write it as 'application/json', 'text/*' or '*+json'")


def _is_pattern(pattern: str) -> bool:
    kind, slash, subtype = pattern.partition("/")
    if pattern.startswith("*+"):
        return len(pattern) > 2 and not slash
    return bool(kind) and "*" not in kind and (subtype == "*" or (bool(subtype) and "*" not in subtype))


def _problem(what: str, fix: str | None = None) -> Problem:
    return Problem(f"Compression: {what}", Location.of_caller(), fix)


# Streams.


class _Encoded:
    """A plain stream, encoded piece by piece in the thread that takes its pieces; closed exactly once."""

    def __init__(self, stream: Any, pieces: Encoder, request: Request) -> None:
        self._stream = stream
        self._encoder: Encoder | None = pieces
        self._source = iterate(stream, request, None)
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._encoder is None:
            raise StopIteration
        self._begun = True
        piece = run_at_once(_next(self._source))
        if piece is not None:
            return self._encoder.encode(piece)
        pieces, self._encoder = self._encoder, None
        return pieces.finish()

    def close(self) -> None:
        self._encoder = None
        # A generator that was not begun has no `finally` to run.
        run_at_once(self._source.aclose() if self._begun else close_stream(self._stream))


class _AsyncEncoded:
    """An async stream, encoded piece by piece, large ones in a worker thread; closed exactly once."""

    def __init__(self, stream: Any, pieces: Encoder, request: Request, inline_size: int) -> None:
        self._stream = stream
        self._encoder: Encoder | None = pieces
        self._source = iterate(stream, request, request.app.workers)
        self._begun = False
        self._request = request
        self._inline_size = inline_size

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        pieces = self._encoder
        if pieces is None:
            raise StopAsyncIteration
        self._begun = True
        piece = await anext(self._source, None)
        if piece is None:
            self._encoder = None
            return pieces.finish()
        if len(piece) < self._inline_size:
            return pieces.encode(piece)
        return await self._request.app.workers.run(self._request, lambda: pieces.encode(piece))

    async def athrow(self, error: BaseException) -> Any:
        """Let what gives the pieces see at its `yield` why it ends."""
        if self._begun:
            await self._source.athrow(error)

    async def aclose(self) -> None:
        self._encoder = None
        await (self._source.aclose() if self._begun else close_stream(self._stream))


async def _next(source: AsyncIterator[bytes]) -> bytes | None:
    return await anext(source, None)
