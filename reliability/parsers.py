"""What reads the bytes of a peer, and inputs that other programs took too long for: n characters, as hostile as can be.

A line is a parser, where it is defined, and how it is called with a text. A parser may refuse what it is given with
any of `REFUSALS`; how long it takes for that counts too. New parsers are added here: the quadratic gate and
`tests/security/test_quadratic_corpus.py` go by this table.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nacre.errors import HTTPError

REFUSALS = (ValueError, HTTPError, LookupError, RecursionError)

Make = Callable[[int], Any]

SECRET = "0123456789abcdef0123456789ABCDEF"  # noqa: S105  # what is signed with it is thrown away


@dataclass(frozen=True)
class Parser:
    """One parser; `target` is `module:attribute`, and `call` gets that and an input."""

    name: str
    target: str
    inputs: dict[str, Make]
    call: Callable[[Any, Any], Any] = field(default=lambda function, text: function(text))

    def load(self) -> Callable[[Any], object]:
        """A function of an input, which never raises for it; what it returns is of no interest."""
        module, _, names = self.target.partition(":")
        function: Any = importlib.import_module(module)
        for name in names.split("."):
            function = getattr(function, name)

        def run(given: Any) -> object:
            try:
                return self.call(function, given)
            except REFUSALS:
                return None

        return run


def fill(unit: str, begin: str = "", end: str = "") -> Make:
    """Texts of about n characters: a beginning, a unit over and over, an end."""
    return lambda n: begin + unit * max(1, (n - len(begin) - len(end)) // len(unit)) + end


def fill_bytes(unit: bytes, begin: bytes = b"", end: bytes = b"") -> Make:
    return lambda n: begin + unit * max(1, (n - len(begin) - len(end)) // len(unit)) + end


LISTS = {
    "commas": fill(","),
    "spaces": fill(" "),
    "empty members": fill(" ,\t"),
    "members": fill("a, "),
    "quotes": fill('"'),
    "an open quote": fill("b", 'a="'),
    "escapes in a quote": fill('\\"', 'a="'),
    "backslashes": fill("\\", 'a="', '"'),
    "semicolons": fill(";", "a"),
    "parameters": fill(';a="b"', "a/b"),
    "weights": fill("a;q=0.1,"),
}


def _headers(lines: Callable[[int], list[tuple[str, str]]]) -> Make:
    return lines


def _request(name: str, value: str) -> Any:
    from nacre.request import Request
    from nacre.transports.asgi import CARRIER

    fields = [(b"host", b"a.example"), (name.encode(), value.encode("latin-1", "replace"))]
    scope = {"type": "http", "headers": fields, "path": "/", "query_string": b"", "method": "OPTIONS"}
    return Request(CARRIER, scope, None, "OPTIONS", "/")


def _field(name: str, **options: Any) -> Callable[[Any, str], object]:
    """Call a class's `credentials` for a request with this field."""
    return lambda scheme, text: scheme(lambda *_: None, **options).credentials(_request(name, text))


def _multipart(whole: bool, **limits: Any) -> Callable[[Any, bytes], object]:
    def call(decoder: Any, body: bytes) -> object:
        from nacre.fields import FormLimits
        from nacre.media import parse_media_type

        # What would be refused early is read here to its end.
        most = 10**9
        kinds = {"fields": most, "files": most, "text_size": most, "header_size": most, "header_count": most}
        one = decoder(parse_media_type("multipart/form-data; boundary=cut"), FormLimits(**kinds | limits))
        count = 0
        for start in range(0, len(body), len(body) if whole else 7):
            for _ in one.decode(body[start : start + (len(body) if whole else 7)]):
                count += 1
        one.close()
        return count

    return call


def _urlencoded(parser: Any, body: bytes) -> object:
    from nacre.fields import FormLimits
    from nacre.media import parse_media_type

    one = parser(parse_media_type("application/x-www-form-urlencoded"), FormLimits(fields=10**9))
    for start in range(0, len(body), 3):
        one.feed(body[start : start + 3])
    return one.pairs()


class _Source:
    """A body that comes one byte at a time."""

    def __init__(self, body: bytes) -> None:
        self._pieces: Iterator[int] = iter(body)

    async def read(self) -> bytes:
        return bytes((byte,)) if (byte := next(self._pieces, None)) is not None else b""


def _body(reader: Any, data: bytes) -> object:
    # By hand, since nothing waits: what an event loop costs isn't the question.
    reading = reader(_Source(data), limit=10**9).read()
    try:
        while True:
            reading.send(None)
    except StopIteration as end:
        return end.value


def _frames(protocol: Any, data: bytes) -> object:
    """A message in fragments of one byte, behind a handshake."""
    one = protocol(state=1, max_size=10**9)
    one.receive_data(data)
    return one.events_received()


def _fragments(n: int) -> bytes:
    return b"\x02\x81\0\0\0\0a" + b"\0\x81\0\0\0\0a" * (n // 7) + b"\x80\x80\0\0\0\0"


def _events(decoder: Any, data: bytes) -> object:
    one = decoder()
    return [one.feed(data[start : start + 3]) for start in range(0, len(data), 3)]


def _preflight(layer: Any, text: str) -> object:
    cors = layer(["https://a.example"], headers=["x-a", "x-b"])
    request = _request("access-control-request-headers", text)
    fields = [*request.headers.pairs(), ("origin", "https://a.example"), ("access-control-request-method", "GET")]
    request.replace_headers(type(request.headers)(fields))
    return cors.before(request) if hasattr(cors, "before") else None


def _pairs(function: Any, pairs: Any) -> object:
    headers = function(pairs)
    return [headers.getlist(name) for name in ("a", "b", "cookie")], headers.get("host")


def _set(function: Any, pairs: Any) -> object:
    headers = function()
    headers.update(pairs)
    return headers.pairs()


PARSERS = [
    Parser(
        "query",
        "nacre.urls:QueryParams",
        {
            "fields": fill("a=1&"),
            "ampersands": fill("&"),
            "percent signs": fill("%"),
            "bad escapes": fill("%f"),
            "bytes that are no UTF-8": fill("%ff"),
            "pluses": fill("+"),
            "equals signs": fill("="),
            "semicolons": fill("a=1;"),
        },
        lambda function, text: function(text, max_fields=10**9),
    ),
    Parser(
        "urlencoded form",
        "nacre.urlencoded:UrlencodedParser",
        {
            "fields": fill_bytes(b"a=1&"),
            "ampersands": fill_bytes(b"&"),
            "percent signs": fill_bytes(b"%"),
            "bad escapes": fill_bytes(b"%f"),
            "one name": fill_bytes(b"a"),
        },
        _urlencoded,
    ),
    Parser(
        "multipart headers",
        "nacre.multipart:MultipartDecoder",
        {
            "semicolons": fill_bytes(b";", b'--cut\r\nContent-Disposition: form-data; a="', b'"\r\n\r\n'),
            "parameters": fill_bytes(b';a="b"', b"--cut\r\nContent-Disposition: form-data", b"\r\n\r\n"),
            "an open quote": fill_bytes(b"a", b'--cut\r\nContent-Disposition: form-data; name="', b"\r\n\r\n"),
            "backslashes": fill_bytes(b"\\", b'--cut\r\nContent-Disposition: form-data; name="', b'"\r\n\r\n'),
            "lines": fill_bytes(b"X: y\r\n", b"--cut\r\n"),
            "a name without end": fill_bytes(b"x", b"--cut\r\n"),
        },
        _multipart(whole=True),
    ),
    Parser(
        "multipart body",
        "nacre.multipart:MultipartDecoder",
        {
            "line ends": fill_bytes(b"\r\n", b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n'),
            "CRs": fill_bytes(b"\r", b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n'),
            "almost boundaries": fill_bytes(b"\r\n--cu", b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n'),
            "parts": fill_bytes(b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'),
        },
        _multipart(whole=True),
    ),
    Parser(
        "multipart body in pieces",
        "nacre.multipart:MultipartDecoder",
        {
            "line ends": fill_bytes(b"\r\n", b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n'),
            "almost boundaries": fill_bytes(b"\r\n--cu", b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n'),
            "a long header": fill_bytes(b"x", b"--cut\r\nX: "),
            "a preamble": fill_bytes(b"x"),
        },
        # The library looks again at a header line with every piece, and the limit makes an end of that.
        _multipart(whole=False, header_size=4096),
    ),
    Parser(
        "boundary",
        "nacre.media:parse_media_type",
        {
            "dashes": fill("-", "multipart/form-data; boundary="),
            "quoted": fill("\\-", 'multipart/form-data; boundary="', '"'),
            "many": fill("; boundary=a", "multipart/form-data"),
        },
    ),
    Parser(
        "cookies",
        "nacre.cookies:parse_cookies",
        {
            "backslashes": fill("\\", 'a="', '"'),
            "octal escapes": fill("\\073", 'a="', '"'),
            "half octal escapes": fill("\\0", 'a="', '"'),
            "semicolons": fill(";"),
            "pairs": fill("a=b;"),
            "names": fill("a;"),
            "equals signs": fill("="),
            "quotes": fill('"', "a="),
            "spaces": fill(" "),
            "spaces before": fill(" ", "a=b", ";"),
        },
    ),
    Parser("Accept", "nacre.media:best_match", LISTS, lambda function, text: function(text, ["text/html", "a/b"])),
    Parser("Accept by weight", "nacre.media:parse_accept", LISTS),
    Parser("Content-Type", "nacre.media:parse_media_type", LISTS | {"subtypes": fill("/a", "a")}),
    Parser(
        "Range",
        "nacre.ranges:parse_ranges",
        {
            "ranges": fill("0-0,", "bytes="),
            "commas": fill(",", "bytes="),
            "digits": fill("9", "bytes=0-"),
            "spaces": fill(" ", "bytes=", "0-0"),
            "equals signs": fill("=", "bytes"),
            "overlapping": fill("0-,", "bytes="),
        },
        lambda function, text: function(text, 10**6),
    ),
    Parser(
        "If-None-Match",
        "nacre.etags:parse_etags",
        LISTS | {"tags": fill('"a",'), "weak tags": fill('W/"a", '), "Ws": fill("W/")},
        lambda function, text: function([text]),
    ),
    Parser(
        "If-Modified-Since",
        "nacre.media:parse_http_date",
        {"digits": fill("9"), "spaces": fill(" ", "Sun, 06 Nov 1994"), "words": fill("Sun, "), "colons": fill("0:")},
    ),
    Parser(
        "Host",
        "nacre.urls:parse_host",
        {
            "labels": fill("a."),
            "colons": fill(":"),
            "brackets": fill("["),
            "an address": fill(":0", "[", "]"),
            "digits": fill("9", "a:"),
        },
    ),
    Parser(
        "Origin",
        "nacre.urls:normal_origin",
        {"schemes": fill("a", "", "://a"), "slashes": fill("/", "a:"), "labels": fill("a.", "https://")},
    ),
    Parser(
        "path",
        "nacre.urls:decode_path",
        {
            "slashes": fill_bytes(b"/"),
            "dots": fill_bytes(b"/.."),
            "encoded slashes": fill_bytes(b"/%2f"),
            "percent signs": fill_bytes(b"%25", b"/"),
            "bad escapes": fill_bytes(b"%", b"/"),
            "bytes that are no UTF-8": fill_bytes(b"%ff", b"/"),
            "half characters": fill_bytes(b"%e4%b8", b"/"),
        },
    ),
    Parser(
        "path back", "nacre.urls:encode_path", {"percent signs": fill("%"), "both": fill("%2F%"), "text": fill("é")}
    ),
    Parser(
        "Location",
        "nacre.urls:check_location",
        {"percent signs": fill("%"), "spaces": fill(" "), "text": fill("é"), "backslashes": fill("\\")},
    ),
    Parser(
        "received headers",
        "nacre.headers:Headers",
        {
            "of one name": lambda n: [("a", "b")] * (n // 4),
            "of many": lambda n: [(f"x{i}", "b") for i in range(n // 4)],
        },
        _pairs,
    ),
    Parser(
        "headers to send",
        "nacre.headers:MutableHeaders",
        {"of one name": lambda n: [("a", "b")] * (n // 4)},
        _set,
    ),
    Parser(
        "Vary",
        "nacre.headers:MutableHeaders",
        {"names": lambda n: [f"x{i % 100}" for i in range(n // 4)]},
        lambda function, names: function().add_vary(*names),
    ),
    Parser(
        "JSON",
        "nacre.codecs:decode_json",
        {
            "deep lists": fill_bytes(b"["),
            "deep objects": fill_bytes(b'{"a":'),
            "escapes": fill_bytes(b"\\u0041", b'"', b'"'),
            "digits": fill_bytes(b"9"),
            "one key": fill_bytes(b'"a":1,', b"{", b'"a":1}'),
            "spaces": fill_bytes(b" "),
            "an open text": fill_bytes(b"a", b'"'),
        },
    ),
    Parser("body in single bytes", "nacre.body:Body", {"bytes": fill_bytes(b"x")}, _body),
    Parser("WebSocket fragments", "websockets.server:ServerProtocol", {"of one byte": _fragments}, _frames),
    Parser("Content-Encoding", "nacre.decompression:_listed", LISTS, lambda function, text: function([text])),
    Parser(
        "Content-Disposition",
        "nacre.disposition:content_disposition",
        {
            "slashes": fill("/"),
            "dots": fill("."),
            "spaces": fill(" "),
            "marks": fill("\u202e"),
            "text": fill("é"),
            "backslashes": fill("\\"),
            "quotes": fill('"'),
        },
        lambda function, text: function("attachment", text),
    ),
    Parser(
        "names of files",
        "nacre.filenames:safe_filename",
        {
            "slashes": fill("/"),
            "dots": fill("."),
            "spaces": fill(" "),
            "devices": fill("CON"),
            "marks": fill("e\u0301"),
            "many marks": fill("\u0301\u0323", "e"),
        },
    ),
    Parser(
        "path of a file",
        "nacre.static:safe_join",
        {"dots": fill("../"), "slashes": fill("/"), "names": fill("a/"), "devices": fill("CON/")},
        lambda function, text: function("/srv/static", text),
    ),
    Parser(
        "event stream",
        "nacre.eventstream:EventDecoder",
        {
            "lines": fill_bytes(b"data: a\n"),
            "CRs": fill_bytes(b"\r"),
            "one line": fill_bytes(b"a"),
            "colons": fill_bytes(b":"),
            "data": fill_bytes(b"data\n"),
        },
        _events,
    ),
    Parser("line of a log", "nacre.logline:printable", {"controls": fill("\x1b"), "text": fill("é")}),
    Parser(
        "text of a page", "nacre.pages.markup:escape", {"tags": fill("<"), "line ends": fill("\r\n"), "amps": fill("&")}
    ),
    Parser(
        "signed text",
        "nacre.signing:Signer",
        {"dots": fill("."), "letters": fill("a"), "padding": fill("="), "text": fill("é"), "signed": fill("a.a.")},
        lambda function, text: function(SECRET, purpose="test").unsign(text),
    ),
    Parser(
        "sealed text",
        "nacre.signing:Sealer",
        {"dots": fill("."), "letters": fill("a"), "padding": fill("="), "text": fill("é")},
        lambda function, text: function(SECRET, purpose="test").unsign(text),
    ),
    Parser(
        "Forwarded",
        "nacre.security.forwarded:read_forwarded",
        LISTS | {"hops": fill("for=a,"), "pairs": fill("a=b;"), "names": fill("a"), "open": fill('for="a,')},
        lambda function, text: function(_request("forwarded", text).headers),
    ),
    Parser(
        "X-Forwarded-For",
        "nacre.security.forwarded:listed",
        LISTS,
        lambda function, text: function(_request("x-forwarded-for", text).headers, "x-forwarded-for"),
    ),
    Parser(
        "address of a proxy",
        "nacre.security.forwarded:parse_node",
        {"colons": fill(":"), "digits": fill("1"), "dots": fill("1."), "brackets": fill("["), "zeros": fill("0")},
    ),
    Parser("CORS request headers", "nacre.security.cors:CORS", LISTS | {"names": fill("x-a,x-b,")}, _preflight),
    Parser(
        "Authorization, Basic",
        "nacre.auth.basic:BasicAuth",
        {"spaces": fill(" ", "Basic"), "letters": fill("a", "Basic "), "padding": fill("=", "Basic ")},
        _field("authorization"),
    ),
    Parser(
        "Authorization, Bearer",
        "nacre.auth.bearer:BearerAuth",
        {"spaces": fill(" ", "Bearer"), "letters": fill("a", "Bearer "), "dots": fill(".", "Bearer ")},
        _field("authorization"),
    ),
    Parser(
        "next URL",
        "nacre.auth.redirects:safe_redirect_target",
        {
            "slashes": fill("/"),
            "backslashes": fill("\\"),
            "controls": fill("\t", "/"),
            "ats": fill("@", "https://"),
            "dots": fill("/.."),
            "percent signs": fill("%2f", "/"),
        },
        lambda function, text: function(text, allowed_hosts=["a.example"]),
    ),
    Parser(
        "Cache-Control", "nacre.traffic.caching:parse_cache_control", LISTS, lambda function, text: function([text])
    ),
]
"""At least the 25 of the specification (R4)."""
