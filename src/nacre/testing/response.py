"""The response of a request that has been answered, or that will be once it is awaited."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, cast

from nacre.codecs import decode_json
from nacre.headers import Headers
from nacre.media import parse_media_type
from nacre.testing.cookies import split_field
from nacre.testing.exchange import Exchange

Perform = Callable[[], Coroutine[Any, Any, "tuple[Exchange, list[TestResponse]]"]]


class Answer:
    """What every kind of response tells: its status and headers, and how it ended."""

    __test__ = False  # the names of its subclasses look like test classes to pytest

    @property
    def exchange(self) -> Exchange:
        """The exchange behind this response."""
        raise NotImplementedError

    @property
    def status(self) -> int:
        """The status; 0 when the client left before there was one."""
        return self.exchange.status

    @property
    def headers(self) -> Headers:
        """The header fields."""
        return self.exchange.headers

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status <= 299

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that this response sets, by name; one that it deletes has an empty value."""
        return dict(split_field(field)[:2] for field in self.headers.getlist("set-cookie"))

    @property
    def aborted(self) -> BaseException | None:
        """The exception that escaped the application's callable, which makes a server cut the connection, or None."""
        return self.exchange.error

    @property
    def disconnected(self) -> bool:
        """Whether the client left before the end."""
        return self.exchange.left


class TestResponse(Answer, Coroutine[Any, Any, "TestResponse"]):
    """A response. Where an event loop is running it must be awaited first, and may be made a task like a coroutine."""

    def __init__(self, label: str, perform: Perform) -> None:
        self._label = label
        self._perform: Perform | None = perform
        self._running: Coroutine[Any, Any, TestResponse] | None = None
        self._exchange: Exchange | None = None
        self._history: list[TestResponse] = []
        self._told = False

    @classmethod
    def of(cls, label: str, exchange: Exchange) -> TestResponse:
        """A response that is there."""
        response = cls(label, cast(Perform, None))
        response._exchange = exchange
        return response

    async def perform(self) -> TestResponse:
        """Send the request, once, and be its response."""
        perform, self._perform = self._perform, None
        if perform is not None:
            self._exchange, self._history = await perform()
        elif self._exchange is None:
            raise RuntimeError(f"the request {self._label} is awaited a second time while it is being answered")
        return self

    # The coroutine protocol.

    def __await__(self) -> Generator[Any, None, TestResponse]:
        return self.perform().__await__()

    def send(self, value: Any) -> Any:
        if self._running is None:
            self._running = self.perform()
        return self._running.send(value)

    def throw(self, *error: Any) -> Any:
        if self._running is None:
            self._running = self.perform()
        return self._running.throw(*error)

    def close(self) -> None:
        self._perform = None
        if self._running is not None:
            self._running.close()

    def __del__(self) -> None:
        if getattr(self, "_perform", None) is not None and not self._told:
            warnings.warn(f"the request {self._label} was never awaited", RuntimeWarning, stacklevel=2, source=self)

    # The response.

    @property
    def exchange(self) -> Exchange:
        if self._exchange is None:
            self._told = True
            raise RuntimeError(
                f"the request {self._label} has not been sent: `await` is missing, "
                "as in `response = await client.get(…)`"
            )
        return self._exchange

    @property
    def body(self) -> bytes:
        """The whole body, or as much as came of it."""
        return b"".join(self.exchange.pieces)

    @property
    def pieces(self) -> list[bytes]:
        """The body in the pieces that the application sent."""
        return [piece for piece in self.exchange.pieces if piece]

    @property
    def text(self) -> str:
        """The body as text, in the charset it names or UTF-8."""
        value = self.headers.get("content-type")
        charset = parse_media_type(value).charset if value is not None else None
        return self.body.decode(charset or "utf-8")

    def json(self) -> Any:
        """The body decoded from JSON; raises ValueError, showing the response, if it isn't that."""
        try:
            return decode_json(self.body)
        except ValueError as error:
            raise ValueError(f"{self!r}, {self.body[:200]!r}, is not JSON: {error}") from self.aborted

    @property
    def history(self) -> list[TestResponse]:
        """The redirects that led to this response, first to last."""
        assert self.exchange
        return self._history

    def __repr__(self) -> str:
        return f"<TestResponse {self._label}: {self._exchange.status if self._exchange else 'not awaited'}>"
