"""What is fuzzed: functions of bytes that call a parser and judge what it did.

A target passes silently what the parser's documentation allows, its own errors included. Whatever else is raised is a
finding: another exception, a result that breaks the parser's promise, or a call that takes too long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from nacre.auth.basic import BasicAuth
from nacre.auth.redirects import safe_redirect_target
from nacre.auth.schemes import InvalidCredentials
from nacre.auth.strict_json import strict_object
from nacre.codecs import decode_json, encode_json
from nacre.cookies import format_cookie, parse_cookies
from nacre.disposition import content_disposition
from nacre.errors import HTTPError
from nacre.etags import ETag, parse_etags
from nacre.eventstream import EventDecoder, ServerSentEvent
from nacre.fields import FormLimits
from nacre.filenames import last_component, safe_filename
from nacre.headers import Headers, MutableHeaders, encode_pairs
from nacre.logline import printable
from nacre.media import best_match, http_date, parse_accept, parse_http_date, parse_media_type
from nacre.multipart import MultipartDecoder
from nacre.ranges import parse_ranges
from nacre.request import Request
from nacre.security.forwarded import listed, parse_node, read_forwarded
from nacre.signing import BadSignature, Sealer, Signer
from nacre.static import safe_join
from nacre.traffic.caching import parse_cache_control
from nacre.transports.asgi import CARRIER
from nacre.urlencoded import UrlencodedParser
from nacre.urls import (
    QueryParams,
    check_location,
    decode_path,
    decode_segment,
    encode_path,
    encode_query,
    normal_origin,
    parse_host,
    quote_segment,
)

Target = Callable[[bytes], None]

TARGETS: dict[str, Target] = {}
"""The targets by their names."""

SECONDS_MAX = 0.1
"""A call on an input of a few KiB that takes longer holds the event loop."""

_SECRET = "fuzz-0123456789abcdef-0123456789"  # noqa: S105  # what is signed with it is thrown away


class Finding(AssertionError):
    """A parser has broken its promise."""


def target(function: Target) -> Target:
    def timed(data: bytes) -> None:
        if _spent(function, data) > SECONDS_MAX:
            again = _spent(function, data)  # a garbage collection may have come in between
            if again > SECONDS_MAX:
                raise Finding(f"{function.__name__} took {again:.2f} s")

    TARGETS[function.__name__.replace("_", "-")] = timed
    return timed


def _spent(function: Target, data: bytes) -> float:
    begun = time.process_time()
    function(data)
    return time.process_time() - begun


def expect(promise: bool, what: str) -> None:
    if not promise:
        raise Finding(what)


def _latin(data: bytes) -> str:
    return data.decode("latin-1")


def _text(data: bytes) -> str:
    """Text with everything in it, lone surrogates too."""
    return (
        data.decode("utf-8", "surrogatepass" if b"\xed" in data else "surrogateescape") if _fits(data) else _latin(data)
    )


def _fits(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass" if b"\xed" in data else "surrogateescape")
    except UnicodeDecodeError:
        return False
    return True


def _cut(data: bytes) -> tuple[int, bytes]:
    """A number that the first byte is, and the rest."""
    return (data[0] if data else 1), data[1:]


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    size = max(1, size)
    for start in range(0, len(data), size):
        yield data[start : start + size]


def _request(name: str, value: str) -> Request:
    fields = [(b"host", b"a.example"), (name.encode(), value.encode("latin-1", "replace"))]
    scope = {"type": "http", "headers": fields, "path": "/", "query_string": b"", "method": "GET"}
    return Request(CARRIER, scope, None, "GET", "/")


@target
def headers(data: bytes) -> None:
    name, _, value = data.partition(b":")
    sent = MutableHeaders()
    try:
        sent.add(name, value)
        sent.add(_text(name), _text(value))
        sent["x"] = _text(value)
    except ValueError:
        pass
    for key, text in encode_pairs(sent.pairs()):
        expect(not any(byte in key + text for byte in b"\r\n\0"), "a control character was let through")
        expect(text == text.strip(b" \t"), "there is white space around a value")
    received = Headers.from_bytes([(name, value), (b"host", b"a")])
    expect(received.getlist(_latin(name)) != [] or not name.isascii(), "a header isn't found by its own name")


@target
def cookies(data: bytes) -> None:
    found = parse_cookies(_latin(data))
    for name, value in found.items():
        expect(name == name.strip(" \t") and bool(name) and "=" not in name, "a name that is none")
        expect(not any(ord(char) < 32 or ord(char) == 127 for char in name + value), "a control character")
        try:
            written = format_cookie(name, value, path=None, samesite=None)
        except ValueError:
            continue
        expect(parse_cookies(written) == {name: value}, "what is written is read otherwise")
    parse_cookies(_text(data))


@target
def query(data: bytes) -> None:
    try:
        pairs = QueryParams(data).pairs()
        expect(QueryParams(_latin(data)).pairs() == pairs or not data.isascii(), "text and bytes are read otherwise")
    except ValueError:
        expect(data.count(b"&") >= 1000, "a query of few fields was refused")
        return
    expect(QueryParams(encode_query(pairs)).pairs() == [(key, value) for key, value in pairs], "the way back differs")


@target
def urlencoded(data: bytes) -> None:
    size, body = _cut(data)
    results = [_form(body, len(body)), _form(body, size)]
    expect(results[0] == results[1], "it depends on how the body is cut")


def _form(body: bytes, size: int) -> object:
    parser = UrlencodedParser(
        parse_media_type("application/x-www-form-urlencoded"), FormLimits(fields=50, text_size=4096)
    )
    try:
        for piece in _pieces(body, size):
            parser.feed(piece)
        return parser.pairs()
    except HTTPError as error:
        return error.status


@target
def multipart(data: bytes) -> None:
    size, body = _cut(data)
    whole, pieces, bytewise = (_parts(body, one) for one in (len(body), size, 1))
    expect(whole == pieces == bytewise, "it depends on how the body is cut")


def _parts(body: bytes, size: int) -> object:
    decoder = MultipartDecoder(
        parse_media_type("multipart/form-data; boundary=b"), FormLimits(fields=20, header_size=200)
    )
    found: list[Any] = []
    try:
        for piece in _pieces(body, size):
            for event in decoder.decode(piece):
                if isinstance(event, bytes) and found and isinstance(found[-1], bytes):
                    found[-1] += event
                else:
                    found.append(
                        event if isinstance(event, bytes | None) else (event.name, event.filename, event.headers)
                    )
        decoder.close()
    except HTTPError as error:
        # What came before the refusal may have been given in other pieces.
        return error.status
    return found


@target
def multipart_boundary(data: bytes) -> None:
    try:
        kind = parse_media_type("multipart/form-data; boundary=" + _latin(data))
        decoder = MultipartDecoder(kind)
    except (ValueError, HTTPError):
        return
    boundary = kind.param("boundary") or ""
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{boundary}--\r\n'
    expect(list(decoder.decode(body.encode("latin-1")))[1:] == [b"1", None], "a boundary isn't found")


@target
def media_type(data: bytes) -> None:
    try:
        found = parse_media_type(_text(data))
    except ValueError:
        return
    expect(found.essence == found.essence.lower(), "a type in capitals")
    expect(not any(char in found.essence for char in " \t\r\n;,"), "a type that holds what separates")


@target
def accept(data: bytes) -> None:
    text = _text(data)
    expect(best_match(text, ["text/html", "a/b"]) in ("text/html", "a/b", None), "a match that wasn't offered")
    weights = [weight for _, weight in parse_accept(text)]
    expect(all(0 <= weight <= 1 for weight in weights) and weights == sorted(weights, reverse=True), "the weights")


@target
def ranges(data: bytes) -> None:
    length, rest = _cut(data)
    found = parse_ranges(_text(rest), length)
    for one in found or ():
        expect(0 <= one.start < one.stop <= length, "a range outside of the file")
    expect(sum(map(len, found or ())) <= length, "more is sent than there is")


@target
def etags(data: bytes) -> None:
    found = parse_etags([_text(data), _latin(data)])
    for one in found:
        expect(isinstance(one, ETag) and ETag.parse(str(one)) == one, "the way back differs")


@target
def dates(data: bytes) -> None:
    found = parse_http_date(_text(data))
    if found is not None and found.year > 1:
        expect(parse_http_date(http_date(found)) == found.replace(microsecond=0), "the way back differs")


@target
def hosts(data: bytes) -> None:
    text = _text(data)
    for parse in (parse_host, normal_origin):
        try:
            found = parse(text)  # type: ignore[operator]
        except ValueError:
            continue
        host = found[0] if isinstance(found, tuple) else found
        expect(host.isascii() and host == host.lower(), "a host in capitals")
        expect(not any(char in host for char in "/?#@\\ \t\r\n") or "://" in host, "a host that isn't one")


@target
def paths(data: bytes) -> None:
    try:
        path = decode_path(data)
    except ValueError:
        return
    expect("\0" not in path, "NUL")
    expect(decode_path(encode_path(path).encode()) == path, "the way back differs")
    for segment in path.split("/"):
        plain = decode_segment(segment)
        expect(
            decode_segment(decode_path(quote_segment(plain).encode())) == plain or "\0" in plain, "a segment differs"
        )


@target
def location(data: bytes) -> None:
    try:
        found = check_location(_text(data))
    except ValueError:
        return
    expect(found.isascii() and found.isprintable() and " " not in found and "\\" not in found, "what no URI holds")
    expect(check_location(found) == found, "a second call changes it")


@target
def redirects(data: bytes) -> None:
    found = safe_redirect_target(_text(data), allowed_hosts=["a.example"])
    if found is not None:
        found = found if found[0] == "/" else found.lower()  # a host has no case
        expect(
            found.startswith("https://a.example") or (found[0] == "/" and found[1:2] not in ("/", "\\")), "elsewhere"
        )
        rest = found.removeprefix("https://a.example").removeprefix(":443")
        expect(found[0] == "/" or rest[:1] in ("", "/", "?", "#"), "elsewhere")
        expect("\\" not in found and found.isprintable(), "what browsers read otherwise")


@target
def disposition(data: bytes) -> None:
    text = _text(data)
    value = content_disposition("attachment", text)
    expect(value.isascii() and value.isprintable(), "what no header holds")
    expect(MutableHeaders([("content-disposition", value)]).pairs()[0][1] == value, "it isn't sent as it is")
    expect(value.count('"') == 2, "a quote within the quotes")


@target
def filenames(data: bytes) -> None:
    text = _text(data)
    name = safe_filename(text)
    if name is not None:
        expect(0 < len(name.encode("utf-8", "surrogatepass")) <= 255, "too long for a file system")
        expect(not any(char in name for char in '/\\:*?"<>|\0\r\n') and name not in (".", ".."), "more than a name")
    last = last_component(text)
    expect(
        last is None or ("/" not in last and "\\" not in last and last not in (".", "..")), "more than one component"
    )


@target
def static_paths(data: bytes) -> None:
    found = safe_join("/srv/static", _text(data))
    if found is not None:
        expect(found == "/srv/static" or found.startswith("/srv/static/"), "outside of the directory")
        expect(not {"", ".", ".."} & set(found.split("/")[1:]) and "\0" not in found, "upwards")


@target
def eventstream(data: bytes) -> None:
    size, rest = _cut(data)
    whole, pieces = EventDecoder(), EventDecoder()
    expect(whole.feed(rest) == [one for piece in _pieces(rest, size) for one in pieces.feed(piece)], "how it is cut")
    expect((whole.last_event_id, whole.retry) == (pieces.last_event_id, pieces.retry), "how it is cut")
    text = rest.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    try:
        sent = ServerSentEvent(text, event=text[:10] or None, id=text[:5] or None).encode()
    except ValueError:
        sent = ServerSentEvent(text).encode()
    [got] = EventDecoder().feed(sent)
    expect(got.data == text, "the way back differs")


@target
def json_bodies(data: bytes) -> None:
    try:
        value = decode_json(data)
    except ValueError:
        pass
    else:
        expect(decode_json(encode_json(value)) == value, "the way back differs")
    try:
        strict_object(data)
    except ValueError:
        pass


@target
def signed(data: bytes) -> None:
    for kind in (Signer, Sealer):
        one = kind(_SECRET, purpose="fuzz")
        for text in (_text(data), _latin(data)):
            try:
                one.unsign(text)
            except BadSignature:
                continue
            raise Finding("a text that nobody has signed")
        genuine = one.sign(data)
        expect(one.unsign(genuine) == data, "the way back differs")
        at = (data[0] if data else 0) % len(genuine)
        for char in {"A", "-", ".", "z"} - {genuine[at]}:
            try:
                one.unsign(genuine[:at] + char + genuine[at + 1 :])
            except BadSignature:
                continue
            raise Finding("a text that was changed")


@target
def forwarded(data: bytes) -> None:
    found = Headers([("forwarded", _latin(data)), ("x-forwarded-for", _latin(data))])
    for hop in read_forwarded(found):
        parse_node(hop.node)
    for text in listed(found, "x-forwarded-for"):
        address = parse_node(text)
        expect(address is None or address[1] is None or 0 <= address[1] < 65536, "a port that is none")


@target
def authorization(data: bytes) -> None:
    scheme = BasicAuth(lambda name, password: None)
    for text in (_latin(data), "Basic " + _latin(data)):
        try:
            found = scheme.credentials(_request("authorization", text))
        except (HTTPError, InvalidCredentials):
            continue
        expect(found is None or len(found) == 2, "credentials that are none")


@target
def cache_control(data: bytes) -> None:
    for name in parse_cache_control([_text(data)]):
        expect(bool(name) and name == name.lower() and not any(char in name for char in ' ,="'), "a name that is none")


@target
def log_lines(data: bytes) -> None:
    expect(printable(_text(data)).isprintable(), "a control character")
