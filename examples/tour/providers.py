"""What handlers and layers ask for by its type. A route that doesn't ask doesn't pay for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

from examples.tour.library import RFC, Catalogue, Note

from nacre import Path, abort
from nacre.state import State


def open_catalogue(state: State) -> Iterator[Catalogue]:
    """Over a connection of the request's own, which is closed after the last byte: a stream may use it."""
    with closing(state.library.connect()) as connection:
        yield Catalogue(connection, state.library.writing)


def find_rfc(catalogue: Catalogue, number: Annotated[int, Path(ge=1, le=99_999)]) -> RFC:
    """The document whose number is in the path."""
    return catalogue.rfc(number) or abort(404, f"RFC {number} is not in this library")


def find_note(catalogue: Catalogue, rfc: RFC, id: Annotated[int, Path(ge=1, le=2**53)]) -> Note:
    """The note that the path names, if it is one on this document."""
    return catalogue.note(rfc.number, id) or abort(404, f"RFC {rfc.number} has no note {id}")


PROVIDERS = [open_catalogue, find_rfc, find_note]
