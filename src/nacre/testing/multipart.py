"""Files as a browser would post them (RFC 7578; HTML Standard §4.10.21.8 for how names are written)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nacre.files import guess_content_type
from nacre.headers import check_value, pairs_of

Content = str | bytes
PostedFile = bytes | os.PathLike[str] | tuple[str, Content] | tuple[str, Content, str] | tuple[None, Content]
"""The content, called like its field; a file of the disk; or name, content and, if it is not to go by the name, type.

None as a name leaves it out, which makes the part an ordinary field.
"""

FilesInput = Mapping[str, PostedFile] | Mapping[str, list[PostedFile]] | Iterable[tuple[str, PostedFile]]
"""Files by the names of their fields; pairs, or a list as a value, have several for one."""


def encode_multipart(fields: Iterable[tuple[str, str]], files: FilesInput) -> tuple[str, bytes]:
    """The content type, with a random boundary, and the body. Raises TypeError for what is no file."""
    boundary = secrets.token_hex(16)
    parts = [_part(name, value.encode()) for name, value in fields]
    for name, given in pairs_of(files):
        parts.extend(_file_part(name, one) for one in (given if isinstance(given, list) else [given]))
    delimiter = f"--{boundary}\r\n".encode()
    body = b"".join(delimiter + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def _file_part(field: str, file: Any) -> bytes:
    kind: str | None = None
    match file:
        case bytes():
            filename, content = field, file
        case os.PathLike():
            path: Path = Path(file)
            filename, content = path.name, path.read_bytes()
        case (None, str() | bytes() as content):
            return _part(field, _bytes(content))
        case (str() as filename, str() | bytes() as content):
            pass
        case (str() as filename, str() | bytes() as content, str() as kind):
            pass
        case _:
            raise TypeError(
                f"the file {field!r} is {_shown(file)}; "
                "give bytes, a Path, or a tuple (filename, content) or (filename, content, content type)"
            )
    return _part(field, _bytes(content), filename, kind or guess_content_type(filename).partition(";")[0])


def _bytes(content: Content) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {', '.join(type(item).__name__ for item in value) or 'nothing'}"
    return f"of type {type(value).__name__}"


def _part(field: str, data: bytes, filename: str | None = None, kind: str | None = None) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(field)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"\r\nContent-Type: {check_value("content-type", kind or "")}'
    return head.encode() + b"\r\n\r\n" + data


def _quoted(name: str) -> str:
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
