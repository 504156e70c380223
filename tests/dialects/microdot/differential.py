"""One program and a script of requests for Microdot's core, put to it and to the dialect."""

PROGRAMS = ["desk", "e06_berths", "e18_limits", "e22_files", "shapes"]

HEADERS = [
    "content-type",
    "location",
    "allow",
    "set-cookie",
    "cache-control",
    "content-encoding",
    "retry-after",
    "x-trail",
    "x-error",
    "x-more",
    "x-berth",
]

JSON = ["Content-Type", "application/json"]
FORM = ["Content-Type", "application/x-www-form-urlencoded"]
MULTIPART = ["Content-Type", "multipart/form-data; boundary=reef"]
UPLOAD = (
    '--reef\r\nContent-Disposition: form-data; name="boat"\r\n\r\nHeron\r\n'
    '--reef\r\nContent-Disposition: form-data; name="list"; filename="list.txt"\r\n'
    "Content-Type: text/plain\r\n\r\nropes\r\n--reef--\r\n"
)

_ANSWERS = (
    *("text", "bytes", "empty", "status", "nothing", "204", "two", "three", "headers", "status-headers", "dict"),
    *("list", "dict-status", "dict-type", "response", "response-dict", "redirect", "moved", "page", "gull", "packed"),
    *("missing", "pieces", "bool", "single", "unknown"),
)
_FAILURES = ("storm", "hurricane", "reason", "data", "400", "404", "405", "409", "410", "413", "418", "500", "key")


def ask(name, target, *headers, body=None, program="desk"):
    method, _, path = target.partition(" ")
    return {"id": name, "method": method, "path": path, "headers": list(headers), "body": body, "program": program}


REQUESTS = [
    ask("index", "GET /"),
    ask("index-head", "HEAD /"),
    ask("index-post", "POST /"),
    ask("index-options", "OPTIONS /"),
    ask("unknown", "GET /nowhere"),
    ask("unknown-post", "POST /nowhere", body="x"),
    ask("unknown-large", "POST /nowhere", body="x" * 20000),
    ask("unknown-options", "OPTIONS /nowhere"),
    ask("hook-answers", "GET /seen?closed=1"),
    ask("seen", "GET /seen"),
    ask("seen-query", "GET /seen?a=1&a=b%20c+d&n=12&e="),
    ask("seen-cookies", "GET /seen", ["Cookie", "a=1; b=2"], ["X-Flag", "blue"]),
    ask("sent-json", "POST /sent", JSON, body='{"a": [1, "é"]}'),
    ask("sent-json-charset", "PUT /sent", ["Content-Type", "application/json; charset=utf-8"], body="[1]"),
    ask("sent-json-bad", "POST /sent", JSON, body="{"),
    ask("sent-form", "POST /sent", FORM, body="a=1&a=2&b=%C3%A9+x"),
    ask("sent-text", "PATCH /sent", ["Content-Type", "text/plain"], body="plain"),
    ask("sent-nothing", "DELETE /sent"),
    ask("sent-largest", "POST /sent", ["Content-Type", "text/plain"], body="x" * 16384),
    ask("sent-too-large", "POST /sent", ["Content-Type", "text/plain"], body="x" * 16385),
    ask("sent-get", "GET /sent"),
    ask("sent-options", "OPTIONS /sent"),
    ask("read", "POST /read", body="onetwo\nrest of it"),
    ask("text", "GET /text/a-b"),
    ask("text-slash", "GET /text/a/"),
    ask("text-none", "GET /text/"),
    ask("text-escaped", "GET /text/a%20b"),
    ask("number", "GET /number/12"),
    ask("number-negative", "GET /number/-12"),
    ask("number-text", "GET /number/twelve"),
    ask("path", "GET /path/a/b/c"),
    ask("path-none", "GET /path/"),
    ask("signal", "GET /signal/abc7"),
    ask("signal-other", "GET /signal/7abc"),
    ask("wind", "GET /wind/12kn"),
    ask("wind-other", "GET /wind/12"),
    ask("wind-delete", "DELETE /wind/12kn"),
    ask("wind-put", "PUT /wind/12kn"),
    ask("wind-options", "OPTIONS /wind/12kn"),
    ask("wind-options-one", "OPTIONS /wind/12"),
    *(ask(f"answer-{kind}", f"GET /answer/{kind}") for kind in _ANSWERS),
    ask("answer-dict-head", "HEAD /answer/dict"),
    *(ask(f"fail-{kind}", f"GET /fail/{kind}") for kind in _FAILURES),
    ask("stream", "GET /stream"),
    ask("stream-head", "HEAD /stream"),
    ask("cookies", "GET /cookies"),
    ask("events", "GET /events"),
    ask("events-lines", "GET /lines"),
    ask("upload", "POST /upload", MULTIPART, body=UPLOAD),
    ask("upload-json", "POST /upload", JSON, body="{}"),
    ask("parts", "POST /parts", MULTIPART, body=UPLOAD),
    ask("parts-other", "POST /parts", FORM, body="a=1"),
    ask("static", "GET /static/index.html"),
    ask("static-deep", "GET /static/charts/bay.svg"),
    ask("static-up", "GET /static/../desk.py"),
    ask("piers", "GET /piers/"),
    ask("piers-no-slash", "GET /piers"),
    ask("pier", "GET /piers/3"),
    ask("pier-build", "POST /piers/", JSON, body='{"n": 4}'),
    ask("pier-options", "OPTIONS /piers/"),
    ask("crane", "GET /piers/crane/"),
    ask("crane-own-handler", "GET /piers/crane/fail/418"),
    ask("crane-outer-handler", "GET /piers/crane/fail/409"),
    ask("moved-handler", "GET /piers/crane/fail/451"),
    ask("berths-two", "GET /sailors/mei/lin", program="e06_berths"),
    ask("berths-first-wins", "GET /sailors/mei", program="e06_berths"),
    ask("berths-typed", "GET /berths/-1/Heron", program="e06_berths"),
    ask("limits-held", "POST /cargo", body="x" * 8192, program="e18_limits"),
    ask("limits-streamed", "POST /cargo", body="x" * 8193, program="e18_limits"),
    ask("files-page", "GET /", program="e22_files"),
    ask("files-gull", "GET /gull", program="e22_files"),
    ask("files-odd", "GET /harbour/odd.bin", program="e22_files"),
    *(
        ask(f"shapes {path}", f"GET {path}", program="shapes")
        for path in (
            *("/tide", "/log", "/log/monday", "/log/", "/tuesday", "/late", "/fields", "/cookie/words", "/cookie/json"),
            *("/cookie/number", "/sums", "/ends/404", "/ends/418", "/ends/302"),
        )
    ),
    ask("shapes-who", "GET /who", ["X-Real-IP", "192.0.2.7"], program="shapes"),
    ask("shapes-cookies", "GET /cookies", ["Cookie", 'name=two words; b={"a": [1]}'], program="shapes"),
]

_ALLOW = "a 405 names the methods in Allow (RFC 9110 §15.5.6)"
_ARGS = "without a query `args` is an empty MultiDict as ever; Microdot has a dict there, whose `get` takes no `type`"

DIFFERENCES = {
    "shapes /log": "url_prefix has its first slash, also if the program leaves it out",
    "shapes /log/monday": "url_prefix has its first slash, also if the program leaves it out",
    "index-post": _ALLOW,
    "sent-get": _ALLOW,
    "wind-other": _ALLOW,
    "wind-put": _ALLOW,
    "seen": _ARGS,
    "seen-cookies": _ARGS,
    "sent-json-bad": "malformed JSON is the client's mistake: 400, where Microdot answers 500",
    "text-escaped": "paths are percent-decoded, as Microdot has it under ASGI; its own server doesn't decode them",
    "answer-dict-type": "a content type given with a dict counts, as the document says of headers; Microdot drops it",
    "answer-missing": "a missing file is a 404, where Microdot answers 500",
    "answer-bool": "a bool is JSON; Microdot sends the status line `True`, which clients refuse",
    "events-lines": "data of several lines is sent as such; Microdot lets the second line begin another field",
}
