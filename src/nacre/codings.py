"""Content codings, RFC 9110 §8.4.1: encoders that can be flushed, decoders with a bound. No I/O and no policy here.

`gzip` and `deflate` need nothing that Python lacks, `br` and `zstd` a library, which is loaded when first asked for.
"""

from __future__ import annotations

import importlib
import threading
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, Protocol

Coding = Literal["zstd", "br", "gzip"]
"""A coding that bodies can be sent in."""

LEVELS: Mapping[str, range] = {"zstd": range(1, 23), "br": range(12), "gzip": range(1, 10)}
"""The levels that each coding has, the fastest first."""

DECODABLE = ("gzip", "deflate", "br", "zstd")
"""The codings that bodies can be received in."""

_INLINE_SIZES: Mapping[Coding, int] = {"zstd": 128 * 1024, "br": 32 * 1024, "gzip": 32 * 1024}
_ISAL_INLINE_SIZE = 256 * 1024

STEP = 64 * 1024
"""How much a decoder gives at once; brotli half as much again, as its library gives blocks of 32 and 64 KiB."""

# The libraries' own defaults, except that brotli's is its slowest, and zlib's 6 takes 1.75 times as long as 4 to save
# a twentieth of what 4 leaves (64 KiB of JSON).
_DEFAULTS: Mapping[str, int] = {"zstd": 3, "br": 4, "gzip": 4}

# Streams are many at once and last long. 512 KiB of window cost less than a hundredth of what a stream comes to (1 MiB
# of JSON), and each holds less memory than with the libraries' own 2 and 4 MiB.
_STREAM_WINDOW = 19

# RFC 9659: a receiver has to take windows of up to 8 MiB, and none is to be larger.
_ZSTD_WINDOW_MAX = 23

_MEMBERS_MAX = 1024
"""How many members (of gzip) or frames (of zstd) a body may have, and one more for each KiB that they come to.

SECURITY: each costs its decoder anew, 40 µs for zstd, and one that holds nothing is 9 bytes long.
"""

_kept = threading.local()


class Encoder(Protocol):
    """Encodes one body piece by piece."""

    def encode(self, data: bytes) -> bytes:
        """What a piece comes to, flushed: with it and what came before, the receiver can decode the whole piece."""
        ...

    def finish(self) -> bytes:
        """The end of the body."""
        ...


class Decoder(Protocol):
    """Decodes one body, a bounded amount at each step."""

    blocks: bool
    """Whether a step may take so long that an event loop should not wait for it; others take less than a ms."""

    @property
    def needs_input(self) -> bool:
        """Whether it can go on only with more data."""
        ...

    @property
    def complete(self) -> bool:
        """Whether what it has got is a whole body; more may follow if the coding allows that."""
        ...

    def step(self, data: bytes) -> bytes:
        """Decode on, up to about `STEP` bytes; `data` is b"" unless `needs_input`. Raises ValueError if malformed."""
        ...


def is_installed(coding: str) -> bool:
    """Whether there is what a coding needs."""
    return coding in ("gzip", "deflate") or _library(coding) is not None


@lru_cache(maxsize=8)
def _library(coding: str) -> Any:
    """The library for a coding; None if it isn't installed."""
    for name in _LIBRARIES[coding]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            # One that is there but lacks something of its own is broken, not absent.
            if error.name is None or not (name + ".").startswith(error.name + "."):
                raise
    return None


# COMPAT: `compression.zstd` is Python 3.14's; `backports.zstd` is the same for those before.
_LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "zstd": ("compression.zstd", "backports.zstd"),
    "br": ("brotli",),
    "gzip": ("isal.isal_zlib",),
}


def inline_size(coding: Coding, level: int | None = None) -> int:
    """From how many bytes on to encode is worth a worker thread: it takes about 0.4 ms then, the way there 0.1 ms.

    Measured with JSON at the default levels; a higher one is for a thread in any case.
    """
    if level is not None and level > _DEFAULTS[coding]:
        return 0
    if coding == "gzip" and level is None and _library("gzip") is not None:
        return _ISAL_INLINE_SIZE
    return _INLINE_SIZES[coding]


def encode(coding: Coding, data: bytes, level: int | None = None) -> bytes:
    """Encode a whole body; `level` is one of `LEVELS`. Everything it takes and gives may pass to another process."""
    match coding:
        case "gzip":
            stream = _gzip_stream(level)
            return stream.compress(data) + stream.flush()  # type: ignore[no-any-return]
        case "br":
            quality = _DEFAULTS["br"] if level is None else level
            return _library("br").compress(data, quality=quality)  # type: ignore[no-any-return]
        case "zstd":
            if level is None and len(data) <= _KEPT_LENGTH_MAX:
                return _encode_small(data)
            return _library("zstd").compress(data, _DEFAULTS["zstd"] if level is None else level)  # type: ignore[no-any-return]


_KEPT_LENGTH_MAX = 64 * 1024


def _encode_small(data: bytes) -> bytes:
    """Encode with a compressor that the thread keeps.

    PERF: to make one costs 20 µs, and 2 KiB of JSON are encoded in 9. Its memory goes by the largest body it was used
    for.
    """
    kept = getattr(_kept, "zstd", None)
    if kept is None:
        kept = _library("zstd").ZstdCompressor(_DEFAULTS["zstd"])
    _kept.zstd = None  # one that failed half-way is not used again
    encoded: bytes = kept.compress(data, kept.FLUSH_FRAME)
    _kept.zstd = kept
    return encoded


def encoder(coding: Coding, level: int | None = None) -> Encoder:
    """An encoder for one body; `level` is one of `LEVELS`."""
    match coding:
        case "gzip":
            return _GzipEncoder(_gzip_stream(level))
        case "br":
            return _BrotliEncoder(_DEFAULTS["br"] if level is None else level)
        case "zstd":
            return _ZstdEncoder(_DEFAULTS["zstd"] if level is None else level)


def _gzip_stream(level: int | None) -> Any:
    """A compressor in gzip's format, without name and time, so that equal bodies give equal bytes.

    Without a level that is isal's where it is installed: its levels are others than zlib's, and none compresses as much
    as zlib's 4 and above.
    """
    isal = _library("gzip") if level is None else None
    if isal is not None:
        return isal.compressobj(isal.ISAL_DEFAULT_COMPRESSION, zlib.DEFLATED, 31)
    return zlib.compressobj(_DEFAULTS["gzip"] if level is None else level, zlib.DEFLATED, 31)


class _GzipEncoder:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def encode(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)  # type: ignore[no-any-return]

    def finish(self) -> bytes:
        return self._stream.flush()  # type: ignore[no-any-return]


class _BrotliEncoder:
    def __init__(self, quality: int) -> None:
        self._stream = _library("br").Compressor(quality=quality, lgwin=_STREAM_WINDOW)

    def encode(self, data: bytes) -> bytes:
        return self._stream.process(data) + self._stream.flush()  # type: ignore[no-any-return]

    def finish(self) -> bytes:
        return self._stream.finish()  # type: ignore[no-any-return]


class _ZstdEncoder:
    def __init__(self, level: int) -> None:
        zstd = _library("zstd")
        parameter = zstd.CompressionParameter
        self._stream = zstd.ZstdCompressor(
            options={parameter.compression_level: level, parameter.window_log: _STREAM_WINDOW}
        )

    def encode(self, data: bytes) -> bytes:
        return self._stream.compress(data, self._stream.FLUSH_BLOCK)  # type: ignore[no-any-return]

    def finish(self) -> bytes:
        return self._stream.flush()  # type: ignore[no-any-return]


class Malformed(ValueError):
    """A body is not what its coding says."""


def decoder(coding: str, limit: int | None = None) -> Decoder:
    """A decoder for one body, in one of `DECODABLE` that is installed.

    Nothing that it gives after `limit` bytes is to be used.
    """
    match coding:
        case "gzip":
            return _GzipDecoder()
        case "deflate":
            return _DeflateDecoder()
        case "br":
            return _BrotliDecoder(limit)
        case "zstd":
            return _ZstdDecoder()
        case _:
            raise LookupError(f"there is no coding {coding!r}")


class _Members:
    """Counts the members of a body and refuses what would be nothing but members."""

    def __init__(self) -> None:
        self._count = 0
        self._length = 0

    def begin(self) -> None:
        self._count += 1
        if self._count > _MEMBERS_MAX + self._length // 1024:
            raise Malformed("it has too many parts for what they come to")

    def grow(self, length: int) -> None:
        self._length += length


class _Inflating:
    """One zlib stream, decoded a step at a time."""

    def __init__(self, window: int) -> None:
        self._stream = zlib.decompressobj(window)
        self.ahead = b""
        """What has come and isn't decoded; after the end of the stream, what follows it."""
        self._full = False

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        # A step that filled its room may have left some bytes inside, even if it took all of its input.
        return not self.ahead and not self._full

    def step(self, data: bytes) -> bytes:
        try:
            decoded = self._stream.decompress(data or self.ahead, STEP)
        except zlib.error:
            raise Malformed("it is damaged") from None
        self._full = len(decoded) >= STEP and not self._stream.eof
        self.ahead = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return decoded


class _GzipDecoder:
    """RFC 1952: one member or more, and nothing after them."""

    blocks = False

    def __init__(self) -> None:
        self._members = _Members()
        self._member: _Inflating | None = None
        self.complete = False

    @property
    def needs_input(self) -> bool:
        return self._member is None or self._member.needs_input

    def step(self, data: bytes) -> bytes:
        member = self._member
        if member is None or member.ended:
            self._members.begin()
            data = data or (member.ahead if member is not None else b"")
            member = self._member = _Inflating(31)
        decoded = member.step(data)
        self._members.grow(len(decoded))
        self.complete = member.ended and not member.ahead
        return decoded


class _DeflateDecoder:
    """RFC 9110 §8.4.1.2: the zlib format, and the bare deflate format that some clients send under this name."""

    blocks = False

    def __init__(self) -> None:
        self._head = b""
        self._stream: _Inflating | None = None

    @property
    def needs_input(self) -> bool:
        return self._stream is None or self._stream.needs_input

    @property
    def complete(self) -> bool:
        return self._stream is not None and self._stream.ended and not self._stream.ahead

    def step(self, data: bytes) -> bytes:
        if self._stream is None:
            self._head += data
            if len(self._head) < 2:
                return b""
            data = self._head
            self._stream = _Inflating(zlib.MAX_WBITS if _is_zlib_header(data) else -zlib.MAX_WBITS)
        elif self._stream.ended:
            raise Malformed("something follows its end")
        return self._stream.step(data)


def _is_zlib_header(data: bytes) -> bool:
    """RFC 1950 §2.2. No encoder begins bare deflate so: it would be a stored block whose padding isn't zero."""
    return data[0] & 0x0F == 8 and data[0] >> 4 <= 7 and (data[0] << 8 | data[1]) % 31 == 0


class _BrotliDecoder:
    """RFC 7932: one stream.

    SECURITY: the library fills the window that the stream asks for, 16 MiB at most, before it gives the first byte. A
    window no larger than what may come of the body does as well: §9.1 lets distances reach back over the window or to
    the start, whichever is nearer.
    """

    blocks = True

    def __init__(self, limit: int | None) -> None:
        self._brotli = _library("br")
        self._stream = self._brotli.Decompressor()
        self._window = None if limit is None else max(_WINDOW_BITS[0], (limit + 15).bit_length())
        self.needs_input = True
        self.complete = False

    def step(self, data: bytes) -> bytes:
        if data and self._window is not None:
            data, self._window = _with_window(data, self._window), None
        try:
            decoded: bytes = self._stream.process(data, output_buffer_limit=STEP)
        except self._brotli.error:
            raise Malformed("it is damaged, or something follows its end") from None
        self.complete = self._stream.is_finished()
        # It says that it accepts more also when it has more to give.
        self.needs_input = self._stream.can_accept_more_data() and len(decoded) < STEP
        return decoded


_WINDOW_BITS = range(18, 25)


def _with_window(data: bytes, bits: int) -> bytes:
    """The beginning of a brotli stream, asking for a window of 2 to the power of `bits` bytes if it asked for more.

    RFC 7932 §9.1: the first bit is 1 and the next three, if not 0, are the size less 17. Other sizes are below 18.
    """
    asked = data[0] >> 1 & 7
    if not data[0] & 1 or not asked or asked + 17 <= bits:
        return data
    return bytes([data[0] & 0xF1 | (bits - 17) << 1]) + data[1:]


class _ZstdDecoder:
    """RFC 8878: one frame or more, and nothing after them."""

    blocks = False

    def __init__(self) -> None:
        self._zstd = _library("zstd")
        self._members = _Members()
        self._frame: Any = None
        self.complete = False

    @property
    def needs_input(self) -> bool:
        if self._frame is None:
            return True
        return not self._frame.unused_data if self._frame.eof else self._frame.needs_input

    def step(self, data: bytes) -> bytes:
        frame = self._frame
        if frame is None or frame.eof:
            self._members.begin()
            data = data or (frame.unused_data if frame is not None else b"")
            window = self._zstd.DecompressionParameter.window_log_max
            frame = self._frame = self._zstd.ZstdDecompressor(options={window: _ZSTD_WINDOW_MAX})
        try:
            decoded: bytes = frame.decompress(data, STEP)
        except self._zstd.ZstdError:
            raise Malformed("it is damaged, or needs a window of more than 8 MiB (RFC 9659)") from None
        self._members.grow(len(decoded))
        self.complete = frame.eof and not frame.unused_data
        return decoded
