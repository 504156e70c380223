"""The document: paths, operations, parameters, bodies, responses, security; what layers contribute, and to what."""

import enum
import functools
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, NoReturn
from uuid import UUID

import msgspec
import pydantic
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from nacre import (
    Body,
    ConfigurationError,
    Cookie,
    File,
    Form,
    Group,
    Header,
    Hooks,
    HTMLResponse,
    JSONResponse,
    Middleware,
    Nacre,
    Path,
    PlainTextResponse,
    Query,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    Validation,
    middleware,
)
from nacre.forms import UploadFile
from nacre.openapi.document import Heading, draw_document

KEY = {"type": "apiKey", "in": "header", "name": "X-Key"}
BEARER = {"type": "http", "scheme": "bearer"}
BINARY = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
ERRORS = {"$ref": "#/components/schemas/Errors"}


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(msgspec.Struct):
    """Something to buy."""

    name: str
    price: float = 1.0


class Bought(msgspec.Struct):
    by: str


class Problem(msgspec.Struct):
    title: str


class Paging(msgspec.Struct):
    page: Annotated[int, msgspec.Meta(ge=1, description="From one.")] = 1
    size: int = 20


class Search(pydantic.BaseModel):
    q: str | None = None
    limit: int = pydantic.Field(10, ge=1, le=50, description="How many.")


class Upload(msgspec.Struct):
    title: str
    pages: int = 1


def document_of(app, **options):
    """The document of an application, which the specification's own schema accepts."""
    document = draw_document(app.describe(), Heading("Shop", **options))
    OpenAPIV31SpecValidator(json.loads(json.dumps(document))).validate()
    return document


def operation_of(handler, path="/", method="POST", **options):
    app = Nacre()
    app.add_route(path, handler, methods=[method], **options)
    [item] = document_of(app)["paths"].values()
    return item[method.lower()]


def parameters_of(handler, path="/", **options):
    return operation_of(handler, path, "GET", **options).get("parameters", [])


def content_of(handler):
    return {name: media["schema"] for name, media in operation_of(handler)["requestBody"]["content"].items()}


def statuses_of(handler, path="/", **options):
    return list(operation_of(handler, path, **options)["responses"])


def handler(request):
    return None


# The whole.


def test_document_of_nothing():
    assert document_of(Nacre()) == {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "0.1.0"},
        "paths": {},
        "components": {},
    }


def test_heading_says_what_the_application_does_not_know():
    document = document_of(
        Nacre(),
        version="2",
        description="All of it.",
        info={"contact": {"name": "Ada"}},
        servers=("https://api.example.com", {"url": "/v1", "description": "here"}),
        tags={"orders": "What was bought."},
    )
    info = {"title": "Shop", "version": "2", "description": "All of it.", "contact": {"name": "Ada"}}
    assert document["info"] == info
    assert document["servers"] == [{"url": "https://api.example.com"}, {"url": "/v1", "description": "here"}]
    assert document["tags"] == [{"name": "orders", "description": "What was bought."}]


def test_servers_stand_where_the_server_has_the_application():
    app = Nacre().describe()
    assert draw_document(app, Heading("Shop"), root_path="/shop")["servers"] == [{"url": "/shop"}]
    given = Heading("Shop", servers=("/v1", "https://example.com", "//example.com"))
    urls = [server["url"] for server in draw_document(app, given, root_path="/shop")["servers"]]
    assert urls == ["/shop/v1", "https://example.com", "//example.com"]


def test_amend_may_change_the_document():
    document = draw_document(Nacre().describe(), Heading("Shop"), amend=lambda document: document.update({"x-a": 1}))
    assert document["x-a"] == 1


def test_document_is_the_same_each_time():
    app = Nacre()
    for number in range(20):
        app.add_route(f"/{number}", handler, methods=["GET", "POST"], tags=[f"tag {number % 7}"])
    assert json.dumps(document_of(app)) == json.dumps(document_of(app))


# Which operations there are.


def test_paths_have_templates_and_text_that_is_encoded():
    app = Nacre()
    for path in ("/café/<int:number>", "/a b/{slug}", "/<re:[a-z]{1,2}>:word>/x", "/<name>.<ext>", "/"):
        app.add_route(path, handler) if "word" not in path else None
    app.add_route("/re/<re:[a-z]{1,2}:word>/x", handler)
    assert list(document_of(app)["paths"]) == [
        "/caf%C3%A9/{number}",
        "/a%20b/{slug}",
        "/{name}.{ext}",
        "/",
        "/re/{word}/x",
    ]


def test_methods_are_those_that_were_declared_in_the_order_of_the_specification():
    app = Nacre()
    app.add_route("/", handler, methods=["PATCH", "POST", "GET"])
    assert list(document_of(app)["paths"]["/"]) == ["get", "post", "patch"]


def test_methods_that_openapi_does_not_know_are_kept_apart():
    app = Nacre()
    app.query("/", summary="Search")(handler)
    [item] = document_of(app)["paths"].values()
    assert item["x-additionalOperations"]["QUERY"]["summary"] == "Search"


def test_hidden_routes_and_foreign_mounts_are_left_out():
    async def foreign(scope, receive, send):
        pass

    app, mounted = Nacre(), Nacre()
    app.get("/hidden", hidden=True)(handler)
    app.mount("/foreign", foreign)
    mounted.get("/inside")(handler)
    app.mount("/native", mounted)
    assert list(document_of(app)["paths"]) == ["/native/inside"]


def test_only_what_is_under_a_prefix_may_be_drawn():
    app = Nacre()
    for path in ("/shop", "/shop/orders/<int:id>", "/shopping", "/other"):
        app.get(path)(handler)
    document = draw_document(app.describe(), Heading("Shop"), prefix="/shop")
    assert list(document["paths"]) == ["/", "/orders/{id}"]


def test_two_routes_of_one_shape_share_a_path():
    app = Nacre()

    @app.get("/items/<int:number>")
    def by_number(number: int): ...

    @app.delete("/items/<item>")
    def remove(item: str): ...

    @app.get("/items/<slug>")
    def by_slug(slug: str): ...

    [(path, item)] = document_of(app)["paths"].items()
    assert path == "/items/{number}"
    assert [parameter["name"] for parameter in item["delete"]["parameters"]] == ["number"]
    [other] = item["get"]["x-alternatives"]
    assert (other["operationId"], other["x-path"]) == ("by_slug", "/items/{slug}")


def test_routes_of_a_host_say_so():
    app = Nacre()
    app.get("/", host="<tenant>.example.com", name="tenant")(handler)
    app.get("/any", host="*.example.com", name="any")(handler)
    app.get("/one", host="api.example.com", name="one")(handler)
    app.get("/", name="plain")(handler)
    paths = document_of(app)["paths"]
    assert paths["/"]["get"]["operationId"] == "plain"
    assert paths["/"]["get"]["x-alternatives"][0]["servers"] == [
        {"url": "//{tenant}.example.com", "variables": {"tenant": {"default": "tenant"}}}
    ]
    assert paths["/any"]["get"]["servers"][0]["url"] == "//{subdomain}.example.com"
    assert paths["/one"]["get"]["servers"] == [{"url": "//api.example.com"}]


# Ids.


def ids_of(app):
    return [operation["operationId"] for item in document_of(app)["paths"].values() for operation in item.values()]


def test_operations_are_named_after_their_routes():
    app, group = Nacre(), Group("/shop", name="shop")
    app.get("/a")(handler)
    group.get("/b", name="bought-items")(handler)
    app.get("/c", operation_id="see")(handler)
    app.include(group)
    assert ids_of(app) == ["handler", "see", "shop_bought_items"]


def test_operations_of_one_name_are_told_apart_by_method_and_path():
    app = Nacre()
    app.add_route("/a", handler, methods=["GET", "POST"])
    app.add_route("/b/<int:id>", handler)
    app.add_route("/c", handler)
    assert ids_of(app) == ["handler_get", "handler_post", "handler_get_b_id", "handler_get_c"]


def test_methods_of_a_class_are_named_after_it():
    app = Nacre()

    @app.route("/basket")
    class Basket:
        def get(self): ...

        def put(self): ...

    assert ids_of(app) == ["Basket_get", "Basket_put"]


def test_functions_without_a_name_are_named_after_their_paths():
    app = Nacre()
    app.get("/")(lambda request: "")
    app.get("/a/<int:id>")(lambda request, id: "")
    assert ids_of(app) == ["get_root", "get_a_id"]


def test_ids_that_authors_gave_are_kept_by_the_first_and_unique():
    app = Nacre()
    app.get("/a")(handler)
    app.get("/b", operation_id="handler", name="b")(handler)
    app.add_route("/c", handler, methods=["GET", "POST"], operation_id="both", name="c")
    assert ids_of(app) == ["handler_get", "handler", "both", "both_post"]


# Words.


def test_docstrings_and_options_are_summary_and_description():
    def told(request):
        """Find an item.

        Or not.
        """

    assert operation_of(told, "/", "GET")["summary"] == "Find an item"
    assert operation_of(told, "/", "GET")["description"] == "Or not."
    given = operation_of(told, "/", "GET", summary="Search", description="All of it", deprecated=True)
    assert (given["summary"], given["description"], given["deprecated"]) == ("Search", "All of it", True)


def test_partials_are_told_of_by_their_function():
    def told(word, request):
        """Say a word."""

    operation = operation_of(functools.partial(told, "x"), "/", "GET", name="told")
    assert operation["summary"] == "Say a word"


def test_tags_are_listed_in_the_order_of_their_groups():
    app = Nacre()
    for name in ("books", "authors"):
        group = Group(f"/{name}", tags=[name])
        group.get("", tags=["all"])(handler)
        app.include(group)
    document = document_of(app, tags={"all": "Everything."})
    assert document["tags"] == [{"name": "books"}, {"name": "all", "description": "Everything."}, {"name": "authors"}]
    assert document["paths"]["/authors"]["get"]["tags"] == ["authors", "all"]


# Parameters.

VARIABLES = {
    "string": ("<v>", {"type": "string"}),
    "length": ("<string(length=2):v>", {"type": "string", "minLength": 2, "maxLength": 2}),
    "lengths": ("<string(min=2,max=8):v>", {"type": "string", "minLength": 2, "maxLength": 8}),
    "int": ("<int:v>", {"type": "integer"}),
    "limits": ("<int(min=-1,max=9):v>", {"type": "integer", "minimum": -1, "maximum": 9}),
    "uint": ("<uint:v>", {"type": "integer", "minimum": 0}),
    "uint with limits": ("<uint(min=2,max=9):v>", {"type": "integer", "minimum": 2, "maximum": 9}),
    "float": ("<float:v>", {"type": "number"}),
    "uuid": ("<uuid:v>", {"type": "string", "format": "uuid"}),
    "date": ("<date:v>", {"type": "string", "format": "date"}),
    "words": ("<any(red,green):v>", {"type": "string", "enum": ["red", "green"]}),
    "expression": ("<re:[a-z]{2}|x:v>", {"type": "string", "pattern": "^(?:[a-z]{2}|x)$"}),
    "path": ("<path:v>", {"type": "string"}),
    "of the application": ("<rfc:v>", {"type": "string"}),
    "other brackets": ("{v:int(min=1)}", {"type": "integer", "minimum": 1}),
}


@pytest.mark.parametrize(("pattern", "schema"), VARIABLES.values(), ids=VARIABLES)
def test_path_variables_have_the_schema_of_their_converter(pattern, schema):
    app = Nacre()
    app.register_converter("rfc", lambda text: int(text[3:]))
    app.get(f"/x/{pattern}")(lambda request, v: "")
    operation = document_of(app)["paths"]["/x/{v}"]["get"]
    assert operation["parameters"] == [{"name": "v", "in": "path", "required": True, "schema": schema}]


def test_variable_without_a_converter_is_typed_by_the_annotation():
    def typed(number: Annotated[int, Path(ge=1, description="Which.", examples=[7])]): ...

    [parameter] = parameters_of(typed, "/<number>")
    assert parameter == {
        "name": "number",
        "in": "path",
        "description": "Which.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "examples": {"1": {"value": 7}},
    }


def test_converter_and_annotation_both_narrow_a_variable():
    def typed(number: int = Path(le=5)): ...

    [parameter] = parameters_of(typed, "/<int(min=1,max=9):number>")
    assert parameter["schema"] == {"type": "integer", "minimum": 1, "maximum": 5}


def test_variables_of_hosts_and_defaults_are_no_parameters():
    def typed(tenant: str, page: int): ...

    assert parameters_of(typed, "/", host="<tenant>.example.com", defaults={"page": 1}) == []


QUERY = {
    "required": (Query(), int, True, {"type": "integer"}),
    "default": (Query(3, ge=1), int, False, {"type": "integer", "minimum": 1, "default": 3}),
    "plain default": (3, int, False, {"type": "integer", "default": 3}),
    "made default": (Query(default_factory=list), list[str], False, {"type": "array", "items": {"type": "string"}}),
    "optional": (None, int | None, False, {"type": "integer"}),
    "enumeration": (Color.RED, Color, False, {"$ref": "#/components/schemas/Color", "default": "red"}),
    "literal": (Query(), Literal["a", "b"], True, {"type": "string", "enum": ["a", "b"]}),
    "uuid": (Query(), UUID, True, {"type": "string", "format": "uuid"}),
    "date": (Query(), date, True, {"type": "string", "format": "date"}),
    "several": (
        Query(max_length=3, ge=1),
        list[int],
        True,
        {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 3},
    ),
    "meta": (Query(), Annotated[int, msgspec.Meta(ge=1)], True, {"type": "integer", "minimum": 1}),
    "pattern": (Query(pattern="^a"), str, True, {"type": "string", "pattern": "^a"}),
}


@pytest.mark.parametrize(("default", "kind", "required", "schema"), QUERY.values(), ids=QUERY)
def test_query_parameters(default, kind, required, schema):
    def search(word=default): ...

    search.__annotations__["word"] = kind
    [parameter] = parameters_of(search)
    assert parameter == {"name": "word", "in": "query", **({"required": True} if required else {}), "schema": schema}


def test_parameters_of_all_sources_in_the_order_they_are_asked_for():
    def everything(
        id: int,
        user_agent: str = Header(),
        session: str = Cookie(description="Who."),
        old: int = Query(1, alias="o", deprecated=True),
    ): ...

    assert [(one["in"], one["name"]) for one in parameters_of(everything, "/<int:id>")] == [
        ("path", "id"),
        ("header", "User-Agent"),
        ("cookie", "session"),
        ("query", "o"),
    ]
    assert parameters_of(everything, "/<int:id>")[2]["description"] == "Who."
    assert parameters_of(everything, "/<int:id>")[3]["deprecated"]


def test_models_of_a_whole_source_are_taken_apart():
    def search(paging: Paging = Query(), search: Search = Query()): ...

    operation = operation_of(search, "/", "GET")
    assert operation["parameters"] == [
        {
            "name": "page",
            "in": "query",
            "description": "From one.",
            "schema": {"type": "integer", "minimum": 1, "default": 1},
        },
        {"name": "size", "in": "query", "schema": {"type": "integer", "default": 20}},
        {"name": "q", "in": "query", "schema": {"type": "string"}},
        {
            "name": "limit",
            "in": "query",
            "description": "How many.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
        },
    ]


def test_model_of_the_headers_has_names_with_dashes():
    class Sent(pydantic.BaseModel):
        request_id: str = pydantic.Field(min_length=3)
        if_match: str | None = None

    def conditional(sent: Sent = Header()): ...

    assert parameters_of(conditional) == [
        {"name": "Request-Id", "in": "header", "required": True, "schema": {"type": "string", "minLength": 3}},
        {"name": "If-Match", "in": "header", "schema": {"type": "string"}},
    ]


def test_model_of_a_whole_source_may_be_left_out():
    def search(search: Search | None = Query(None)): ...

    names = [(one["name"], one["schema"].get("maximum")) for one in parameters_of(search)]
    assert names == [("q", None), ("limit", 50)]


def test_components_hold_only_what_is_referred_to():
    app = Nacre()

    @app.get("/")
    def search(paging: Paging = Query()) -> str: ...

    assert "Paging" not in document_of(app)["components"]["schemas"]


def test_mapping_that_takes_the_whole_query():
    def search(words: dict[str, str] = Query()): ...

    [parameter] = parameters_of(search)
    assert (parameter["style"], parameter["explode"]) == ("form", True)
    assert parameter["schema"] == {"type": "object", "additionalProperties": {"type": "string"}}


def test_fields_that_openapi_says_elsewhere_are_no_parameters():
    def negotiated(accept: str = Header(), content_type: str = Header("")): ...

    assert parameters_of(negotiated) == []


# Bodies.


def test_json_body():
    def add(item: Item = Body(description="What to add.", examples=[{"name": "Tea"}])): ...

    assert operation_of(add)["requestBody"] == {
        "description": "What to add.",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Item"},
                "examples": {"1": {"value": {"name": "Tea"}}},
            }
        },
        "required": True,
    }


def test_body_that_may_be_left_out():
    def add(item: Item | None = Body(None)): ...

    assert "required" not in operation_of(add)["requestBody"]


def test_bodies_of_other_types():
    def text(data: str = Body(content_type="text/plain", max_length=9)): ...
    def merge(data: Item = Body(content_type="application/merge-patch+json")): ...
    def picture(data: bytes = Body(content_type=["image/png", "image/jpeg"])): ...
    def raw(data: bytes = Body()): ...

    assert content_of(text) == {"text/plain": {"type": "string", "minLength": 1, "maxLength": 9}}
    assert content_of(merge) == {"application/merge-patch+json": {"$ref": "#/components/schemas/Item"}}
    assert content_of(picture) == {key: {**BINARY, "minLength": 1} for key in ["image/png", "image/jpeg"]}
    assert content_of(raw) == {"application/octet-stream": {**BINARY, "minLength": 1}}
    assert operation_of(raw)["requestBody"]["description"] == "Any media type is taken."


def test_forms():
    def login(user: str = Form(min_length=1, description="Who."), age: int = Form(3, deprecated=True)): ...

    content = content_of(login)
    assert list(content) == ["application/x-www-form-urlencoded", "multipart/form-data"]
    assert content["multipart/form-data"] == {
        "type": "object",
        "properties": {
            "user": {"type": "string", "minLength": 1, "description": "Who."},
            "age": {"type": "integer", "default": 3, "deprecated": True},
        },
        "required": ["user"],
    }


def test_files_need_a_multipart_form():
    def upload(
        picture: UploadFile = File(), others: list[bytes] = File(default_factory=list), note: str = Form("")
    ): ...

    [(content_type, schema)] = content_of(upload).items()
    assert content_type == "multipart/form-data"
    assert schema["properties"] == {
        "picture": BINARY,
        "others": {"type": "array", "items": BINARY},
        "note": {"type": "string", "default": ""},
    }
    assert schema["required"] == ["picture"]


def test_form_as_a_model():
    def upload(form: Upload = Form()): ...

    schema = content_of(upload)["application/x-www-form-urlencoded"]
    assert schema["required"] == ["title"]
    assert schema["properties"]["pages"] == {"type": "integer", "default": 1}


# Responses.

RESULTS = {
    "nothing said": (None, {"200": {}}),
    "model": (Item, {"200": {"application/json": {"$ref": "#/components/schemas/Item"}}}),
    "models": (
        list[Item],
        {"200": {"application/json": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}}},
    ),
    "text": (str, {"200": {"text/plain": {"type": "string"}}}),
    "bytes": (bytes, {"200": {"application/octet-stream": BINARY}}),
    "number": (int, {"200": {"application/json": {"type": "integer"}}}),
    "none": ("None", {"204": {}}),
    "model or none": (Item | None, {"200": {"application/json": {"$ref": "#/components/schemas/Item"}}, "204": {}}),
    "model or text": (
        Item | str,
        {"200": {"text/plain": {"type": "string"}, "application/json": {"$ref": "#/components/schemas/Item"}}},
    ),
    "response or model": (Response | Item, {"200": {"application/json": {"$ref": "#/components/schemas/Item"}}}),
    "response or none": (Response | None, {"200": {}, "204": {}}),
    "response": (Response, {"200": {}}),
    "stream response": (StreamingResponse, {"200": {}}),
    "html": (HTMLResponse, {"200": {"text/html": {"type": "string"}}}),
    "plain text": (PlainTextResponse, {"200": {"text/plain": {"type": "string"}}}),
    "json": (JSONResponse, {"200": {"application/json": {}}}),
    "redirect": (RedirectResponse, {"302": {}}),
    "redirect or page": (RedirectResponse | HTMLResponse, {"200": {"text/html": {"type": "string"}}, "302": {}}),
    "pieces of text": (AsyncIterator[str], {"200": {"text/plain": {"type": "string"}}}),
    "pieces": (Iterator[bytes], {"200": {"application/octet-stream": BINARY}}),
    "either list or stream": (Iterable[str], {"200": {}}),
    "anything": (Any, {"200": {}}),
    "never": (NoReturn, {"200": {}}),
}


@pytest.mark.parametrize(("annotation", "expected"), RESULTS.values(), ids=RESULTS)
def test_what_the_handler_says_it_returns(annotation, expected):
    def answer(request): ...

    if annotation is not None:
        answer.__annotations__["return"] = None if annotation == "None" else annotation
    responses = operation_of(answer, "/", "GET")["responses"]
    contents = {
        status: {name: media["schema"] for name, media in response.get("content", {}).items()}
        for status, response in responses.items()
    }
    assert contents == expected
    assert all(response["description"] for response in responses.values())


def test_response_options_count_before_the_annotation():
    def answer(request) -> dict[str, Any]: ...

    operation = operation_of(answer, status_code=201, response_type=Item, content_type="application/hal+json")
    assert operation["responses"]["201"]["content"] == {
        "application/hal+json": {"schema": {"$ref": "#/components/schemas/Item"}}
    }


def test_route_says_what_else_it_may_answer():
    def answer(request) -> Item: ...

    responses = operation_of(
        answer,
        "/",
        "GET",
        responses={
            200: "The item.",
            404: ("There is none.", Problem),
            406: ("Not so.", Problem, "application/problem+json"),
            418: "",
        },
    )["responses"]
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    assert responses["200"]["description"] == "The item."
    assert list(responses["200"]["content"]) == ["application/json"]
    assert responses["404"] == {"description": "There is none.", "content": {"application/json": problem}}
    assert responses["406"]["content"] == {"application/problem+json": problem}
    assert responses["418"]["description"] == "I'm a Teapot"


def test_handler_that_says_nothing_is_believed_what_the_route_says():
    assert statuses_of(handler, responses={303: "There."}) == ["303"]
    assert statuses_of(handler, responses={404: "None."}) == ["200", "404"]


def plain(request): ...
def text_variable(v: str): ...
def typed_variable(v: int): ...
def text_of_pydantic(v: Annotated[str, pydantic.Field(pattern="^a")]): ...


def optional_text(a: str = "", b: str | None = None, c: list[str] = Query(default_factory=list)): ...
def required_text(a: str): ...
def limited_text(a: str = Query("", max_length=3)): ...
def number(a: int = 1): ...
def json_body(item: Item): ...
def raw_body(data: bytes | None = Body(None)): ...
def text_body(data: str = Body(content_type="text/plain")): ...
def form(a: str = Form("")): ...
def number_form(a: int = Form(1)): ...


def whole_query(words: dict[str, str] = Query()): ...
def whole_query_of_numbers(words: dict[str, int] = Query()): ...
def model(paging: Paging = Query()): ...


FAILURES = {
    "nothing asked for": (plain, "/", []),
    "text of the path": (text_variable, "/<v>", []),
    "number of the path": (typed_variable, "/<v>", ["422"]),
    "text of the path with a limit of pydantic's": (text_of_pydantic, "/<v>", ["422"]),
    "number that the converter makes": (typed_variable, "/<int:v>", ["404"]),
    "text of a length": (text_variable, "/<string(max=3):v>", ["404"]),
    "rest of the path": (text_variable, "/<path:v>", []),
    "text that may be absent": (optional_text, "/", []),
    "text that may not": (required_text, "/", ["422"]),
    "text with a limit": (limited_text, "/", ["422"]),
    "number": (number, "/", ["422"]),
    "all of the query": (whole_query, "/", []),
    "all of the query as numbers": (whole_query_of_numbers, "/", ["422"]),
    "model": (model, "/", ["422"]),
    "JSON": (json_body, "/", ["400", "413", "415", "422"]),
    "bytes": (raw_body, "/", ["413"]),
    "text": (text_body, "/", ["413", "415", "422"]),
    "form": (form, "/", ["400", "413", "415"]),
    "form with a number": (number_form, "/", ["400", "413", "415", "422"]),
}


@pytest.mark.parametrize(("function", "path", "statuses"), FAILURES.values(), ids=FAILURES)
def test_refusals_are_those_that_can_happen(function, path, statuses):
    assert statuses_of(function, path)[1:] == statuses


def test_body_without_a_limit_is_never_too_large():
    app = Nacre(max_body=None)
    app.post("/")(json_body)
    assert list(document_of(app)["paths"]["/"]["post"]["responses"]) == ["200", "400", "415", "422"]


def test_failed_validation_has_a_schema():
    app = Nacre()
    app.get("/")(number)
    document = document_of(app)
    assert document["paths"]["/"]["get"]["responses"]["422"]["content"] == {"application/json": {"schema": ERRORS}}
    item = document["components"]["schemas"]["ErrorItem"]
    assert item["required"] == ["loc", "msg", "type"]


@pytest.mark.parametrize(
    "options",
    [{"validation": Validation(shape=lambda errors: "no")}, {"middlewares": []}],
    ids=["other shape", "error handler"],
)
def test_failed_validation_in_another_form_is_not_described(options):
    app = Nacre(**options)
    app.get("/")(number)
    if "validation" not in options:
        app.error_handler(422)(lambda request: "no")
    assert "content" not in document_of(app)["paths"]["/"]["get"]["responses"]["422"]


def test_status_of_a_failed_validation_is_that_of_the_scope():
    app, group = Nacre(), Group("/group", validation=Validation(status=400))
    app.get("/")(number)
    group.get("")(number)
    app.include(group)
    paths = document_of(app)["paths"]
    assert list(paths["/"]["get"]["responses"]) == ["200", "422"]
    assert list(paths["/group"]["get"]["responses"]) == ["200", "400"]
    assert "content" in paths["/group"]["get"]["responses"]["400"]


# What layers contribute.


@middleware(responses={401: "No token.", 429: "Too often."}, security={"token": KEY})
async def guard(
    request, call_next, key: str = Header(alias="X-Key"), tenant: str = Header("main", description="Whose.")
):
    return await call_next(request)


@pytest.fixture
def guarded():
    app, group = Nacre(), Group("/guarded", middlewares=[guard])
    app.get("/open")(handler)
    group.get("/a", name="a")(handler)
    group.post("/b", name="b")(json_body)
    app.include(group)
    return document_of(app)


def test_layers_show_on_the_operations_they_guard_and_nowhere_else(guarded):
    assert guarded["paths"]["/open"]["get"] == {
        "operationId": "handler",
        "responses": {"200": {"description": "Success"}},
    }
    for operation in (guarded["paths"]["/guarded/a"]["get"], guarded["paths"]["/guarded/b"]["post"]):
        [tenant] = operation["parameters"]
        assert (tenant["name"], tenant["in"], tenant["description"]) == ("Tenant", "header", "Whose.")
        assert operation["responses"]["401"] == {"description": "No token."}
        assert operation["responses"]["429"] == {"description": "Too often."}
        assert "422" in operation["responses"]
        assert operation["security"] == [{"token": []}]
    assert guarded["components"]["securitySchemes"] == {"token": KEY}


def test_layer_that_is_skipped_does_not_show():
    app = Nacre(middlewares=[Middleware(guard.target, skip="open")])
    app.get("/open", tags=["open"])(handler)
    app.get("/closed", name="closed")(handler)
    paths = document_of(app)["paths"]
    assert "parameters" not in paths["/open"]["get"]
    assert len(paths["/closed"]["get"]["parameters"]) == 2


def test_attributes_of_a_layer_s_class_count_as_well():
    class Limit:
        responses: ClassVar = {429: "Too often."}

        async def __call__(self, request, call_next, client: str = Cookie("")):
            return await call_next(request)

    operation = operation_of(handler, "/", "GET", middlewares=[Limit])
    assert operation["responses"]["429"] == {"description": "Too often."}
    assert [one["name"] for one in operation["parameters"]] == ["client"]


def test_hooks_ask_for_parameters_too():
    def before(request, trace: str = Header("")): ...

    operation = operation_of(handler, "/", "GET", middlewares=[Hooks(before=before)])
    assert [one["name"] for one in operation["parameters"]] == ["Trace"]


def test_what_a_layer_and_the_handler_both_read_is_one_parameter():
    async def layer(request, call_next, limit: int = Query(10, le=100, description="At most.")):
        return await call_next(request)

    def search(limit: int = Query(ge=1)): ...

    [parameter] = parameters_of(search, middlewares=[layer])
    assert parameter["required"]
    assert parameter["schema"] == {"type": "integer", "maximum": 100, "minimum": 1}
    assert parameter["description"].startswith("At most.")
    assert "Read by layer `layer` and handler" in parameter["description"]


def test_defaults_that_agree_are_kept():
    async def layer(request, call_next, limit: int = 10):
        return await call_next(request)

    def search(limit: int = 10): ...

    [parameter] = parameters_of(search, middlewares=[layer])
    assert parameter == {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 10}}


def test_stricter_of_two_types_counts():
    async def layer(request, call_next, page: str = ""):
        return await call_next(request)

    def search(page: int = 1): ...

    [parameter] = parameters_of(search, middlewares=[layer])
    assert parameter["schema"] == {"type": "integer"}


def test_body_that_a_layer_reads_first():
    async def signed(request, call_next, data: bytes = Body()):
        return await call_next(request)

    async def bought(request, call_next, bought: Bought = Body()):
        return await call_next(request)

    content = operation_of(json_body, middlewares=[signed])["requestBody"]["content"]
    assert content == {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}
    content = operation_of(json_body, middlewares=[bought])["requestBody"]["content"]
    both = [{"$ref": "#/components/schemas/Bought"}, {"$ref": "#/components/schemas/Item"}]
    assert content == {"application/json": {"schema": {"allOf": both}}}


def test_layers_around_a_mounted_application_show_on_its_operations():
    app, mounted = Nacre(), Nacre()
    mounted.get("/inside")(handler)
    app.mount("/sub", mounted, middlewares=[guard])
    assert "401" in document_of(app)["paths"]["/sub/inside"]["get"]["responses"]


# Security.


def layer_with(security, name="layer"):
    async def layer(request, call_next):
        return await call_next(request)

    return middleware(name=name, security=security)(layer)


def test_schemes_of_one_layer_are_choices_and_those_of_two_are_both_needed():
    operation = operation_of(
        handler,
        "/",
        "GET",
        middlewares=[layer_with({"key": KEY, "bearer": BEARER}), layer_with({"tls": {"type": "mutualTLS"}})],
    )
    assert operation["security"] == [{"key": [], "tls": []}, {"bearer": [], "tls": []}]


def test_scopes_are_of_the_requirement():
    flows = {"clientCredentials": {"tokenUrl": "/token", "scopes": {"read": "See."}}}
    app = Nacre(middlewares=[layer_with({"oauth": {"type": "oauth2", "flows": flows, "scopes": ["read"]}})])
    app.get("/")(handler)
    document = document_of(app)
    assert document["paths"]["/"]["get"]["security"] == [{"oauth": ["read"]}]
    assert document["components"]["securitySchemes"] == {"oauth": {"type": "oauth2", "flows": flows}}


def test_schemes_of_one_name_that_differ_get_two():
    app = Nacre()
    app.get("/a", name="a", middlewares=[layer_with({"key": KEY})])(handler)
    app.get("/b", name="b", middlewares=[layer_with({"key": BEARER})])(handler)
    document = document_of(app)
    assert document["components"]["securitySchemes"] == {"key": KEY, "key_": BEARER}
    assert document["paths"]["/b"]["get"]["security"] == [{"key_": []}]


def test_route_adds_to_what_layers_ask_for_or_says_that_nothing_is_needed():
    layers = [layer_with({"key": KEY})]
    operation = operation_of(handler, "/", "GET", middlewares=layers, security={"bearer": BEARER})
    assert operation["security"] == [{"key": [], "bearer": []}]
    assert operation_of(handler, "/", "GET", middlewares=layers, security={})["security"] == []


def test_scheme_may_be_named_and_declared_elsewhere():
    app = Nacre(middlewares=[layer_with(["key"])])
    app.get("/", security=["key"])(handler)
    assert document_of(app, security_schemes={"key": KEY})["components"]["securitySchemes"] == {"key": KEY}


def test_scheme_that_is_declared_nowhere_is_an_error():
    app = Nacre(middlewares=[layer_with(["key"], name="auth")])
    app.get("/")(handler)
    with pytest.raises(ConfigurationError) as caught:
        document_of(app)
    [problem] = caught.value.problems
    assert problem.what == "layer `auth` asks for the security scheme `key`, which is declared nowhere"
    assert problem.where.file == __file__


def test_scheme_that_is_none_is_an_error():
    app = Nacre(middlewares=[layer_with({"key": {"type": "apiKey"}}, name="auth")])
    app.get("/")(handler)
    with pytest.raises(
        ConfigurationError, match="layer `auth` has a security scheme `key` of type apiKey without `name`"
    ):
        document_of(app)


AUTHORIZATION = {
    "bearer": (Header(alias="Authorization", pattern="^Bearer .+"), "bearer", BEARER),
    "basic": (Header(alias="Authorization", pattern="^Basic "), "basic", {"type": "http", "scheme": "basic"}),
    "anything": (
        Header(alias="Authorization"),
        "authorization",
        {"type": "apiKey", "in": "header", "name": "Authorization"},
    ),
}


@pytest.mark.parametrize(("default", "name", "scheme"), AUTHORIZATION.values(), ids=AUTHORIZATION)
def test_authorization_field_is_a_security_scheme(default, name, scheme):
    def secret(token: str = default): ...

    app = Nacre()
    app.get("/")(secret)
    document = document_of(app)
    assert document["paths"]["/"]["get"]["security"] == [{name: []}]
    assert "parameters" not in document["paths"]["/"]["get"]
    assert document["components"]["securitySchemes"] == {name: scheme}


def test_authorization_field_that_may_be_absent_is_a_choice():
    def secret(token: str | None = Header(None, alias="Authorization")): ...

    assert operation_of(secret, "/", "GET")["security"] == [{"authorization": []}, {}]


def test_authorization_field_of_a_layer_that_declares_its_scheme_is_that_scheme():
    @middleware(security={"token": BEARER})
    async def auth(request, call_next, token: str = Header(alias="Authorization")):
        return await call_next(request)

    assert operation_of(handler, "/", "GET", middlewares=[auth])["security"] == [{"token": []}]


# A larger application.


def make_shop():
    app = Nacre(name="shop", middlewares=[guard])
    for name, kind in (("items", Item), ("problems", Problem), ("colors", Color), ("searches", Search)):
        group = Group(f"/{name}", name=name, tags=[name])

        def everything(request: Request): ...
        def one(id: int): ...
        def add(request, thing): ...

        everything.__annotations__["return"] = list[kind]
        one.__annotations__["return"] = kind | None
        add.__annotations__.update({"thing": kind, "return": kind})
        add.__defaults__ = (Body(),)
        group.get("")(everything)
        group.get("/<int:id>")(one)
        group.post("", status_code=201)(add)
        group.put("/<uuid:thing>/color/<color>")(lambda request, **values: 204)
        app.include(group)
    return app


def test_whole_application_is_valid_and_has_all_operations():
    document = document_of(make_shop())
    ids = [one["operationId"] for item in document["paths"].values() for one in item.values()]
    assert len(ids) == len(set(ids)) == 16
    assert set(document["components"]["schemas"]) == {"Item", "Problem", "Color", "Search", "Errors", "ErrorItem"}
