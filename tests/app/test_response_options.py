"""Response options of routes and layers: where they apply, what stands above them, what is refused at startup."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, NamedTuple, get_type_hints

import msgspec
import pytest
from typing_extensions import TypeAliasType

import nacre
from nacre import ConfigurationError, Middleware, Nacre, Response, Results, middleware
from nacre.shaping import RESPONSE_OPTIONS, Promise, ResponseKeywords, promise_of

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"

# Programs like those of the list of programs: D2, D4, D5.


@dataclasses.dataclass
class Tide:
    height: float
    place: str = "reef"
    note: str | None = None


class Minute:
    def __init__(self, number: int) -> None:
        self.number = number


EXECUTOR = ThreadPoolExecutor(1)

# Each keyword with a value, a plain value that it is about, and what must be seen of the response.
KEYWORDS = {
    "response_validate": (True, {"height": "high"}, lambda response: response.status == 500),
    "response_type": (Tide, {"height": 2.0, "secret": 1}, lambda response: "secret" not in response.text),
    "content_type": ("text/html", "<p>", lambda response: response.headers["content-type"].startswith("text/html")),
    "charset": ("utf-16", "ß", lambda response: response.body == "ß".encode("utf-16")),
    "include_fields": ({"height"}, Tide(2.0), lambda response: response.json() == {"height": 2.0}),
    "exclude_fields": ({"note"}, Tide(2.0), lambda response: response.json() == {"height": 2.0, "place": "reef"}),
    "by_alias": (False, Tide(2.0), lambda response: "height" in response.json()),
    "exclude_unset": (True, {"height": 2.0}, lambda response: response.json() == {"height": 2.0}),
    "exclude_defaults": (True, Tide(2.0), lambda response: response.json() == {"height": 2.0}),
    "exclude_none": (True, Tide(2.0), lambda response: response.json() == {"height": 2.0, "place": "reef"}),
    "custom_encoder": ({Minute: lambda one: one.number}, [Minute(5)], lambda response: response.json() == [5]),
    "json_encoder": (lambda data: json.dumps(data, indent=4), [1], lambda response: response.text == "[\n    1\n]"),
    "zlib_executor": (EXECUTOR, "words", lambda response: response.headers["x-executor"] == "True"),
    "zlib_executor_size": (1024, "words", lambda response: response.headers["x-size"] == "1024"),
    "status_code": (202, "words", lambda response: response.status == 202),
}


def show_executor(request, response):
    response.headers["x-executor"] = str(response.zlib_executor is EXECUTOR)
    response.headers["x-size"] = str(response.zlib_executor_size)


def test_every_option_is_listed_once():
    assert set(KEYWORDS) == set(RESPONSE_OPTIONS) == set(get_type_hints(ResponseKeywords))


@pytest.mark.parametrize("name", RESPONSE_OPTIONS)
@pytest.mark.parametrize("by", ["layer", "handler"])
async def test_every_keyword_does_its_job_on_layers_and_handlers(name, by, client_for):
    option, value, holds = KEYWORDS[name]

    def handler(request):
        return value

    async def layer(request, call_next):
        return value

    if name == "response_validate":
        handler.__annotations__["return"] = layer.__annotations__["return"] = Response | Tide
    app = Nacre(middlewares=[nacre.Hooks(finalize=show_executor)])
    if by == "layer":
        app.add_route("/", lambda request: "fish", middlewares=[middleware(**{name: option})(layer)])
    else:
        app.add_route("/", handler, **{name: option})
    async with client_for(app) as client:
        assert holds(await client.get("/"))


async def test_all_keywords_at_once_leave_a_response_alone(client_for):
    options = {name: option for name, (option, _, _) in KEYWORDS.items()}
    options |= {"exclude_unset": False, "content_type": "text/html; charset=utf-16", "include_fields": {"place"}}

    @middleware(**options)
    async def hello(request, call_next) -> Response:
        return await call_next(request)

    app = Nacre(middlewares=[hello, nacre.Hooks(finalize=show_executor)])
    app.add_route("/", lambda request: "fish")
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.text, response.headers["content-type"]) == (200, "fish", TEXT)
    assert (response.headers["x-executor"], response.headers["x-size"]) == ("False", "None")


async def fail(request) -> dict[str, str]:
    raise Exception("no bait")


async def test_plain_value_of_a_layer_gets_its_content_type(client_for):
    class ContentType(StrEnum):
        html = "text/html"

    @middleware(content_type=ContentType.html)
    async def apologise(request, call_next) -> Response | str:
        try:
            return await call_next(request)
        except Exception:
            return "server error"

    app = Nacre(middlewares=[apologise])
    app.add_route("/", fail)
    async with client_for(app) as client:
        response = await client.get("/")
    expected = (200, "server error", "text/html; charset=utf-8")
    assert (response.status, response.text, response.headers["content-type"]) == expected


async def test_response_of_a_layer_gets_nothing(client_for):
    @middleware(content_type="text/html", status_code=418)
    async def give_up(request, call_next) -> Response:
        try:
            return await call_next(request)
        except Exception:
            return Response(status=500)

    app = Nacre(middlewares=[give_up])
    app.add_route("/", fail)
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.body, response.headers.get("content-type")) == (500, b"", None)


# Status and content type.


def pieces() -> Iterator[str]:
    yield "a"
    yield "ß"


async def waiting_pieces() -> AsyncIterator[str]:
    yield "a"
    yield "ß"


# The options, a value, and what is sent.
LABELS = {
    "str": ({"status_code": 201}, "a", 201, b"a", TEXT),
    "dict": ({"status_code": 201}, {"a": 1}, 201, b'{"a":1}', JSON),
    "HTTPStatus as an option": ({"status_code": HTTPStatus.CREATED}, "a", 201, b"a", TEXT),
    "None": ({"status_code": 201}, None, 201, b"", None),
    "None and a type": ({"status_code": 200, "content_type": "text/html"}, None, 200, b"", None),
    "no content": ({"status_code": 204}, None, 204, b"", None),
    "number": ({"status_code": 201}, 404, 404, b"", None),
    "HTTPStatus": ({"status_code": 201}, HTTPStatus.GONE, 410, b"", None),
    "bool": ({"status_code": 201}, True, 201, b"true", JSON),
    "Response": ({"status_code": 201, "content_type": "a/b"}, Response("a"), 200, b"a", TEXT),
    "empty str": ({"content_type": "text/html"}, "", 200, b"", "text/html; charset=utf-8"),
    "text that isn't text/…": ({"content_type": "image/svg+xml"}, "<svg/>", 200, b"<svg/>", "image/svg+xml"),
    "type with its charset": (
        {"content_type": "text/x; charset=latin-1"},
        "ß",
        200,
        b"\xdf",
        "text/x; charset=latin-1",
    ),
    "JSON of another kind": ({"content_type": "application/problem+json"}, {}, 200, b"{}", "application/problem+json"),
    "bytes": ({"content_type": "image/png"}, b"\x89", 200, b"\x89", "image/png"),
    "body, status": ({"status_code": 201}, ("a", 202), 202, b"a", TEXT),
    "body, headers": ({"content_type": "a/b"}, ("a", {"content-type": "c/d"}), 200, b"a", "c/d"),
    "body of a tuple": ({"status_code": 201, "content_type": "a/b"}, ({}, {"x-a": "b"}), 201, b"{}", "a/b"),
    "all three": ({"status_code": 201, "content_type": "a/b"}, ("a", 202, [("x-a", "b")]), 202, b"a", "a/b"),
    "status, headers": ({"status_code": 201, "content_type": "a/b"}, (202, {"x-a": "b"}), 202, b"", None),
    "charset": ({"charset": "latin-1"}, "ß", 200, b"\xdf", "text/plain; charset=latin-1"),
    "charset of a type": (
        {"charset": "latin-1", "content_type": "application/xml"},
        "ß",
        200,
        b"\xdf",
        "application/xml; charset=latin-1",
    ),
    "charset beside a parameter": (
        {"charset": "latin-1", "content_type": 'text/x; title="a\\"b"; charset=iso-8859-1; v=1'},
        "ß",
        200,
        b"\xdf",
        'text/x; title="a\\"b"; v=1; charset=latin-1',
    ),
    "charset of JSON": ({"charset": "latin-1"}, ["ß"], 200, '["ß"]'.encode(), JSON),
    "charset of JSON as text": (
        {"charset": "latin-1", "content_type": "text/x-json"},
        ["ß"],
        200,
        b'["\xdf"]',
        "text/x-json; charset=latin-1",
    ),
    "charset of bytes": (
        {"charset": "latin-1", "content_type": "text/plain"},
        b"\xdf",
        200,
        b"\xdf",
        "text/plain; charset=latin-1",
    ),
    "charset of None": ({"charset": "latin-1"}, None, 204, b"", None),
}


# A layer that returns None has forgotten its `return`.
SENT = [
    pytest.param(by, *case, id=f"{name} of a {by}")
    for name, case in LABELS.items()
    for by in ("handler", "layer")
    if by == "handler" or case[1] is not None
]


@pytest.mark.parametrize(("by", "options", "value", "status", "body", "type"), SENT)
async def test_label_of_what_is_sent(by, options, value, status, body, type, client_for):
    app = Nacre()
    if by == "handler":
        app.add_route("/", lambda request: value, **options)
    else:
        layer = middleware(**options)(lambda request, call_next: value)
        app.add_route("/", lambda request: "fish", middlewares=[layer])
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.body, response.headers.get("content-type")) == (status, body, type)


STREAMS = {
    "status": ({"status_code": 203}, 203, "aß".encode(), TEXT),
    "type": ({"content_type": "text/event-stream"}, 200, "aß".encode(), "text/event-stream"),
    "charset": ({"charset": "latin-1"}, 200, b"a\xdf", "text/plain; charset=latin-1"),
    "charset with a mark": ({"charset": "utf-16"}, 200, "aß".encode("utf-16"), "text/plain; charset=utf-16"),
}


@pytest.mark.parametrize(("options", "status", "body", "type"), STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("make", [pieces, waiting_pieces])
async def test_stream_is_labelled_and_encoded(make, options, status, body, type, client_for):
    app = Nacre()
    app.add_route("/returned", lambda request: make(), **options)
    app.add_route("/is-one", make, **options)
    async with client_for(app) as client:
        for path in ("/returned", "/is-one"):
            response = await client.get(path)
            assert (response.status, response.body, response.headers["content-type"]) == (status, body, type)


async def test_stream_of_bytes_stays_as_it_is_and_a_shift_is_ended(client_for):
    app = Nacre()
    app.add_route("/bytes", lambda request: iter([b"\xdf", "ß"]), charset="latin-1")
    app.add_route("/shift", lambda request: iter(["あ", "い"]), charset="iso-2022-jp")
    async with client_for(app) as client:
        assert (await client.get("/bytes")).body == b"\xdf\xdf"
        assert (await client.get("/shift")).body == "あい".encode("iso-2022-jp")


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_encoded_stream_is_closed_when_it_is_not_sent(kind, client_for):
    closed = []

    class Plain:
        def __iter__(self):
            return self

        def __next__(self):
            return "a"

        def close(self):
            closed.append("plain")

    class Waiting:
        def __aiter__(self):
            return waiting_pieces()

        async def aclose(self):
            closed.append("async")

    app = Nacre()
    made = Plain() if kind == "plain" else Waiting()
    app.add_route("/", lambda request: made, charset="latin-1")

    @app.after_request
    def replace(request, response):
        return "other" if "replace" in request.query else None

    async with client_for(app) as client:
        assert (await client.get("/?replace=")).text == "other"
    assert closed == [kind]


async def test_encoded_stream_learns_that_the_client_left(client_for):
    seen = []

    async def endless(request):
        try:
            while True:
                yield "ß"
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("closed")

    app = Nacre()
    app.add_route("/", endless, charset="latin-1")
    async with client_for(app).stream("GET", "/") as response:
        assert await anext(response) == b"\xdf"
        await response.disconnect()
    assert seen[-1] == "closed"


async def test_text_that_its_charset_lacks_is_told(client_for, caplog):
    app = Nacre()
    app.add_route("/", lambda request: "ß", charset="ascii")
    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert "makes no response: 'ascii' codec can't encode" in str(caplog.records[0].exc_info[1])


async def test_stream_has_no_fields(client_for, caplog):
    app = Nacre()
    app.add_route("/", lambda request: pieces(), exclude_none=True, by_alias=False)
    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    message = str(caplog.records[0].exc_info[1])
    assert message.startswith("handler `")
    assert message.endswith("a stream has no fields for by_alias and exclude_none")


# Who they are for.


async def test_options_are_those_of_one_function(client_for):
    tide = Tide(1.0)

    @nacre.get("/declared", exclude_none=True, status_code=201)
    def declared(request):
        return tide

    class Handler:
        def get(self, request):
            return tide

        def post(self, request) -> Tide:
            return tide

    app = Nacre(routes=[declared])
    app.add_route("/class", Handler, include_fields={"height"})
    group = nacre.Group("/group")
    group.get("/", exclude_defaults=True, own="kept")(lambda request: {"options": dict(request.route.options)})
    app.include(group)
    app.add_route("/plain", declared.function)
    async with client_for(app) as client:
        response = await client.get("/declared")
        assert (response.status, response.json()) == (201, {"height": 1.0, "place": "reef"})
        assert (await client.get("/class")).json() == (await client.post("/class")).json() == {"height": 1.0}
        assert (await client.get("/group/")).json() == {"options": {"own": "kept"}}
        assert (await client.get("/plain")).json() == {"height": 1.0, "place": "reef", "note": None}


async def test_rules_of_the_application_stay_below_the_options(client_for):
    class Shouting(Results):
        def text(self, value):
            return super().text(value.upper())

        def other(self, value):
            return self.text(value.place) if isinstance(value, Tide) else super().other(value)

    app = Nacre(results=Shouting(none_status=200, json_type="application/x", encode=lambda data: repr(data).encode()))
    app.add_route("/text", lambda request: "a", content_type="text/html")
    app.add_route("/other", lambda request: (Tide(1.0), 201), charset="latin-1")
    app.add_route("/none", lambda request: None, content_type="a/b")
    app.add_route("/data", lambda request: {"a": 1, "b": 2}, exclude_fields={"b"})
    async with client_for(app) as client:
        assert (await client.get("/text")).text == "A"
        response = await client.get("/other")
        assert (response.status, response.text, response.headers["content-type"]) == (
            201,
            "REEF",
            "text/plain; charset=latin-1",
        )
        assert (await client.get("/none")).status == 200
        response = await client.get("/data")
        assert (response.text, response.headers["content-type"]) == ("{'a': 1}", "application/x")


def test_function_without_options_has_the_converter_of_the_rules():
    results = Results()
    app = Nacre(results=results)
    seen = []
    compiled = results.compile
    results.compile = lambda annotation: seen.append(compiled(annotation)) or seen[-1]
    app.add_route("/", lambda request: "a")
    app.compile()
    assert set(seen) == {compiled(Any)}


# What a layer says of itself.


def described(layer: Any) -> tuple[Any, Any]:
    app = Nacre(middlewares=[layer])
    app.compile()
    (entry,) = app.middlewares.entries
    adapted = app.adapted[entry]
    return adapted.responses, adapted.security


BEARER = {"type": "http", "scheme": "bearer"}


def test_layer_says_what_it_may_answer_and_what_it_asks_for():
    @middleware(responses={401: "no token", HTTPStatus.FORBIDDEN: "not yours"}, security={"token": BEARER})
    async def marked(request, call_next):
        return await call_next(request)

    @middleware(security=["token"])
    async def named(request, call_next):
        return await call_next(request)

    class Guard:
        responses: ClassVar = {429: "too often"}
        security = ("token",)

        async def __call__(self, request, call_next):
            return await call_next(request)

    class Foreign:
        responses: ClassVar = ["something", "else"]
        security = 3

        async def __call__(self, request, call_next):
            return await call_next(request)

    assert described(marked) == ({401: "no token", 403: "not yours"}, {"token": BEARER})
    assert described(named) == ({}, {"token": None})
    assert described(Guard) == described(Middleware(Guard)) == ({429: "too often"}, {"token": None})
    assert described(Foreign) == ({}, {})


# Mistakes.


async def layer(request, call_next):
    return await call_next(request)


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Unreadable:
    a: int
    b: "NotImportedHere"  # noqa: F821 - a name for type checkers only


class Reef(msgspec.Struct):
    name: str
    tide: Tide | None = None


def returning(annotation: Any) -> Any:
    def handler(request):
        """Never called."""

    handler.__annotations__["return"] = annotation
    return handler


EMPTY = returning(None)
del EMPTY.__annotations__["return"]
NAMES = "a set of names, or a mapping"

# Options, a return annotation (none: ...), and what is said.
MISTAKES = {
    "no flag": ({"exclude_none": 1}, ..., "has a `exclude_none` that can't be used: it is True or False, not 1"),
    "status too small": ({"status_code": 100}, ..., "100 is no status of a final response, 200 to 599"),
    "status too large": ({"status_code": 600}, ..., "600 is no status of a final response, 200 to 599"),
    "status is a bool": ({"status_code": True}, ..., "True is no status of a final response"),
    "status is text": ({"status_code": "201 CREATED"}, ..., "'201 CREATED' is no status of a final response"),
    "no type": ({"content_type": "html"}, ..., "'html' is not a media type"),
    "type is bytes": ({"content_type": b"text/html"}, ..., "it is a str like 'text/html', not a bytes"),
    "type with a line break": ({"content_type": "text/html\r\nx: y"}, ..., "`content_type` that can't be used: header"),
    "type with an unknown charset": ({"content_type": "text/a; charset=klingon"}, ..., "'klingon' is no charset"),
    "unknown charset": ({"charset": "klingon"}, ..., "'klingon' is no charset that text can be encoded in"),
    "charset that isn't one": ({"charset": "rot13"}, ..., "'rot13' is no charset that text can be encoded in"),
    "charset with a space": ({"charset": "utf 8"}, ..., "'utf 8' is no charset"),
    "empty charset": ({"charset": ""}, ..., "'' is no charset"),
    "two charsets": (
        {"charset": "utf-8", "content_type": "text/html; charset=latin-1"},
        ...,
        "has charset='utf-8', and a content type that names 'latin-1'",
    ),
    "charset of JSON": ({"charset": "latin-1"}, Tide, "has charset='latin-1', and JSON is always UTF-8"),
    "one name": ({"include_fields": "name"}, ..., "'name' is a str; write {'name'}"),
    "a number": ({"include_fields": 3}, ..., "names are given in a set or a mapping, not as 3"),
    "everything": ({"exclude_fields": True}, ..., f"it is {NAMES} from names to those further in, not True"),
    "numbers for names": ({"exclude_fields": {0: True}}, ..., "0 is no name; '__all__' stands for each item of a list"),
    "encoder for no type": ({"custom_encoder": {"str": str}}, ..., "it maps types to functions, not 'str' to"),
    "no encoder for a type": ({"custom_encoder": {str: 1}}, ..., "it maps types to functions, not <class 'str'> to 1"),
    "encoders in a list": ({"custom_encoder": [str]}, ..., "it is a mapping from types to functions, not a list"),
    "no JSON encoder": ({"json_encoder": "json"}, ..., "it is a function that returns str or bytes, not a str"),
    "no executor": ({"zlib_executor": 3}, ..., "it is a concurrent.futures.Executor, not a int"),
    "no size": ({"zlib_executor_size": -1}, ..., "it is a number of bytes, not -1"),
    "nothing to validate": ({"response_validate": True}, ..., "has response_validate=True and no type to validate"),
    "body of 204": ({"status_code": 204}, Tide, "returns a value, and a 204 response can't have a body"),
    "body of 304": ({"status_code": 304}, str, "returns a value, and a 304 response can't have a body"),
    "fields of a stream": (
        {"exclude_none": True},
        AsyncIterator[bytes],
        "returns a stream, which has no fields for exclude_none",
    ),
    "type of a stream": (
        {"response_validate": True, "include_fields": {"a"}},
        Iterator[str] | Response,
        "returns a stream, which has no fields for response_validate and include_fields",
    ),
    "unset fields of a dataclass": (
        {"exclude_unset": True},
        list[Tide] | None,
        "has exclude_unset=True, and a `Tide` doesn't know which of its fields were set",
    ),
    "unknown name": (
        {"exclude_fields": {"plaec"}},
        Tide,
        "has exclude_fields with the name `plaec`, which the type of its values lacks",
    ),
    "unknown name in Annotated": ({"include_fields": {"hight"}}, Annotated[Tide, "x"], "with the name `hight`, which"),
    "unknown name in an alias": ({"include_fields": {"hight"}}, TypeAliasType("One", Tide), "with the name `hight`"),
    "unknown name in a list": ({"include_fields": {"hight"}}, list[Tide] | None, "with the name `hight`, which"),
    "unknown name further in": ({"include_fields": {"tide": {"hight"}}}, Reef, "with the name `hight`, which"),
    "unknown name in each": (
        {"include_fields": {"__all__": {"hight"}}},
        dict[str, Tide],
        "with the name `hight`, which",
    ),
    "name of the values": (
        {"exclude_fields": {"place"}},
        dict[str, Tide],
        "has exclude_fields with the name `place`, which the values of the dict have, not the dict",
    ),
    "name in an array": ({"exclude_fields": {"y"}}, list[Point], "a `Point` is sent as an array, which has no names"),
}


@pytest.mark.parametrize(("options", "annotation", "said"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("by", ["handler", "layer"])
def test_mistake_is_found_at_startup(by, options, annotation, said):
    def function(request, call_next=None):
        """Never called."""

    if annotation is not ...:
        function.__annotations__["return"] = annotation
    app = Nacre()
    if by == "handler":
        app.add_route("/", function, **options)
    else:
        app.middlewares.append(middleware(**options)(function))
        app.add_route("/", lambda request: "fish")
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    (problem,) = caught.value.problems
    assert said in problem.what
    name = function.__qualname__ if by == "handler" else function.__name__
    assert problem.what.startswith(f"{by} `{name}` ")
    assert problem.where.line == function.__code__.co_firstlineno


def test_all_mistakes_are_told_together_with_what_to_change():
    app = Nacre()
    app.add_route("/a", returning(Tide), exclude_fields={"plaec"}, exclude_unset=True)
    app.add_route("/b", returning(Tide), charset="klingon", status_code=7)
    app.add_route("/c", pieces, exclude_none=True)
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    assert [problem.fix for problem in caught.value.problems] == [
        "use a pydantic model, or a Struct, which leaves out fields that are msgspec.UNSET by itself",
        "did you mean `place`?",
        None,
        None,
        "streams take content_type, charset and status_code",
    ]


SOUND = {
    "204 and maybe None": ({"status_code": 204}, Tide | None),
    "204 and a Response": ({"status_code": 204}, Response),
    "204 and anything": ({"status_code": 204}, Any),
    "UTF-8 of JSON": ({"charset": "utf8"}, Tide),
    "charset of JSON as text": ({"charset": "latin-1", "content_type": "text/x"}, Tide),
    "one charset twice": ({"charset": "utf8", "content_type": "text/html; charset=UTF-8"}, str),
    "unset fields of a Struct": ({"exclude_unset": True}, Reef),
    "any name of a dict": ({"exclude_fields": {"a": {"b"}}}, dict[str, Any]),
    "any name of anything": ({"exclude_fields": {"a": {"b"}}}, object),
    "any name of what can't be read": ({"exclude_fields": {"a"}}, "NotImportedHere"),
    "names of one of two": ({"exclude_fields": {"tide": {"place"}, "height": True}}, Reef | Tide),
    "alias": ({"exclude_fields": {"place"}}, TypeAliasType("Reading", Tide)),
    "annotated": ({"exclude_fields": {"place"}}, Annotated[Tide, "of the reef"] | None),
    "names for type checkers only": ({"exclude_fields": {"a", "b"}}, Unreadable),
    "no plain value": ({"exclude_fields": {"a"}, "response_validate": True}, Response),
    "None leaves out": ({"charset": None, "status_code": None}, ...),
}


@pytest.mark.parametrize(("options", "annotation"), SOUND.values(), ids=SOUND)
def test_sound_options_pass(options, annotation):
    app = Nacre()
    app.add_route("/", returning(annotation) if annotation is not ... else EMPTY, **options)
    app.compile()


def test_misspelt_option_is_told():
    with pytest.raises(ConfigurationError, match=r"a route has no option `exclude_feilds`[^`]*`exclude_fields`"):
        Nacre().add_route("/", EMPTY, exclude_feilds={"a"})
    with pytest.raises(ConfigurationError, match=r"middleware has no option `statuscode`[^`]*`status_code`"):
        middleware(statuscode=201)
    with pytest.raises(ConfigurationError, match=r"middleware has no option `colour`[^`]*it takes name, only, skip"):
        middleware(colour="red")


MARKS = {
    "responses by name": ({"responses": {"401": "no"}}, "layer `layer` has `responses` that aren't listed by status"),
    "responses in a list": ({"responses": [401]}, "layer `layer` has `responses` that aren't listed by status"),
    "security is a number": ({"security": 3}, "layer `layer` has `security` of type int"),
    "security by number": (
        {"security": {3: {}}},
        "layer `layer` has a security scheme `3` without a type that OpenAPI knows",
    ),
}


@pytest.mark.parametrize(("marks", "said"), MARKS.values(), ids=MARKS)
def test_wrong_mark_is_found_at_startup(marks, said):
    app = Nacre(middlewares=[middleware(**marks)(layer)])
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    assert said in str(caught.value)


# What a function promises, for documents.

PROMISES = {
    "nothing": (..., {}, Promise(msgspec.UNSET, None, None)),
    "str": (str, {}, Promise(str, 200, TEXT)),
    "bytes": (bytes, {}, Promise(bytes, 200, "application/octet-stream")),
    "model": (Response | Tide, {}, Promise(Tide, 200, JSON)),
    "list": (list[Tide], {"status_code": 201}, Promise(list[Tide], 201, JSON)),
    "None": (None, {}, Promise(None, 204, None)),
    "type": (dict, {"response_type": Tide, "content_type": "a/b"}, Promise(Tide, 200, "a/b")),
    "stream": (AsyncIterator[bytes], {}, Promise(AsyncIterator[bytes], 200, "application/octet-stream")),
    "text stream": (Iterator[str], {}, Promise(Iterator[str], 200, TEXT)),
    "anything": (Any, {}, Promise(Any, None, None)),
    "union": (str | Tide, {}, Promise(str | Tide, 200, None)),
}


@pytest.mark.parametrize(("annotation", "options", "promise"), PROMISES.values(), ids=PROMISES)
def test_promise_of_a_function(annotation, options, promise):
    function = EMPTY if annotation is ... else returning(annotation)
    found = promise_of(Results(), function, options)
    kind = msgspec.UNSET if annotation is ... else found.type
    assert Promise(kind, found.status, found.content_type) == promise
