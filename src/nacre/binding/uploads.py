"""Bytes and files that are taken as they came: their types, and the limits of their sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args, get_origin

from nacre.binding.kinds import COLLECTIONS, Bare, members_of, unwrap
from nacre.binding.limits import Limit, OutOfMemory, check, constraints_of, limits_of, passed
from nacre.binding.marks import Constraints
from nacre.binding.parser import Parser
from nacre.binding.readings import shown
from nacre.binding.scalars import many_parser, row_parser
from nacre.errors import ErrorItem
from nacre.uploads import UploadFile

RAW = Parser(lambda raw: raw, lambda raw: [], "{raw}")
"""A raw value as it came."""


def is_bytes(type_: Any) -> bool:
    """Whether a type is `bytes`, or None too."""
    return _single(type_).type is bytes


def is_file(type_: Any) -> bool:
    """Whether a type can have one file of a form, or None too."""
    return _single(type_).type in (bytes, UploadFile)


def are_files(type_: Any) -> bool:
    """Whether a type can have several files of a form: a collection of what `is_file`, or None too."""
    bare = _single(type_).type
    items = [arg for arg in get_args(bare) if arg is not Ellipsis]
    return get_origin(bare) in COLLECTIONS and bool(items) and all(map(is_file, items))


def is_upload(type_: Any) -> bool:
    """Whether a type says by itself that it is a file of a form, or several: `UploadFile`, or None too, or a list."""
    bare = _single(type_).type
    if get_origin(bare) not in COLLECTIONS:
        return bare is UploadFile
    items = [_single(arg).type for arg in get_args(bare) if arg is not Ellipsis]
    return bool(items) and all(item is UploadFile for item in items)


def bytes_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of a body that stays bytes; lengths count them. Raises Unsupported for other constraints."""
    bare = _single(type_)
    limits = limits_of({"bytes"}, [*constraints_of(bare), constraints], "`bytes`")
    if not limits:
        return RAW

    def parse(raw: bytes) -> bytes:
        check(limits, raw)
        return raw

    return Parser(parse, lambda raw: passed(limits, raw))


def file_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of one file, for a type that `is_file`; lengths count bytes. Raises Unsupported as `bytes_parser`."""
    bare = _single(type_)
    limits = limits_of({"bytes"}, [*constraints_of(bare), constraints], shown(bare.type))
    as_bytes = bare.type is bytes

    def parse(file: UploadFile) -> Any:
        check(limits, OutOfMemory(file.size))
        return file.data if as_bytes else file

    def explain(file: UploadFile) -> list[ErrorItem]:
        return passed(limits, OutOfMemory(file.size))

    return Parser(parse, explain) if limits or as_bytes else RAW


def size_limits(type_: Any, constraints: Constraints) -> tuple[Limit, ...] | None:
    """The limits of the files that a type takes as bytes; None if it takes none, or takes them as they are."""
    bare = _single(type_)
    if get_origin(bare.type) not in COLLECTIONS:
        return limits_of({"bytes"}, [*constraints_of(bare), constraints], "bytes") if bare.type is bytes else None
    items = [_single(arg) for arg in get_args(bare.type) if arg is not Ellipsis]
    if len(items) == 1 and items[0].type is bytes:
        return limits_of({"bytes"}, constraints_of(items[0]), "bytes")
    return () if any(item.type is bytes for item in items) else None


async def load_files(files: Iterable[UploadFile], limits: Sequence[Limit]) -> None:
    """Bring files into memory, off the event loop, but not those that will be refused for their size."""
    for file in files:
        if not passed(limits, OutOfMemory(file.size)):
            await file.load()


def files_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of a list of files, for a type whose values `are_files`; lengths count them.

    Raises Unsupported for other constraints.
    """
    bare = _single(type_)
    limits = limits_of({"items"}, [*constraints_of(bare), constraints], shown(bare.type))
    make, args = COLLECTIONS[get_origin(bare.type)], get_args(bare.type)
    if make is tuple and args[-1] is not Ellipsis:
        return row_parser([file_parser(arg, Constraints()) for arg in args], limits)
    return many_parser(file_parser(args[0], Constraints()), make, limits)


def _single(type_: Any) -> Bare:
    """A type that may be None without that, and all metadata of it."""
    outer = unwrap(type_)
    members = members_of(outer.type)
    if len(members) != 1:
        return outer
    inner = unwrap(members[0])
    return Bare(inner.type, (*outer.metadata, *inner.metadata))
