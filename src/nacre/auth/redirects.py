"""Where a client may be sent to by its own word: what stands in `next` after a login.

A browser repairs a location before it follows it: it drops tabs and line breaks, takes `\\` for `/`, skips spaces in
front, and adds slashes after `http:`. So two programs may read two hosts from one text (`urlsplit` is one of them,
CVE-2023-24329), and none of them is asked here: a target is text of the characters of RFC 3986, in one of two forms
that all of them read alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from nacre.errors import ConfigurationError, Location, Problem
from nacre.urls import normal_origin

MAX_LENGTH = 2048
"""Characters of a target. It stands in a URL, and servers refuse request lines of more than 4 to 8 KiB."""

_REST = r"(?:[?#][A-Za-z0-9._~!$&'()*+,;=:@/?#%\[\]-]*)?"
_PATH = r"(/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)"
_ON_THIS_SITE = re.compile(_PATH + _REST)
_ON_ANOTHER = re.compile(r"(https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?)(?:" + _PATH + ")?" + _REST)

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def safe_redirect_target(target: object, *, allowed_hosts: Collection[str] = ()) -> str | None:
    """Return the target that a client gave if it may be followed, else None: also for what is no text.

    A path of this site may be: it begins with one slash. So may a URL with one of the `allowed_hosts`: `example.com` or
    `example.com:8443` stand for `https`, and an origin is taken as it is (`http://localhost:3000`). No host is allowed
    unless it is listed, not even the one in `Host`. Percent escapes are read as proxies and browsers may read them, so
    a path with encoded control characters, backslashes or dot segments is refused. A target has 2048 characters at
    most.

    Raises ConfigurationError for `allowed_hosts` that is a str or holds something else than hosts and origins.
    """
    origins = allowed_origins(allowed_hosts)
    if not isinstance(target, str) or len(target) > MAX_LENGTH:  # a client may send a file for a field of a form
        return None
    here = _ON_THIS_SITE.fullmatch(target)
    if here is not None:
        return target if _is_sound(here[1]) else None
    there = _ON_ANOTHER.fullmatch(target) if origins else None
    if there is None or _origin_of(there[1]) not in origins:
        return None
    return target if _is_sound(there[2] or "/") else None


def is_safe_redirect(target: object, *, allowed_hosts: Collection[str] = ()) -> bool:
    """Whether a target that a client gave may be followed, as `safe_redirect_target` decides."""
    return safe_redirect_target(target, allowed_hosts=allowed_hosts) is not None


def allowed_origins(hosts: Collection[str]) -> frozenset[str]:
    """The origins that a list of hosts and origins stands for. Raises ConfigurationError with all that is wrong."""
    where = Location.of_caller()
    if isinstance(hosts, str | bytes):
        raise ConfigurationError(Problem("allowed_hosts is a list of hosts, not a single text", where, f"[{hosts!r}]"))
    origins: set[str] = set()
    problems: list[Problem] = []
    for host in hosts:
        try:
            origins.add(normal_origin(host if "://" in host else f"https://{host}"))
        except ValueError:
            what = f"{host[:60]!a} in allowed_hosts is no host"
            problems.append(Problem(what, where, "write 'example.com', 'example.com:8443' or 'http://localhost:3000'"))
    if problems:
        raise ConfigurationError(problems)
    return frozenset(origins)


def _origin_of(text: str) -> str | None:
    try:
        return normal_origin(text)
    except ValueError:
        return None


def _is_sound(path: str) -> bool:
    """Whether a path is the same to all that read it, also to those that decode it or take off its dot segments."""
    decoded = unquote_to_bytes(path) if "%" in path else path.encode()
    if decoded.startswith(b"//") or b"\\" in decoded or _CONTROL.search(decoded):
        return False
    return not any(segment in (b".", b"..") for segment in decoded.split(b"/"))
