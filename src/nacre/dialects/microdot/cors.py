"""What pages of other origins may read and send: the CORS protocol of the Fetch Standard, §3.3."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from nacre.chain.hooks import Hooks
from nacre.dialects.microdot.microdot import Microdot, Request
from nacre.errors import Location
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse
from nacre.risks import Risk


class CORS:
    """Header fields for pages of other origins, on every answer of an application.

    `allowed_origins` are exact (`https://example.com`), "*" is all of them, None none. `allow_credentials` lets cookies
    count. `allowed_methods` and `allowed_headers` are what a page may send, None is all; `expose_headers` lists what it
    may read. `max_age` is how many seconds a browser keeps the answer to a preflight. Nothing is refused: browsers do
    that. With `handle_cors=False` nothing is added but by `get_cors_headers`. All of it may be changed at any time.
    """

    def __init__(
        self,
        app: Microdot | None = None,
        allowed_origins: Collection[str] | None = None,
        allow_credentials: bool = False,
        allowed_methods: Collection[str] | None = None,
        expose_headers: Iterable[str] | None = None,
        allowed_headers: Iterable[str] | None = None,
        max_age: int | None = None,
        handle_cors: bool = True,
    ) -> None:
        self.allowed_origins = allowed_origins
        self.allow_credentials = allow_credentials
        self.allowed_methods = allowed_methods
        self.expose_headers = expose_headers
        self.allowed_headers = None if allowed_headers is None else [name.lower() for name in allowed_headers]
        self.max_age = max_age
        self.where = Location.of_caller()
        if app is not None:
            self.initialize(app, handle_cors)

    def initialize(self, app: Microdot, handle_cors: bool = True) -> None:
        """Add the header fields to all answers of an application, errors and streams too."""
        if handle_cors:
            app.middlewares.append(CORSLayer(self))

    @property
    def listed_origins(self) -> Collection[str]:
        """The origins that are named; none where all are allowed."""
        allowed = self.allowed_origins
        if isinstance(allowed, str):
            # SECURITY: one origin in place of a list is that origin, and not every part of its text.
            return () if allowed == "*" else (allowed,)
        return allowed or ()

    def get_cors_headers(self, request: Request) -> dict[str, str]:
        """The header fields for the answer to a request."""
        headers = self._for_origin(_field(request, "Origin"))
        if self.expose_headers:
            headers["Access-Control-Expose-Headers"] = ", ".join(self.expose_headers)
        if request.method == "OPTIONS":
            headers.update(self._for_preflight(request))
        return headers

    def after_request(self, request: Request, response: NativeResponse) -> None:
        """Add the header fields to an answer."""
        headers = self.get_cors_headers(request)
        vary = headers.pop("Vary", None)
        for name, value in headers.items():
            response.headers.set(name, value)
        if vary is not None:
            response.headers.add_vary(vary)

    def _for_origin(self, origin: str | None) -> dict[str, str]:
        if self.allowed_origins == "*":
            headers = {"Access-Control-Allow-Origin": origin or "*"}
        elif origin is not None and origin in self.listed_origins:
            headers = {"Access-Control-Allow-Origin": origin}
        else:
            return {}
        if origin:
            headers["Vary"] = "Origin"
        if self.allow_credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        return headers

    def _for_preflight(self, request: Request) -> Iterator[tuple[str, str]]:
        if self.max_age:
            yield "Access-Control-Max-Age", str(self.max_age)
        method = (_field(request, "Access-Control-Request-Method") or "").upper()
        if method and (self.allowed_methods is None or method in self.allowed_methods):
            yield "Access-Control-Allow-Methods", method
        asked = _field(request, "Access-Control-Request-Headers")
        if asked:
            if self.allowed_headers is not None:
                allowed = {name.lower() for name in self.allowed_headers}
                asked = ", ".join(name for name in map(str.strip, asked.split(",")) if name.lower() in allowed)
            yield "Access-Control-Allow-Headers", asked


class CORSLayer(Hooks):
    """Adds the header fields of a `CORS` object; a layer, so that no answer goes without."""

    dialect = "microdot"

    def __init__(self, cors: CORS) -> None:
        super().__init__(finalize=self._finalize, inline=True)
        self.cors = cors

    def find_risks(self) -> Iterator[Risk]:
        """Policies that allow more than they seem to."""
        if self.cors.allowed_origins == "*" and self.cors.allow_credentials:
            what = 'CORS: allowed_origins="*" with allow_credentials lets every site read what a user may see'
            yield Risk(what, "list the origins, or leave allow_credentials out", "high", self.cors.where)

    def _finalize(self, request: NativeRequest, response: NativeResponse) -> None:
        self.cors.after_request(Request.of(request), response)


def _field(request: Request, name: str) -> str | None:
    """What a request says, if it can be said again in the answer: origins, methods and names are plain ASCII."""
    value = request.headers.get(name)
    return value if value is not None and value.isascii() and value.isprintable() else None
