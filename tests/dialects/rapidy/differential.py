"""What is asked of Rapidy and of its dialect, and why some answers differ."""

PROGRAMS = ["desk", "d1_tide", "d2_options", "d3_token", "d4_text", "d5_response", "d6_injected", "d7_body"]
HEADERS = [
    "content-type",
    "location",
    "allow",
    "set-cookie",
    "x-desk",
    "x-conflict",
    "x-inner",
    "x-injected",
    "x-a",
    "x-ok",
    "x-head",
]

JSON = [["content-type", "application/json"]]
FORM = [["content-type", "application/x-www-form-urlencoded"]]
TEXT = [["content-type", "text/plain"]]
BOAT = '{"name": "Ida", "length": "7.5", "tags": ["old"]}'


def ask(name, line, body=None, headers=(), program="desk"):
    method, _, path = line.partition(" ")
    fields = [list(one) for one in headers]
    return {"id": name, "method": method, "path": path, "headers": fields, "body": body, "program": program}


REQUESTS = [
    *(
        ask(path, f"GET /{path}")
        for path in (
            *("text", "number", "half", "yes", "colour", "decimal", "nothing", "bytes", "list", "tuple", "set", "boat"),
            *("light", "created", "page", "short", "wrong", "crash", "response", "response-text", "response-html"),
            *("injected", "injected-none", "conflict", "bare-error", "moved", "ok", "own-405", "no-head", "registered"),
            *("old", "crane", "nowhere", "inner/nowhere"),
        )
    ),
    ask("request", "GET /request?a=1&b=%C3%A9"),
    ask("request later", "GET /request-later?word=x%20y"),
    ask("post to a path without it", "POST /text"),
    ask("options of a path", "OPTIONS /text"),
    ask("options of its own", "OPTIONS /only-options"),
    ask("head", "HEAD /text"),
    ask("head refused", "HEAD /no-head"),
    ask("head of its own", "HEAD /only-head"),
    ask("path", "GET /berths/3/b"),
    ask("path of wrong type", "GET /berths/x/b"),
    ask("path out of range", "GET /berths/0/abcd"),
    ask("path by expression", "GET /plain/41"),
    ask("path against its expression", "GET /plain/4x"),
    ask("rest of the path", "GET /files/a/b%20c.txt"),
    ask("no rest of the path", "GET /files/"),
    ask("whole path", "GET /whole/4/c"),
    ask("whole path wrong", "GET /whole/four/c"),
    ask("escaped slash", "GET /files/a%2Fb"),
    ask("trailing slash", "GET /text/"),
    ask("query", "GET /query?word=sea&max=3&late=yes"),
    ask("query defaults", "GET /query?word=sea"),
    ask("query missing", "GET /query"),
    ask("query wrong", "GET /query?word=s&max=0&late=perhaps"),
    ask("query no number", "GET /query?word=sea&max=1.5"),
    ask("query empty fields", "GET /query?word=sea&max=&late="),
    ask("query empty where it must not be", "GET /query?word="),
    ask("quiet", "GET /query?quiet=1"),
    ask("search", "GET /search?word=eel&page=2"),
    ask("search wrong", "GET /search?page=x"),
    ask("header", "GET /header", headers=[["user-agent", "gull"], ["x-depth", "8"]]),
    ask("header default", "GET /header", headers=[["user-agent", "gull"]]),
    ask("header missing", "GET /header"),
    ask("header wrong", "GET /header", headers=[["user-agent", "gull"], ["x-depth", "deep"]]),
    ask("headers", "GET /headers"),
    ask("cookie", "GET /cookie", headers=[["cookie", "berth=b2"]]),
    ask("cookie missing", "GET /cookie"),
    ask("cookies", "GET /cookies", headers=[["cookie", "berth=b2; flag=red"]]),
    ask("body", "POST /boats", BOAT, JSON),
    ask("body with charset", "POST /boats", BOAT, [["content-type", "application/json; charset=utf-8"]]),
    ask("body wrong", "POST /boats", '{"name": "I", "length": 0, "tags": "x"}', JSON),
    ask("body missing fields", "POST /boats", "{}", JSON),
    ask("body not an object", "POST /boats", "[1]", JSON),
    ask("body null", "POST /boats", "null", JSON),
    ask("body malformed", "POST /boats", '{"name": ', JSON),
    ask("body of another type", "POST /boats", BOAT, TEXT),
    ask("body without a type", "POST /boats", BOAT),
    ask("body absent", "POST /boats", None, JSON),
    ask("body too large", "POST /boats", '{"name": "' + "x" * 300 + '"}', JSON),
    ask("many", "POST /many", f"[{BOAT}, {BOAT}]", JSON),
    ask("many wrong", "POST /many", f'[{BOAT}, {{"name": "Ol"}}]', JSON),
    ask("form", "POST /form", "name=Ida&length=7.5", FORM),
    ask("form repeated", "POST /form", "name=Ida&name=Olga&length=7.5", FORM),
    ask("form wrong", "POST /form", "name=I", FORM),
    ask("form of another type", "POST /form", BOAT, JSON),
    ask("words", "POST /words", "ahoi", TEXT),
    ask("words of another type", "POST /words", "ahoi", [["content-type", "text/html"]]),
    ask("any words", "POST /any-words", "ahoi", [["content-type", "text/html"]]),
    ask("raw", "POST /raw", "abc", [["content-type", "application/octet-stream"]]),
    ask("raw absent", "POST /raw", None, [["content-type", "application/octet-stream"]]),
    ask("header empty", "GET /header", headers=[["user-agent", "gull"], ["x-depth", ""]]),
    ask("words absent", "POST /words", None, TEXT),
    ask("stream", "POST /stream", "0123456789"),
    ask("unchecked", "POST /unchecked", '{"a": 1, "b": 2}', TEXT),
    ask("unchecked wrong", "POST /unchecked", '{"a": "x"}', TEXT),
    ask("decoded", "POST /decoded", '["a", "b"]', JSON),
    ask("decoded malformed", "POST /decoded", '["a"', JSON),
    ask("maybe", "POST /maybe", BOAT, JSON),
    ask("maybe absent", "POST /maybe", None, JSON),
    ask("own json", "POST /own-json", '{"fish": "eel"}', TEXT),
    ask("own json malformed", "POST /own-json", "{", JSON),
    ask("own form", "POST /own-form", "fish=eel+pie", FORM),
    ask("put", "PUT /boats/ida"),
    ask("patch", "PATCH /boats/ida"),
    ask("delete", "DELETE /boats/ida"),
    ask("delete where it isn't", "DELETE /text"),
    ask("controller", "GET /piers"),
    ask("controller with path", "GET /piers/2"),
    ask("controller wrong", "GET /piers/two"),
    ask("controller post", "POST /piers?pier=3"),
    ask("router", "GET /inner/log"),
    ask("view post", "POST /crane?load=4"),
    ask("view post wrong", "POST /crane"),
    ask("view get", "GET /crane?what=boats"),
    ask("view delete", "DELETE /crane"),
    ask("old post", "POST /old"),
    ask("tide", "GET /", program="d1_tide"),
    ask("tide nowhere", "GET /nowhere", program="d1_tide"),
    ask("buoy", "GET /buoy", program="d2_options"),
    ask("no buoy", "GET /shore", program="d2_options"),
    ask("token", "GET /", headers=[["authorization", "Bearer abc"]], program="d3_token"),
    ask("token missing", "GET /", program="d3_token"),
    ask("token wrong", "GET /", headers=[["authorization", "xyz"]], program="d3_token"),
    ask("token nowhere", "GET /nowhere", headers=[["authorization", "Bearer abc"]], program="d3_token"),
    ask("lifeboat", "GET /", program="d4_text"),
    ask("lifeboat nowhere", "GET /nowhere", program="d4_text"),
    ask("lifeboat response", "GET /", program="d5_response"),
    ask("flag", "GET /", program="d6_injected"),
    ask("flag text", "GET /?answer=text", program="d6_injected"),
    ask("flag none", "GET /?answer=none", program="d6_injected"),
    ask("catch", "POST /", '{"fish": "eel", "count": 3}', JSON, program="d7_body"),
    ask("catch wrong", "POST /", '{"fish": "eel"}', JSON, program="d7_body"),
]

UNANSWERED = (
    "what no route answers is a response to middlewares, not an exception: a broad `except` can't make it a 200"
)
ALLOWED = f"`Allow` names OPTIONS, which every path answers, with a space after each comma; {UNANSWERED}"

DIFFERENCES = {
    "lifeboat nowhere": UNANSWERED,
    "lifeboat response": "an empty `Response()` says `application/octet-stream`, as the document has it",
    "nowhere": UNANSWERED,
    "inner/nowhere": UNANSWERED,
    "path against its expression": UNANSWERED,
    "trailing slash": UNANSWERED,
    "post to a path without it": ALLOWED,
    "delete where it isn't": ALLOWED,
    "view delete": ALLOWED,
    "options of a path": "OPTIONS is answered with 204 and `Allow`, as by every application of Nacre",
    "injected": "the attributes of a cookie stand in another order",
    "body null": "null is a value of the wrong type, where the original takes it for no body",
    "words absent": "an empty text is a text",
    "body malformed": "nothing tells where in the body the mistake is",
}
