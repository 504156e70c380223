"""URLs as bytes, and their parts."""

from __future__ import annotations

from urllib.parse import urlsplit


class InvalidURL(ValueError):
    """Bytes that are no URL."""


class URL:
    """A URL, absolute or not; its parts are bytes, those that it lacks None. Raises InvalidURL."""

    def __init__(self, value: bytes) -> None:
        self.value = value
        try:
            parts = urlsplit(value.decode("ascii"))
            self.port: int = parts.port or 0
        except ValueError:
            raise InvalidURL("it isn't a URL in ASCII: percent-encode its other characters") from None
        self.schema = _bytes(parts.scheme)
        self.host = _bytes(parts.hostname)
        self.path = parts.path.encode()
        self.query = _bytes(parts.query)
        self.fragment = _bytes(parts.fragment)
        self.is_absolute = bool(parts.scheme)

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
