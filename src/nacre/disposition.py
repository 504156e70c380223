"""`Content-Disposition`: what a file is to be called where it is saved. RFC 6266 and RFC 8187."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

_NAME_LENGTH_MAX = 255
"""In characters; what file systems take, and short enough for any server's limit on headers."""

# Controls can't stand in a header, and the others make a name read as another one where it is shown: `gpj.exe` behind
# a right-to-left override is displayed as `exe.jpg`.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
# COMPAT: browsers differ in what they make of an escaped quote, of a backslash and of `%41` within quotes (RFC 6266
# appendix D), so none of these stands there; a name that has them is given exactly in `filename*`.
_NOT_QUOTED = re.compile(r'["\\%]|[^\x20-\x7e]')
_ATTR_CHARS = "!#$&+-.^_`|~"  # RFC 8187 §3.2.1, besides letters and digits


def content_disposition(kind: Literal["attachment", "inline"], name: str) -> str:
    """Write the field's value: `attachment; filename="report.pdf"`.

    A name outside ASCII, or with characters that clients read differently, is given twice, `filename*` being the exact
    one. Of a path the last part is taken; control characters and those that turn the direction of text become `_`; a
    name longer than 255 characters is cut before its ending.
    """
    name = _last_part(name)
    plain = _NOT_QUOTED.sub("_", name)
    value = f'{kind}; filename="{plain}"'
    if plain != name:
        value += f"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS, errors='replace')}"
    return value


def _last_part(name: str) -> str:
    name = _UNSEEN.sub("_", re.split(r"[/\\]", name)[-1]).strip(" ")
    if len(name) > _NAME_LENGTH_MAX:
        stem, dot, ending = name.rpartition(".")
        tail = (dot + ending)[: _NAME_LENGTH_MAX // 2] if stem else ""
        name = name[: _NAME_LENGTH_MAX - len(tail)] + tail
    return name if name.strip(".") else "download"
