"""A directory of files under a path: `app.mount("/static", StaticFiles("static"), name="static")`."""

from __future__ import annotations

import ntpath
import os
import re
import stat
from collections.abc import Iterable
from datetime import timedelta
from types import ModuleType
from typing import Any, BinaryIO, Literal

from nacre.errors import ConfigurationError, NotFound, Problem
from nacre.filebody import PendingBody
from nacre.files import cache_control, guess_content_type
from nacre.groups import Group
from nacre.media import parse_accept
from nacre.representations import Representation, answer, open_regular, represent
from nacre.request import Request
from nacre.response import Response
from nacre.urls import encode_path

FollowSymlinks = bool | Literal["files", "directories"]
_FOLLOW: tuple[FollowSymlinks, ...] = (False, True, "files", "directories")

_CONTROL = re.compile("[\x00-\x1f\x7f]")

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file. A colon names a drive or a stream of a file.
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*]|[. ]\Z')
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]
    + [f"{device}{number}" for device in ("COM", "LPT") for number in "0123456789¹²³"]
)


def safe_join(directory: str, path: str, flavour: ModuleType = os.path) -> str | None:
    """Join a path from a URL to a directory; None if it could lead anywhere but to a file below it.

    It looks at text only: what the file system makes of links is for the caller to check. Refused are empty, `.` and
    `..` segments, so absolute paths too, and backslashes and control characters anywhere. With `flavour` ntpath, also
    what Windows takes for a drive, a device or another file's name. A slash at the end is left out.
    """
    segments = path.removesuffix("/").split("/") if path else []
    windows = flavour is ntpath
    if not all(_is_plain_name(segment) and not (windows and _means_other(segment)) for segment in segments):
        return None
    joined: str = flavour.join(directory, *segments)
    return joined


def _is_plain_name(segment: str) -> bool:
    return segment not in ("", ".", "..") and "\\" not in segment and _CONTROL.search(segment) is None


def _means_other(segment: str) -> bool:
    stem = segment.partition(".")[0].rstrip(" ").upper()
    return _NOT_ON_WINDOWS.search(segment) is not None or stem in _DEVICES


class StaticFiles(Group):
    """The files of a directory, as a group to mount: `url_for("static:file", path="css/site.css")` if it is `static`.

    A relative `directory` is taken from the folder of the file that this is written in, whatever the working directory
    is. `index` is the file that stands for a directory, None for none; a directory without a slash at its end is
    redirected to itself with one. `fallback` is a file that answers, with 200, what isn't there, for applications that
    route in the browser: only GET and HEAD that ask for `text/html` by name, as browsers do when they go to a page,
    and only paths whose last segment has no dot, so that a missing script stays a 404.

    Without `max_age` (seconds) clients ask each time whether a file has changed (`no-cache`); `immutable` is a regular
    expression for the paths of files whose content never changes, such as `r"-[0-9a-f]{8}\\."`. `precompressed` is that
    of `FileResponse`, as is all else about an answer.

    Names that begin with a dot are refused, except `.well-known`, and links that lead out of the directory, unless
    `follow_symlinks` is True, "files" (the file itself is one) or "directories" (a folder on the way is). All that is
    refused is a 404. Layers see a request for a file like any other; encoded slashes are refused, so that a guard that
    looks at `request.path` sees the path that is served.

    Raises ConfigurationError for a malformed pattern; if `directory` or `fallback` isn't there, the application doesn't
    start.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        index: str | None = "index.html",
        fallback: str | None = None,
        max_age: int | timedelta | None = None,
        immutable: str | re.Pattern[str] | None = None,
        precompressed: bool = True,
        follow_symlinks: FollowSymlinks = False,
        middlewares: Iterable[Any] = (),
    ) -> None:
        super().__init__(middlewares=middlewares)
        self.directory = os.path.join(_folder_of(self.where.file), os.fspath(directory))
        self._index = index
        self._fallback = fallback
        self._precompressed = precompressed
        self._follow = follow_symlinks
        try:
            self._cached = "no-cache" if max_age is None else cache_control(max_age)
            self._immutable = None if immutable is None else re.compile(immutable)
        except (ValueError, re.error) as error:
            option = "immutable" if isinstance(error, re.error) else "max_age"
            fix = r'`max_age` is a number of seconds, `immutable` a regular expression such as r"-[0-9a-f]{8}\."'
            raise ConfigurationError(Problem(f"`{option}` of StaticFiles: {error}", self.where, fix)) from None
        if follow_symlinks not in _FOLLOW:
            what = f"`follow_symlinks` of StaticFiles is {follow_symlinks!r}"
            raise ConfigurationError(Problem(what, self.where, f"write one of {', '.join(map(repr, _FOLLOW))}"))
        self.add_route("/<path:path>", self.file, inline=True, hidden=True)
        if index is not None or fallback is not None:
            self.add_route("/", self.root, inline=True, hidden=True, slashes="redirect")

    def find_problems(self) -> Iterable[Problem]:
        if not os.path.isdir(self.directory):
            fix = "create it, or name another one; a relative path begins at the folder of this file"
            yield Problem(f"the directory of StaticFiles, {self.directory!r}, isn't there", self.where, fix)
        elif self._fallback is not None and not os.path.isfile(os.path.join(self.directory, self._fallback)):
            fix = "create it, or name another file in the directory"
            yield Problem(
                f"`fallback` of StaticFiles, {self._fallback!r}, isn't in {self.directory!r}", self.where, fix
            )

    def file(self, request: Request, path: str) -> Response:
        # SECURITY: CVE-2022-35920, as the class says. Where the server decodes it before anyone looks (Granian's RSGI
        # and WSGI), it is a slash for all.
        if "%2F" in request.path:
            raise NotFound
        joined = safe_join(self.directory, path)
        if joined is None or _is_hidden(path):
            raise NotFound
        return self._respond(path, joined)

    def root(self, request: Request) -> Response:
        return self._respond("", self.directory)

    def _respond(self, path: str, joined: str) -> Response:
        response = Response()
        response.stream = _Lookup(self, path, joined)
        return response

    # What follows asks the file system.

    def look_up(self, path: str, joined: str, request: Request, response: Response) -> None:
        """Complete the response to a request for a path, `joined` to the directory. Raises HTTPError."""
        is_directory = not path or path.endswith("/")
        # Without an index a slash is left at the end, with which no file can be opened.
        name = os.path.join(joined, self._index or "") if is_directory else joined
        try:
            found = self._open(name, request)
        except NotFound:
            if not is_directory and self._has_index(joined):
                _redirect_to_slash(request, response)
                return
            if self._fallback is None or not _asks_for_page(path, request):
                raise
            name = os.path.join(self.directory, self._fallback)
            found = self._open(name, request)
            response.headers.add_vary("Accept")
            response.headers.set("cache-control", "no-cache")  # it stands for pages that may come to be
        else:
            response.headers.set("cache-control", self._cache_rule(path))
        response.headers.set("content-type", guess_content_type(name))
        answer(found, request, response)

    def _cache_rule(self, path: str) -> str:
        if self._immutable is not None and self._immutable.search(path) is not None:
            return cache_control(None, immutable=True)
        return self._cached

    def _open(self, name: str, request: Request) -> Representation:
        accept = request.headers.getlist("accept-encoding") if self._precompressed else None
        return represent(name, accept, self._open_inside)

    def _open_inside(self, name: str) -> tuple[BinaryIO, os.stat_result]:
        # SECURITY: CVE-2024-42367: each file that is sent comes through here, variants as well. Who can write in the
        # directory can still put a link in the place of a folder between the two steps, and could as well copy there
        # what the link would lead to.
        if self._follow is True:
            return open_regular(name)
        is_linked = os.name == "nt" or _passes_link(self.directory, name)
        if is_linked and not self._may_follow(name):
            raise NotFound
        return open_regular(name, follow=is_linked)

    def _may_follow(self, name: str) -> bool:
        try:
            root, folder, target = map(os.path.realpath, (self.directory, os.path.dirname(name), name))
        except (OSError, ValueError):
            return False
        if _is_inside(root, target):
            return True
        if self._follow == "files":
            return _is_inside(root, folder)
        return self._follow == "directories" and target == os.path.join(folder, os.path.basename(name))

    def _has_index(self, joined: str) -> bool:
        if self._index is None:
            return False
        try:
            file, _ = self._open_inside(os.path.join(joined, self._index))
        except NotFound:
            return False
        file.close()
        return True


class _Lookup(PendingBody):
    """A path that is looked up when the request is known, in a thread that may block."""

    def __init__(self, files: StaticFiles, path: str, joined: str) -> None:
        self._files = files
        self._path = path
        self._joined = joined

    def complete(self, request: Request, response: Response) -> None:
        self._files.look_up(self._path, self._joined, request, response)


def _folder_of(file: str) -> str:
    """The folder of a file of code; the working directory for code that is in no file (`<stdin>`)."""
    folder = "" if file.startswith("<") else os.path.dirname(file)
    return folder if os.path.isabs(folder) else os.path.join(os.getcwd(), folder)


def _is_hidden(path: str) -> bool:
    # `.well-known` is RFC 8615's; other names of this kind (`.git`, `.env`, `.htaccess`) aren't meant for clients.
    first, *others = path.split("/")
    return any(name.startswith(".") for name in ((first, *others) if first != ".well-known" else others))


def _passes_link(root: str, name: str) -> bool:
    """Whether a folder below the root on the way to a file, or the file itself, is a symbolic link."""
    at = root
    for part in name[len(root) :].split(os.sep):
        at = os.path.join(at, part) if part else at
        try:
            if part and stat.S_ISLNK(os.lstat(at).st_mode):
                return True
        except (OSError, ValueError):
            return False  # then it can't be opened either
    return False


def _is_inside(root: str, target: str) -> bool:
    # SECURITY: CVE-2023-29159: by components, not by text, which `/srv/static_secret` begins with too.
    try:
        return os.path.commonpath([root, target]) == root
    except ValueError:  # on different drives
        return False


def _asks_for_page(path: str, request: Request) -> bool:
    """Whether a browser goes to a page, and not a script that expects a file: those send `*/*`."""
    if "." in path.rpartition("/")[2]:
        return False
    wanted = parse_accept(", ".join(request.headers.getlist("accept")))
    return any(name.partition(";")[0] == "text/html" and weight > 0 for name, weight in wanted)


def _redirect_to_slash(request: Request, response: Response) -> None:
    # SECURITY: relative to the path that was asked for, so it can't name another host, whatever that path begins with;
    # and it is right behind proxies that hide a prefix. `./`: a colon in the name would make it look like a scheme.
    last = encode_path(request.path.rpartition("/")[2])
    query = f"?{request.query_string}" if request.query_string else ""
    response.status = 308
    response.stream = None
    response.headers.set("location", f"./{last}/{query}")
