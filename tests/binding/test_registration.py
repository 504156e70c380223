"""Mistakes in signatures: told at startup, all at once, each with its place and what to change."""

from __future__ import annotations

import decimal
import enum
import inspect
import textwrap
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import pytest

from nacre import Body, ConfigurationError, Cookie, Form, Group, Header, Nacre, Path, Provide, Query, Request

if TYPE_CHECKING:
    from decimal import Decimal


class Point(msgspec.Struct):
    x: int


class Colour(enum.Enum):
    RED = "red"


class Session: ...


def get_session() -> Session:
    return Session()


def problems_of(app: Nacre) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    return [f"{problem.what} | {problem.fix}" for problem in caught.value.problems]


def problem_of(function: Any, path: str = "/<id>", method: str = "GET", **options: Any) -> str:
    app = Nacre(**options)
    app.add_route(path, function, methods=[method])
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    [problem] = caught.value.problems
    assert problem.where is not None
    assert (problem.where.file, problem.where.line) == (__file__, inspect.getsourcelines(function)[1])
    return f"{problem.what} | {problem.fix}"


def no_type(request, id, other): ...
def unsupported(id, other: object): ...
def a_function(id, other: type(len)): ...
def late(id, other: Decimal): ...
def two_marks(id, other: Annotated[int, Query(), Header()]): ...
def mark_twice(id, other: Annotated[int, Query()] = Query()): ...
def two_defaults(id, other: Annotated[int, Query(3)] = 4): ...
def marked_variable(id: int = Query()): ...
def provided_variable(id: Session): ...
def default(id: int = 3): ...
def marked_default(id: Annotated[int, Path()] = 3): ...
def missing_variable(id, ident: int = Path()): ...
def near_variable(id, idd: int = Path()): ...
def forgotten(): ...
def wrong_converter(id: str): ...
def two_bodies(id, a: Point, b: Point): ...
def body_and_form(id, a: Point, b: int = Form()): ...
def model_for_get(id, point: Point): ...
def bad_pattern(id, q: str = Query(pattern="(")): ...
def wrong_constraint(id, q: int = Query(min_length=3)): ...
def model_in_cookie(id, q: list[Point] = Cookie(alias="q")): ...


def bad_header(id, q: str = Header(alias="a b\n")): ...
def bad_header_from_name(id, größe: str = Header()): ...
def misspelt_in_annotation(id, q: Annotated[int, Query(min_lenght=3)]): ...
def text_for_int(id, a: int = "abc"): ...
def text_for_marked_int(id, a: int = Query("abc")): ...
def number_for_text(id, a: Annotated[str, Query()] = 3): ...
def text_for_optional(id, a: int | None = "abc"): ...
def text_for_bool(id, a: bool = "no"): ...
def value_for_enum(id, a: Colour = "red"): ...
def other_literal(id, a: Literal["x", "y"] = "z"): ...
def text_for_date(id, a: date = "2026-01-01"): ...


class Derived(Request): ...


MISTAKES = {
    "no annotation": (no_type, {}, "takes `other`, and nothing gives it a value", "annotate its type"),
    "no type of a request": (unsupported, {}, "takes `other` annotated `object`, and nothing gives it", "= Body()"),
    "a function": (a_function, {}, "takes `other` annotated `builtin_function_or_method`", "provider that returns it"),
    "a name for type checkers": (
        late,
        {},
        "annotates `other` with 'Decimal', which can't be evaluated",
        "TYPE_CHECKING",
    ),
    "two markers": (two_marks, {}, "takes `other`, which may be Query() or Header()", "say which one"),
    "a marker twice": (mark_twice, {}, "takes `other`, which may be Query() or Query()", "say which one"),
    "two defaults": (two_defaults, {}, "gives `other` two defaults, 4 and one in its marker", "keep one"),
    "variable and query": (marked_variable, {}, "takes `id`, which may be the path variable `id` or Query()", "rename"),
    "variable and provider": (
        provided_variable,
        {"providers": [get_session]},
        "takes `id`, which may be the path variable `id` or what provider `get_session` gives",
        "rename",
    ),
    "default of a variable": (default, {}, "gives the path variable `id` a default, which is never used", "leave the"),
    "default of a marked variable": (marked_default, {}, "gives the path variable `id` a default", "leave the default"),
    "variable that the path lacks": (
        missing_variable,
        {},
        "asks for the path variable `ident`, and the path GET /<id> has no such variable",
        "the path has `id`; add it as `<ident>`",
    ),
    "misspelt variable": (near_variable, {}, "asks for the path variable `idd`", "did you mean `id`?"),
    "forgotten variable": (forgotten, {}, "takes neither the path's `id` nor the request", "add the parameter `id`"),
    "another type than the converter's": (
        wrong_converter,
        {"path": "/<int:id>"},
        "annotates the path variable `id` annotated `str`, and its converter makes an int",
        "annotate it `int`",
    ),
    "two bodies": (two_bodies, {"method": "POST"}, "reads the request's body twice, as `a`", "one model"),
    "body and form": (body_and_form, {"method": "POST"}, "reads the request's body twice, as `a`", "one model"),
    "model for GET": (
        model_for_get,
        {},
        "takes `point`, which may be fields of the query, `= Query()` or the body of a GET request, `= Body()`",
        "say which one",
    ),
    "bad pattern": (bad_pattern, {}, "takes `q` annotated `str` from the query", "annotate a type"),
    "constraint of another type": (wrong_constraint, {}, "min_length", "annotate a type"),
    "header that no client can send": (bad_header, {}, r"takes `q` from the header 'a b\n', which no client", "dashes"),
    "name that is no header": (bad_header_from_name, {}, r"from the header 'gr\xf6\xdfe', which no client", "dashes"),
    "text for a number": (text_for_int, {}, "takes `a` annotated `int`, and its default is 'abc'", "of its type"),
    "text for a number, in a marker": (
        text_for_marked_int,
        {},
        "`a` annotated `int`, and its default is 'abc'",
        "type",
    ),
    "number for text": (number_for_text, {}, "annotated `str`, and its default is 3", "of its type"),
    "text for a bool": (text_for_bool, {}, "annotated `bool`, and its default is 'no'", "of its type"),
    "text for an enum": (value_for_enum, {}, "annotated `Colour`, and its default is 'red'", "of its type"),
    "none of the literals": (other_literal, {}, "and its default is 'z'", "of its type"),
    "text for a date": (text_for_date, {}, "annotated `date`, and its default is '2026-01-01'", "of its type"),
    "models in a cookie": (model_in_cookie, {}, "takes `q` annotated `list[", "annotate a type"),
}


@pytest.mark.parametrize(("function", "options", "what", "fix"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_told_with_its_place_and_its_cure(function, options, what, fix):
    told, cure = problem_of(function, **options).split(" | ")
    assert told.startswith(f"handler `{function.__name__}` ")
    assert what in told
    assert fix in cure


def test_all_mistakes_come_together():
    async def layer(request, call_next, tenant: str = Path()): ...

    app = Nacre()
    group = Group("/g", middlewares=[layer])
    group.get("/<id>")(no_type)
    group.get("/two/<id>")(two_marks)
    app.include(group)
    assert {problem.partition(",")[0] for problem in problems_of(app)} == {
        "layer `layer` asks for the path variable `tenant`",
        "handler `no_type` takes `other`",
        "handler `two_marks` takes `other`",
    }


def test_default_is_no_mistake_where_another_path_lacks_the_variable():
    app = Nacre()

    @app.get("/pages")
    @app.get("/pages/<int:number>")
    async def page(number: int = 1):
        return number

    app.compile()


def test_request_class_of_ones_own_is_the_request():
    app = Nacre()

    @app.get("/")
    async def handler(incoming: Derived): ...

    app.compile()


def test_model_of_another_function_is_found_in_its_closure():
    source = """
        from __future__ import annotations
        import msgspec
        from nacre import Nacre

        def build():
            class Inner(msgspec.Struct):
                x: int
            app = Nacre()
            @app.post("/")
            async def handler(inner: Inner) -> Inner:
                return Inner(inner.x)
            return app
    """
    names: dict[str, Any] = {"__name__": "made"}
    exec(textwrap.dedent(source), names)  # noqa: S102 - the program above
    names["build"]().compile()


def test_default_of_a_union_is_of_one_of_its_types():
    app = Nacre()
    app.get("/<id>")(text_for_optional)
    [problem] = problems_of(app)
    assert "takes `a` annotated `int | None`, and its default is 'abc'" in problem


class Nothing: ...


NOTHING = Nothing()


def fitting_defaults(
    a: int = None,  # noqa: RUF013 - older code is written so
    b: float = 1,
    c: decimal.Decimal = 0,
    d: bool | int = True,
    e: date = datetime(2026, 1, 1),
    f: Literal["x"] | None = None,
    g: list[int] = [],  # noqa: B006
    h: str = NOTHING,
    i: Annotated[int, msgspec.Meta(ge=3)] = 1,
    j: Colour = Colour.RED,
    k: int = Query(default_factory=lambda: 3),
): ...


def test_defaults_that_fit_or_stand_for_absence_are_taken():
    app = Nacre()
    app.get("/")(fitting_defaults)
    app.compile()


@pytest.mark.parametrize(
    ("mark", "options", "message"),
    [
        (Query, {"min_lenght": 3}, r"^Query has no keyword `min_lenght` \(.*:\d+\)\n +did you mean `min_length`\?"),
        (Header, {"aliass": "x"}, "Header has no keyword `aliass` .*\n +did you mean `alias`"),
        (Path, {"zzz": 3}, "Path has no keyword `zzz` .*\n +it has alias, default_factory, deprecated"),
        (Body, {"content_typ": "x"}, "Body has no keyword `content_typ` .*\n +did you mean `content_type`"),
        (Query, {"content_type": "x"}, "Query has no keyword `content_type`"),
    ],
    ids=["near", "another", "unlike any", "of a body", "of another marker"],
)
def test_marker_refuses_keywords_that_it_lacks(mark, options, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        mark(**options)
    assert caught.value.problems[0].where.file == __file__


def test_misspelt_keyword_in_an_annotation_is_told_with_the_function():
    what, fix = problem_of(misspelt_in_annotation).split(" | ")
    assert what == "handler `misspelt_in_annotation`: Query has no keyword `min_lenght`"
    assert fix == "did you mean `min_length`?"


def test_marker_refuses_two_defaults_at_once():
    with pytest.raises(ConfigurationError, match="both a default and a default_factory"):
        Query(3, default_factory=int)


def get_path(request: Request) -> str:
    return request.path


def test_provider_of_the_application_takes_nothing_of_a_request():
    app = Nacre()

    @app.get("/")
    async def handler(path: Annotated[str, Provide(get_path, scope="app")]): ...

    [problem] = problems_of(app)
    assert problem.startswith("provider `get_path`")
    assert "lives as long as the application and takes `request`" in problem


def test_body_marker_without_annotation_takes_any_json():
    app = Nacre()

    @app.post("/")
    async def handler(data=Body()): ...

    app.compile()
