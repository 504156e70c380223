"""The requests that are put to Flama and to the dialect, and why some answers differ."""

PROGRAMS = ["observatory"]

HEADERS = [
    "content-type",
    "content-length",
    "content-disposition",
    "content-range",
    "location",
    "allow",
    "set-cookie",
    "vary",
    "x-stamp",
    "x-plate",
    "x-brew",
    "x-why",
]

JSON = [["content-type", "application/json"]]
FORM = [["content-type", "application/x-www-form-urlencoded"]]
TEXT = [["content-type", "text/plain"]]
VEGA = '{"name": "Vega", "magnitude": 0.03}'


def get(id_, path, headers=()):
    return {"id": id_, "method": "GET", "path": path, "headers": list(headers)}


def post(id_, path, body, headers=(), method="POST"):
    return {"id": id_, "method": method, "path": path, "headers": list(headers), "body": body}


def other(id_, method, path):
    return {"id": id_, "method": method, "path": path}


REQUESTS = [
    get("index", "/"),
    other("head", "HEAD", "/"),
    other("wrong method", "POST", "/"),
    other("options", "OPTIONS", "/"),
    get("nowhere", "/nowhere"),
    get("slash too many", "/html/"),
    get("html", "/html"),
    get("json", "/json"),
    get("api", "/api"),
    get("api error", "/api-error"),
    get("redirect", "/redirect"),
    get("moved", "/moved"),
    get("stream", "/stream"),
    get("raw", "/raw"),
    get("bare", "/bare"),
    get("file", "/file"),
    get("range of a file", "/file", [["range", "bytes=0-9"]]),
    get("cookies set", "/cookies/set"),
    get("cookies", "/cookies", [["cookie", 'a=1; b="two words"']]),
    get("text", "/plain/text"),
    get("bytes", "/plain/bytes"),
    get("dict", "/plain/dict"),
    get("list", "/plain/list"),
    get("none", "/plain/none"),
    get("doesn't fit its schema", "/plain/wrong"),
    get("fits its schema", "/plain/annotated"),
    get("int", "/stars/7"),
    get("negative int", "/stars/-7"),
    get("no int", "/stars/x"),
    get("float", "/floats/1.5"),
    get("whole float", "/floats/1"),
    get("uuid", "/uuids/9c5b94b1-35ad-49bb-b118-8e8fc24abf80"),
    get("no uuid", "/uuids/9c5b94b1"),
    get("name", "/names/a%20b"),
    get("two names", "/names/a/5"),
    get("no page", "/names/a/x"),
    get("path params", "/seconds/5"),
    get("query missing", "/query"),
    get("query", "/query?name=a"),
    get("query int", "/query?name=a&page=x"),
    get("query all", "/query?name=a&page=2&ratio=1.5&deep=true"),
    get("query none fits", "/query?name=a&page=x&ratio=y&deep=z"),
    get("query list", "/query/list?tag=a&tag=b"),
    get("query params", "/query/all?a=1&b=2&a=3"),
    get("headers", "/headers", [["x-keeper", "Ida"]]),
    get("injected", "/injected?a=1"),
    get("request", "/request?a=1&a=2"),
    post("echo", "/echo", "hello", TEXT),
    post("echo json", "/echo/json", '{"a": 1}', JSON),
    post("echo json untyped", "/echo/json", '{"a": 1}'),
    post("echo malformed", "/echo/json", "{bad", JSON),
    post("echo form", "/echo/form", "a=1&b=2", FORM),
    post("echo body", "/echo/body", "hello"),
    post("data", "/echo/data", '{"a": 1}', JSON),
    post("data form", "/echo/data", "a=1&b=2", FORM),
    post("data text", "/echo/data", "hello", TEXT),
    post("star", "/stars", VEGA, JSON),
    post("star incomplete", "/stars", '{"name": "Vega"}', JSON),
    post("star malformed", "/stars", "{bad", JSON),
    post("star as form", "/stars", "name=Vega&magnitude=1", FORM),
    post("star as text", "/stars", "hello", TEXT),
    post("star untyped", "/stars", VEGA),
    post("star typed", "/stars/type", VEGA, JSON),
    post("stars", "/stars/many", f"[{VEGA}]", JSON),
    post("replace", "/stars/5?dry=1", VEGA, JSON, "PUT"),
    other("delete", "DELETE", "/stars/5"),
    other("patch", "PATCH", "/patch"),
    get("component", "/keeper?watch=3", [["x-keeper", "Ida"]]),
    get("component refuses", "/keeper?watch=x", [["x-keeper", "Ida"]]),
    get("other component", "/telescope"),
    get("module", "/module"),
    get("both get", "/both"),
    post("both post", "/both", ""),
    other("both put", "PUT", "/both"),
    get("class get", "/class/"),
    get("class query", "/class/?times=4"),
    get("class without slash", "/class"),
    post("class post", "/class/", VEGA, JSON),
    other("class put", "PUT", "/class/"),
    get("fog", "/errors/fog"),
    get("teapot", "/errors/teapot"),
    get("forbidden", "/errors/forbidden"),
    get("detail", "/errors/detail"),
    get("validation", "/errors/validation"),
    get("unhandled", "/errors/unhandled"),
    get("refused by a middleware", "/attic/box"),
    get("background", "/background"),
    get("backgrounds", "/backgrounds"),
    get("after the background", "/log"),
    get("annex", "/annex/"),
    get("annex without slash", "/annex"),
    get("annex room", "/annex/rooms/4"),
    get("annex nowhere", "/annex/nowhere"),
    get("shed", "/shed/a/b"),
    get("wing", "/wing/list"),
    get("late", "/late"),
    get("later", "/later"),
    get("urls", "/urls"),
    get("websocket without upgrade", "/ws/echo"),
]

ECHO = "Flama's refusal quotes what the client sent and pydantic's English; the dialect says the same without quoting"
ALLOW = "RFC 9110 §15.5.6 wants Allow with each 405, and Flama leaves it out"
ENVIRONMENT = "python-multipart isn't in Flama's environment, where it is an extra; the dialect reads forms by itself"
TELLS_MORE = "the status is Flama's, and the detail says which content type is wanted"
FILE = "the program's own file is sent, and its import lines are another text"

DIFFERENCES = {
    "wrong method": ALLOW,
    "both put": ALLOW,
    "class put": ALLOW,
    "options": "OPTIONS is answered automatically (decision C27); Flama says 405",
    "file": FILE,
    "range of a file": FILE,
    "cookies set": "the same cookies with their attributes in another order; a deletion has a fixed date",
    "doesn't fit its schema": "Flama sends the server's data with the error; here the log says what is wrong",
    "no page": ECHO,
    "query missing": ECHO,
    "query int": ECHO,
    "query none fits": ECHO,
    "component refuses": ECHO,
    "star incomplete": ECHO,
    "query list": "Flama takes the last of repeated fields and then refuses it as no list; the dialect gives the list",
    "injected": "types.Host and types.URL are what the client asked for, not the server's own address",
    "echo malformed": "malformed JSON is the client's mistake: 400, where Flama fails with 500",
    "star malformed": "the refusal doesn't quote the decoder's exception",
    "echo form": ENVIRONMENT,
    "data form": ENVIRONMENT,
    "data text": TELLS_MORE,
    "star as text": TELLS_MORE,
    "star as form": "a schema is read from JSON only, since browsers post forms across sites",
    "star untyped": "a body without Content-Type is refused with 415: browsers can send such ones across sites",
    "detail": "the headers of an HTTPException are sent; Flama drops them",
    "unhandled": "middlewares at the head of the list see the 500; Flama makes it outside of them",
    "annex without slash": "the mounted application's `/` is `/annex/`; Flama gives the path without slash to it too",
    "annex room": "in a mount root_path is the prefix and the URL the whole one, as ASGI says",
    "shed": "a mounted ASGI application gets the whole path and root_path, as ASGI says; Flama loses it",
    "websocket without upgrade": "a WebSocket's path answers GET with 426 and Upgrade (RFC 9110 §15.5.22)",
}
