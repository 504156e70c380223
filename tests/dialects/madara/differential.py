"""One program of Madara's, many requests, and why some answers differ."""

PROGRAMS = ["harbour", "subdomains", "hosts", "salvage"]

HEADERS = ["content-type", "location", "allow", "set-cookie", "vary", "etag", "cache-control", "content-length"]
HEADERS += ["x-told", "x-stamp", "x-office", "x-seen", "x-rope", "x-theirs", "x-method", "x-length", "x-many"]

FORM = [["content-type", "application/x-www-form-urlencoded"]]
JSON = [["content-type", "application/json"]]
PARTS = (
    '--rope\r\nContent-Disposition: form-data; name="note"\r\n\r\nat dawn\r\n'
    '--rope\r\nContent-Disposition: form-data; name="chart"; filename="bay.txt"\r\n'
    "Content-Type: text/plain\r\n\r\nreefs\r\n--rope--\r\n"
)
HEADERS_SENT = [
    ["x-ask", "why"],
    ["cookie", "ship=gull; crew=4"],
    ["user-agent", "sextant/1"],
    ["accept-language", "en;q=0.5, de"],
]


def _ask(name, method, path, headers=(), body=None, program="harbour"):
    headers = [list(pair) for pair in headers]
    return {"id": name, "method": method, "path": path, "headers": headers, "body": body, "program": program}


def _at(host, path, program):
    return _ask(f"{program} {host}{path}", "GET", path, [["host", host]], program=program)


REQUESTS = [
    _ask("hello", "GET", "/"),
    _ask("hello-head", "HEAD", "/"),
    _ask("hello-options", "OPTIONS", "/"),
    _ask("hello-post", "POST", "/"),
    _ask("unknown", "GET", "/nowhere"),
    _ask("unknown-head", "HEAD", "/nowhere"),
    _ask("bytes", "GET", "/bytes"),
    _ask("bytearray", "GET", "/array"),
    _ask("dict", "GET", "/dict"),
    _ask("dict-head", "HEAD", "/dict"),
    *(_ask(f"jsonify-{form}", "GET", f"/jsonify/{form}") for form in ("one", "many", "named", "none", "both")),
    *(
        _ask(f"tuple-{form}", "GET", f"/tuple/{form}")
        for form in ("status", "text", "enum", "headers", "pairs", "both", "type", "four", "bytes", "response", "lost")
    ),
    *(_ask(f"wrong-{form}", "GET", f"/wrong/{form}") for form in ("none", "int", "list", "bool", "float", "set")),
    *(
        _ask(f"response-{form}", "GET", f"/response/{form}")
        for form in ("empty", "iterable", "list", "type", "xml", "cookie", "changed", "surface", "etag", "other")
    ),
    _ask("response-etag-known", "GET", "/response/etag", [["if-none-match", '"v1"']]),
    *(
        _ask(f"foreign-{form}", "GET", f"/foreign/{form}")
        for form in ("werkzeug", "redirect", "wsgi", "error", "raised")
    ),
    *(_ask(f"abort-{code}", "GET", f"/abort/{code}") for code in (400, 401, 403, 404, 409, 418, 429, 500, 503)),
    _ask("share", "GET", "/share/4"),
    _ask("share-none", "GET", "/share/0"),
    _ask("berth", "GET", "/berth/7"),
    _ask("berth-word", "GET", "/berth/x"),
    _ask("berth-negative", "GET", "/berth/-7"),
    _ask("berth-zeros", "GET", "/berth/007"),
    _ask("order-text", "GET", "/order/first"),
    _ask("order-number", "GET", "/order/12"),
    _ask("order-name", "GET", "/order/anna"),
    _ask("order-umlaut", "GET", "/order/J%C3%BCrgen%20B"),
    _ask("folder", "GET", "/folder/"),
    _ask("folder-bare", "GET", "/folder?x=1"),
    _ask("loose", "GET", "/loose"),
    _ask("loose-slash", "GET", "/loose/"),
    _ask("strict-slash", "GET", "/dict/"),
    _ask("double-slash", "GET", "/order//first"),
    _ask("pages-default", "GET", "/pages/"),
    _ask("pages", "GET", "/pages/3"),
    _ask("pages-first", "GET", "/pages/1"),
    _ask("redirect-to", "GET", "/old/9"),
    _ask("both-get", "GET", "/both"),
    _ask("both-post", "POST", "/both"),
    _ask("both-put", "PUT", "/both"),
    _ask("own-options", "OPTIONS", "/own-options"),
    _ask("asked", "GET", "/asked?a=1&a=2&b=%C3%BC&c", HEADERS_SENT),
    _ask("asked-form", "POST", "/asked?a=1", FORM, "b=2&b=3&c=%20x"),
    _ask("asked-text", "POST", "/asked", [["content-type", "text/plain"]], "salt"),
    _ask("files", "POST", "/files", [["content-type", "multipart/form-data; boundary=rope"]], PARTS),
    _ask("json", "POST", "/json", JSON, '{"a": [1, 2]}'),
    _ask("json-suffix", "POST", "/json", [["content-type", "application/cargo+json"]], "[1]"),
    _ask("json-malformed", "POST", "/json", JSON, '{"a": '),
    _ask("json-other-type", "POST", "/json", [["content-type", "text/plain"]], "{}"),
    _ask("json-no-type", "POST", "/json", [], "{}"),
    _ask("json-forced", "POST", "/json?force=1", [], '"x"'),
    _ask("json-silent", "POST", "/json?silent=1", [], "{"),
    _ask("json-empty", "POST", "/json", JSON, ""),
    _ask("stream", "POST", "/stream", [], "abcdefgh"),
    _ask("missing-key", "GET", "/missing"),
    _ask("blueprint", "POST", "/blueprint/item", JSON, '{"a": 1}'),
    _ask("blueprint-get", "GET", "/blueprint/item"),
    _ask("blueprint-empty", "GET", "/blueprint"),
    _ask("blueprint-own-prefix", "POST", "/ignored/item", JSON, "{}"),
    _ask("blueprint-endpoint", "GET", "/crew/anna"),
    _ask("blueprint-bare", "GET", "/bare"),
    _ask("added", "GET", "/added"),
    _ask("added-again", "GET", "/added/again"),
    _ask("skip-view", "GET", "/dict?skip=view"),
    _ask("skip-unknown", "GET", "/nowhere?skip=view"),
    _ask("gate", "GET", "/gate/closed"),
    _ask("clerk-raises", "GET", "/", [["x-clerk", "asleep"]]),
    _ask("clerk-divides", "GET", "/", [["x-clerk", "divides"]]),
    _ask("stamp-all", "GET", "/", [["x-stamp", "all"]]),
    _ask("stamp-all-errors", "GET", "/nowhere", [["x-stamp", "all"]]),
    _ask("stamp-all-raised", "GET", "/wrong/none", [["x-stamp", "all"]]),
    *(
        _at(host, path, "subdomains")
        for host, path in (
            ("example.com", "/"),
            ("example.com", "/ship"),
            ("port.example.com", "/"),
            ("gull.example.com", "/"),
            ("gull.example.com", "/ship"),
            ("islands.example.com", "/map"),
            ("reefs.example.com", "/low/map"),
            ("reefs.example.com", "/map"),
            ("example.org", "/"),
            ("EXAMPLE.com", "/"),
        )
    ),
    *(
        _at(host, path, "hosts")
        for host, path in (
            ("north.example.com", "/"),
            ("east.example.com", "/"),
            ("south.example.com", "/chart"),
            ("north.example.com", "/chart"),
            ("example.com", "/"),
        )
    ),
    *(
        _ask(f"salvage {path}", "GET", path, program="salvage")
        for path in (
            *("/ledger", "/dive", "/dive?diver=Anna", "/page?diver=Anna", "/pieces", "/page", "/far", "/nowhere"),
            *(f"/{name}?body={way}" for name in ("pieces", "page", "dive") for way in ("read", "wrap", "tag")),
            *("/crate/oil", "/crate/..%2Ftar", "/crate/a%5Cb", "/file/a/b", "/file/a/", "/file//etc/passwd"),
            *("/file/a//b", "/wreck/2.0", "/wreck/1.0", "/wreck/2"),
        )
    ),
    _ask("salvage weigh", "POST", "/weigh?limit=5", [], "tar", program="salvage"),
    _ask("salvage weigh too much", "POST", "/weigh?limit=5", [], "anchor", program="salvage"),
]

_RELATIVE = "the location is a path, so no Host that a client sent is in it, and there is no page to read"
_RESPONSES = "errors come out of `get_response` as responses; in the original they are exceptions without fields"

DIFFERENCES = {
    "hello-options": "OPTIONS is answered by itself; the original calls the view",
    "foreign-wsgi": "the length of a body that is known is told",
    "folder-bare": _RELATIVE,
    "double-slash": _RELATIVE,
    "redirect-to": _RELATIVE,
    "salvage /wreck/2.0": "a blueprint's middleware gets a response; in the original the view's bare value",
    "salvage /file//etc/passwd": _RELATIVE,
    "salvage /file/a//b": _RELATIVE,
    "pages-first": "a rule with a default doesn't redirect to the shorter one",
    "stamp-all-errors": _RESPONSES,
    "stamp-all-raised": _RESPONSES,
}

MASKS = {
    r'"allow": \[[^\]]*\]': "the original's has the order of a set",
    r"Expires=\w+, \d+ \w+ 20\d\d [\d:]+ GMT": "a cookie ends a minute after it was asked for",
}
