"""The names of uploaded files: what is left of what a client sent, and what may be stored under."""

from __future__ import annotations

import re
import unicodedata

# SECURITY: control characters, the separators of lines and paragraphs, and the marks that reverse what is shown.
_NOT_IN_FILENAMES = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SEPARATORS = re.compile(r"[/\\]")
# What Windows takes for something else in a name: a stream, a wildcard, a redirection.
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*]')
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: devices, whatever follows the first dot.
_DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(?:COM|LPT)[0-9¹²³])[ ]*(?:\.|$)", re.IGNORECASE)
_SIZE_MAX = 255
"""Bytes of a name on common file systems."""
_ENDING_MAX = 32
"""Bytes of an ending (`.tar.gz` has 7) that is kept when a name is cut."""
_LOOKED_AT = 1024
"""Characters of a name that are looked at, its ending among them; no more are kept.

SECURITY: to put many marks behind one letter in order takes time that grows with the square of their number.
"""


def last_component(filename: str) -> str | None:
    """The last component of the name that a client sent, without control characters; None if nothing is left of it.

    It is the client's claim, fit to be shown and not to be stored under.
    """
    name = _NOT_IN_FILENAMES.sub("", _SEPARATORS.split(filename)[-1]).strip()
    return None if name in ("", ".", "..") else name


def safe_filename(filename: str | None) -> str | None:
    """A name to store an upload under, on any system: one component of 1 to 255 bytes; None if nothing is left of it.

    Letters, marks, digits, punctuation and symbols stay, in NFC; other characters go, and those that Windows gives a
    meaning become `_`. There are no dots, dashes, tildes or spaces at the start (`.htaccess`, `-rf`), and neither dots
    nor spaces at the end. A device's name on Windows (`CON`, `nul.txt`) gets a `_` in front. Two different names may
    become one.
    """
    if filename is None:
        return None
    name = _SEPARATORS.split(filename)[-1]
    if len(name) > _LOOKED_AT:
        name = name[: _LOOKED_AT - _ENDING_MAX] + name[-_ENDING_MAX:]
    name = unicodedata.normalize("NFC", name)
    name = "".join(one for one in name if one == " " or unicodedata.category(one)[0] in "LMNPS")
    name = _NOT_ON_WINDOWS.sub("_", name).lstrip(".-~ ").rstrip(". ")
    if _DEVICES.match(name):
        name = f"_{name}"
    return _shortened(name) or None


def _shortened(name: str) -> str:
    """A name of at most 255 bytes, with its ending if that is a short one."""
    if len(name.encode()) <= _SIZE_MAX:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > _ENDING_MAX:
        stem, dot, ending = name, "", ""
    room = _SIZE_MAX - len(f"{dot}{ending}".encode())
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip('. ')}{dot}{ending}"
