"""From what a test says to what stands on the wire."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from nacre.codecs import encode_json
from nacre.headers import pairs_of
from nacre.testing.cookies import CookieJar
from nacre.testing.exchange import Content, DisconnectAfter, Sent
from nacre.testing.multipart import FilesInput, encode_multipart
from nacre.urls import encode_query

HeaderInput = Mapping[str, str] | Mapping[str, str | None] | Iterable[tuple[str, str | None]]
Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]
QueryInput = str | Pairs | None
BodyInput = str | Content | None


class StreamOptions(TypedDict, total=False):
    """What a request may have besides its method and path.

    `query`, which may also be called `params`, is appended to that of the path. `headers` replace those of the same
    name that the client would send, and None as a value leaves one out; pairs keep duplicates. `cookies` are sent
    besides the client's own. One of `json`, `form`, which may also be called `data` (urlencoded), and `content` is the
    body; with `files` a form is multipart. An iterable as `content` is sent in chunks, without Content-Length.
    `disconnect_after` makes the client leave: after so many body chunks were taken (0: at once), or when an event is
    set.
    """

    query: QueryInput
    params: QueryInput
    headers: HeaderInput
    cookies: Mapping[str, str]
    json: object
    form: QueryInput
    data: Pairs | None
    files: FilesInput | None
    content: BodyInput
    disconnect_after: DisconnectAfter | None


class RequestOptions(StreamOptions, total=False):
    """`follow_redirects` overrides the client's."""

    follow_redirects: bool


_DEFAULT_PORTS = {"http": 80, "https": 443}
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_NEEDS_LENGTH = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True)
class Target:
    """Where a request goes; `path` and `query` as on the request line."""

    scheme: str
    host: str
    path: str
    query: str

    @classmethod
    def parse(cls, scheme: str, host: str, path: str, *queries: QueryInput) -> Target:
        """Read a request target. Non-ASCII text is escaped as browsers do; raises ValueError for what can't be sent."""
        path, _, own_query = path.partition("?")
        if not path.startswith("/") and path != "*":
            raise ValueError(f"a path starts with a slash, unlike {path!r}")
        return cls(scheme, host, _line(path), _line("&".join(filter(None, (own_query, *map(_query_text, queries))))))

    @property
    def hostname(self) -> str:
        """The host in lower case, without the port."""
        return self._split()[0].lower()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._split()
        return host, int(port) if port else _DEFAULT_PORTS[self.scheme]

    def joined(self, location: str) -> Target:
        """The target of a `Location` field."""
        base = urlunsplit((self.scheme, self.host, self.path, self.query, ""))
        parts = urlsplit(urljoin(base, location))
        return Target(parts.scheme, parts.netloc, parts.path or "/", parts.query)

    def _split(self) -> tuple[str, str]:
        host, colon, port = self.host.rpartition(":")
        return (host, port) if colon and port.isdigit() else (self.host, "")


def _line(text: str) -> str:
    escaped = quote(text, safe=_PRINTABLE) if not text.isascii() else text
    if escaped.strip(_PRINTABLE):
        raise ValueError(f"{text!r} can't stand on a request line; escape spaces and control characters")
    return escaped


_CREDENTIALS = ("authorization", "proxy-authorization")


@dataclass(frozen=True)
class Call:
    """A request before it has the client's headers and cookies."""

    method: str
    target: Target
    own: tuple[tuple[str, str], ...]
    given: tuple[tuple[str, str | None], ...]
    cookies: Mapping[str, str]
    body: Content
    disconnect_after: DisconnectAfter | None = None

    @classmethod
    def of(cls, method: str, target: Target, options: StreamOptions) -> Call:
        """Encode the body of a request; raises TypeError for more than one, and for options that there aren't."""
        check_options(options)
        own, body = _encode_body(method, options)
        given = tuple((name.lower(), value) for name, value in pairs_of(options.get("headers", ())))
        return cls(method, target, own, given, options.get("cookies", {}), body, options.get("disconnect_after"))

    @property
    def label(self) -> str:
        return f"{self.method} {self.target.path}"

    @property
    def host(self) -> str:
        """The host it is meant for, by its Host field if it has one."""
        host = next((value for name, value in self.given if name == "host" and value), self.target.host)
        return replace(self.target, host=host).hostname

    def redirected(self, status: int, location: str) -> Call:
        """The request that a browser sends when this one is answered with a redirect."""
        target = self.target.joined(location)
        given, cookies = self.given, self.cookies
        if (target.scheme, target.host) != (self.target.scheme, self.target.host):
            # What was meant for one origin isn't told to another, also what the client sends by default.
            given = tuple(pair for pair in given if pair[0] not in ("host", "cookie", *_CREDENTIALS))
            given += tuple((name, None) for name in _CREDENTIALS)
            cookies = {}
        if status == 303 or (status in (301, 302) and self.method == "POST"):
            kept = tuple(pair for pair in given if not pair[0].startswith("content-"))
            method = "HEAD" if self.method == "HEAD" else "GET"
            return replace(
                self, method=method, target=target, own=(), given=kept, cookies=cookies, body=b"", disconnect_after=None
            )
        if not isinstance(self.body, bytes):
            raise ValueError(f"a body in chunks can't be sent again to follow the redirect of {self.label}")
        return replace(self, target=target, given=given, cookies=cookies, disconnect_after=None)

    def sent(self, defaults: HeaderInput, jar: CookieJar, client: tuple[str, int], root_path: str) -> Sent:
        """This request as it stands on the wire."""
        target = self.target
        pairs = _merge([("host", target.host)], self.own, _lowered(defaults), self.given)
        if not any(name == "cookie" for name, _ in pairs):
            cookies = {**dict(reversed(jar.header(target.scheme, self.host, target.path))), **self.cookies}
            if cookies:
                pairs.append(("cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
        return Sent(
            self.method,
            target.path,
            target.query,
            tuple((name, value) for name, value in pairs if value is not None),
            self.body,
            target.scheme,
            target.address,
            client,
            root_path,
        )


def check_options(options: Mapping[str, Any]) -> None:
    """Raises TypeError for a name that is no option of a stream, with one that is near.

    What a request may have besides, `request` takes before.
    """
    for name in options:
        if name in StreamOptions.__optional_keys__:
            continue
        known = RequestOptions.__optional_keys__ - {name}
        near = difflib.get_close_matches(name, known, n=1)
        fix = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(sorted(known))}"
        raise TypeError(f"there is no option `{name}` here; {fix}")


def _query_text(query: QueryInput) -> str:
    return query if isinstance(query, str) else "" if query is None else encode_query(query)


def _encode_body(method: str, options: StreamOptions) -> tuple[tuple[tuple[str, str], ...], Content]:
    """The body, and the header fields that describe it."""
    form, files, content = _form_of(options), options.get("files"), options.get("content")
    is_form = form is not None or files is not None
    given = ["json" in options, is_form, content is not None]
    if sum(given) > 1:
        raise TypeError(
            "a request has one body: give only one of `json`, a form (`form`, `data`, `files`) and `content`"
        )
    if "json" in options:
        kind, body = "application/json", encode_json(options["json"])
    elif files is not None:
        if isinstance(form, str):
            raise TypeError("a form with files has its fields as a mapping or pairs, not as a str")
        kind, body = encode_multipart(_texts(form or ()), files)
    elif form is not None:
        kind, body = "application/x-www-form-urlencoded", _query_text(form).encode("ascii")
    elif content is None or isinstance(content, str | bytes):
        kind, body = "", content.encode() if isinstance(content, str) else content or b""
    else:
        return (("transfer-encoding", "chunked"),), content
    headers = [("content-type", kind)] if kind else []
    if body or any(given) or method in _NEEDS_LENGTH:
        headers.append(("content-length", str(len(body))))
    return tuple(headers), body


def _form_of(options: StreamOptions) -> QueryInput:
    form, data = options.get("form"), options.get("data")
    if isinstance(data, str | bytes):
        raise TypeError("`data` is a form's fields, a mapping or pairs; a body as it is goes by `content`")
    if form is not None and data is not None:
        raise TypeError("`data` and `form` are the same: give one of them")
    return data if form is None else form


def _texts(fields: Pairs) -> Iterator[tuple[str, str]]:
    """A form's fields one by one; a list or tuple as a value repeats its name."""
    for name, value in pairs_of(fields):
        for one in value if isinstance(value, list | tuple) else (value,):
            yield name, str(one)


def _lowered(source: HeaderInput) -> list[tuple[str, str | None]]:
    return [(name.lower(), value) for name, value in pairs_of(source)]


def _merge(*sources: Iterable[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Header fields: those of a name in a later source replace those in earlier ones."""
    merged: list[tuple[str, str | None]] = []
    for source in sources:
        pairs = list(source)
        names = {name for name, _ in pairs}
        if "content-length" in names:
            names.add("transfer-encoding")  # a declared length, right or wrong, is what the test wants to send
        merged = [pair for pair in merged if pair[0] not in names] + pairs
    return merged
