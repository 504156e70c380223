"""URLs as bytes, and their parts."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit


class InvalidURL(ValueError):
    """Bytes that are no URL."""


class URL:
    """A URL, absolute or not; its parts are bytes, those that it lacks None. Raises InvalidURL."""

    def __init__(self, value: bytes) -> None:
        self.value = value
        try:
            self.parts: SplitResult = urlsplit(value.decode("ascii"))
            self.port: int = self.parts.port or 0
        except ValueError:
            raise InvalidURL("it isn't a URL in ASCII: percent-encode its other characters") from None
        self.schema = _bytes(self.parts.scheme)
        self.host = _bytes(self.parts.hostname)
        self.path = self.parts.path.encode()
        self.query = _bytes(self.parts.query)
        self.fragment = _bytes(self.parts.fragment)
        self.is_absolute = bool(self.parts.scheme)

    def join(self, other: URL) -> URL:
        return URL(urljoin(str(self), str(other)).encode())

    def base_url(self) -> URL:
        """The scheme and the host alone."""
        return self._with(path="", query="", fragment="")

    def with_host(self, host: bytes) -> URL:
        if not self.is_absolute:
            raise TypeError("a URL without scheme can't be given a host")
        return self._with(netloc=host.decode("ascii"))

    def with_query(self, query: bytes) -> URL:
        return self._with(query=query.decode("ascii"))

    def with_scheme(self, schema: bytes) -> URL:
        if not self.is_absolute:
            raise TypeError("a URL without host can't be given a scheme")
        return self._with(scheme=schema.decode("ascii"))

    def _with(self, **parts: str) -> URL:
        return URL(self.parts._replace(**parts).geturl().encode())

    def __add__(self, other: URL | bytes) -> URL:
        return URL(self.value + (other.value if isinstance(other, URL) else other))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, URL) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return self.value.decode()

    def __repr__(self) -> str:
        return f"<URL {self.value!r}>"


def _bytes(text: str | None) -> bytes | None:
    return text.encode() if text else None
