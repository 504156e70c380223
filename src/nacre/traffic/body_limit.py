"""A limit on request bodies that holds for every reader: RFC 9110 §15.5.14."""

from __future__ import annotations

from typing import ClassVar

from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request


class BodyLimit(Hooks):
    """A layer that refuses request bodies of more than `limit` bytes with a 413 that names the limit.

    It holds for whoever reads inside it, and whichever way: `request.body()`, `json()`, `form()`, parameters, layers
    and applications that speak ASGI or WSGI, and, unlike `max_body`, `request.stream()` and `request.parts()`.

    Bytes are counted as they are received; a `Content-Length` over the limit is refused before anything runs inside, so
    a client that waits for `100 Continue` sends nothing. Of several limits the lowest counts; `max_body` holds besides.

    Outside of `Decompression` the bytes of the wire are counted, inside of it the decoded ones. Raises
    ConfigurationError for anything but an int from 0 on.
    """

    responses: ClassVar = {413: "The body is larger than is allowed"}

    def __init__(self, limit: int) -> None:
        super().__init__(before=self._before, inline=True)
        if not _is_size(limit):
            what = f"the limit of BodyLimit is a number of bytes from 0 on, not {limit!r}"
            raise ConfigurationError(Problem(what, Location.of_caller(), "for no limit leave the layer out"))
        self.limit = limit

    def __repr__(self) -> str:
        return f"BodyLimit({self.limit})"

    def for_route(self, place: Place) -> Hooks | str:
        return "a handshake has no body" if place.is_websocket else self

    def _before(self, request: Request) -> None:
        request.body_reader.cap(self.limit, "`BodyLimit`")


def _is_size(limit: object) -> bool:
    return isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0
