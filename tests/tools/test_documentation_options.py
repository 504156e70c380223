"""What a route says about itself: its options, its docstring, and mistakes in them."""

import functools

import pytest

from nacre import ConfigurationError, Nacre, get
from nacre.documentation import Documentation, split_docstring

BEARER = {"type": "http", "scheme": "bearer"}


def documentation_of(handler, **options):
    app = Nacre()
    app.get("/orders", name="orders", **options)(handler)
    [route] = app.describe().routes
    assert route.documentation is app.routes[0].documentation
    return route.documentation


def handler(request):
    return None


DOCSTRINGS = {
    "none": (None, (None, None)),
    "empty": ("  \n", (None, None)),
    "one line": ("Find it.", ("Find it", None)),
    "no full stop": ("Find it", ("Find it", None)),
    "question": ("Is it there?", ("Is it there?", None)),
    "sentences": ("Find it. Or not. Who knows.", ("Find it", "Or not. Who knows.")),
    "paragraphs": ("Find it\n\nor not.\n\nWho knows.", ("Find it", "or not.\n\nWho knows.")),
    "broken line": ("Find it\nby its name. Or not.", ("Find it by its name", "Or not.")),
    "abbreviation": ("Find it, e.g. by name. Or not.", ("Find it, e.g. by name", "Or not.")),
    "number": ("Speak HTTP/1.1 and 3.1 too. Or not.", ("Speak HTTP/1.1 and 3.1 too", "Or not.")),
    "markup after it": ("Find it. `name` is its name.", ("Find it", "`name` is its name.")),
}


@pytest.mark.parametrize(("text", "parts"), DOCSTRINGS.values(), ids=DOCSTRINGS)
def test_first_sentence_is_the_summary(text, parts):
    assert split_docstring(text) == parts


def test_route_without_options_says_what_its_docstring_does():
    def told(request):
        """Find it.

        As it is written.
        """

    assert documentation_of(told) == Documentation("Find it", "As it is written.")
    assert documentation_of(handler) == Documentation()


def test_options_count_before_the_docstring():
    def told(request):
        """Find it. Or not."""

    assert documentation_of(told, summary="Search", deprecated=True) == Documentation(
        "Search", "Or not.", deprecated=True
    )


def test_all_options():
    options = {
        "summary": "Search",
        "description": "All of it.",
        "operation_id": "search",
        "deprecated": True,
        "hidden": True,
        "responses": {404: "None.", 409: ("Taken.", dict), 410: ("Gone.", dict, "application/problem+json")},
        "security": {"bearer": BEARER},
    }
    assert documentation_of(handler, **options) == Documentation(**options)


def test_names_of_schemes_are_schemes_that_are_declared_elsewhere():
    assert documentation_of(handler, security=["bearer"]).security == {"bearer": None}


def test_options_are_not_among_those_of_the_application():
    app = Nacre()
    app.get("/", summary="Search", role="admin")(handler)
    assert dict(app.routes[0].options) == {"role": "admin"}


def test_methods_of_a_class_have_docstrings_of_their_own():
    class Basket:
        def get(self):
            """See it."""

        def put(self):
            """Fill it."""

    app = Nacre()
    app.add_route("/basket", Basket)
    assert [route.documentation.summary for route in app.routes] == ["See it", "Fill it"]


def test_wrapped_and_partial_functions_and_objects_have_a_docstring():
    def told(word, request):
        """Say it."""

    @functools.wraps(handler)
    def wrapper(request): ...

    class Handler:
        """Handle it."""

        def __call__(self, request): ...

    assert documentation_of(functools.partial(told, "x")).summary == "Say it"
    assert documentation_of(wrapper).summary is None
    assert documentation_of(Handler()).summary == "Handle it"


def test_routes_without_an_application_have_options_too():
    @get("/", summary="Search")
    def search(request): ...

    assert Nacre(routes=[search]).routes[0].documentation.summary == "Search"


MISTAKES = {
    "responses as a list": ({"responses": ["None."]}, "route `/orders` has `responses` that aren't listed by status"),
    "status as text": ({"responses": {"404": "None."}}, "route `/orders` has `responses` that aren't listed by status"),
    "no status": ({"responses": {4040: "None."}}, "route `/orders` has `responses` that aren't listed by status"),
    "response without words": ({"responses": {404: dict}}, "route `/orders` has a response 404 of type type"),
    "response with too much": ({"responses": {404: ("a", dict, "b", "c")}}, "has a response 404 of type tuple"),
    "security as text": ({"security": "bearer"}, "route `/orders` has `security` of type str"),
    "scheme without a type": ({"security": {"key": {}}}, "a security scheme `key` without a type that OpenAPI knows"),
    "scheme of another type": ({"security": {"key": {"type": "magic"}}}, "without a type that OpenAPI knows"),
    "scheme that is text": ({"security": {"key": "bearer"}}, "without a type that OpenAPI knows"),
    "scheme without a field": ({"security": {"key": {"type": "http"}}}, "`key` of type http without `scheme`"),
    "misspelt": ({"descripton": "All."}, "a route has no option `descripton`"),
}


@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_where_they_are_made(options, message):
    app = Nacre()
    with pytest.raises(ConfigurationError) as caught:
        app.get("/orders", **options)(handler)
    [problem] = caught.value.problems
    assert message in problem.what
    assert problem.where.file == __file__
    assert problem.fix
