"""What clients of the API send, and what they get besides the library's own records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from examples.tour.library import RFC
from msgspec import Meta, Struct

from nacre.errors import ErrorItem


class NewRFC(Struct):
    number: Annotated[int, Meta(ge=1, le=99_999, examples=[9999])]
    title: Annotated[str, Meta(max_length=200, pattern=r"\S", examples=["HTTP/4"])]
    month: Annotated[int, Meta(ge=1, le=12)]
    year: Annotated[int, Meta(ge=1969, le=2100)]
    area: Annotated[str, Meta(max_length=40, pattern=r"\S", examples=["HTTP"])]


class NewNote(Struct):
    reader: Annotated[str, Meta(max_length=40, pattern=r"\S", examples=["Ada"])]
    text: Annotated[str, Meta(max_length=1000, pattern=r"\S", examples=["Read section 15 twice."])]

    def __post_init__(self) -> None:
        self.reader, self.text = self.reader.strip(), self.text.strip()


@dataclass(frozen=True)
class Document(RFC):
    """One document, with those of the library that it replaced."""

    obsoletes: tuple[int, ...] = ()


class Problem(Struct, omit_defaults=True):
    """What went wrong (RFC 9457); `errors` lists all that doesn't fit in a request."""

    status: int
    detail: str
    errors: tuple[ErrorItem, ...] = ()


PROBLEM = "application/problem+json"
