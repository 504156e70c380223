"""The layer for authentication: who is known, who is let in, and what those who aren't are told."""

import functools
import logging
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from nacre import Group, HTMLResponse, Middleware, Nacre, Provide, Response
from nacre.auth import (
    IDENTITY,
    USER,
    APIKey,
    Authentication,
    Authorization,
    BasicAuth,
    BearerAuth,
    FailureLimit,
    Identity,
    InvalidCredentials,
    Scheme,
    authenticated,
    current_user,
    public,
    requires,
)
from nacre.errors import ConfigurationError, HTTPError, Unauthorized
from nacre.openapi.document import Heading, draw_document
from nacre.testing import HandshakeDenied, TestClient
from nacre.websocket import WebSocket

ADA = {"authorization": "Basic YWRhOnBlYXJs"}  # ada:pearl
WRONG = {"authorization": "Basic YWRhOnNhbmQ="}  # ada:sand
BASIC = 'Basic realm="api", charset="UTF-8"'
BEARER = 'Bearer realm="api"'


class User:
    def __init__(self, name, roles=(), scopes=()):
        self.name, self.roles, self.scopes = name, roles, scopes


USERS = {
    "t-ada": User("ada", ["diver"], "pearls:read pearls:write"),
    "t-ben": User("ben", ["admin", "diver"], ["pearls:read"]),
    "t-none": User("cy"),
}


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def application(*schemes, **options):
    app = Nacre(middlewares=[Authentication(*(schemes or [BearerAuth(USERS)]), **options)])

    @app.get("/open")
    def open_to_all(request):
        return {"user": getattr(request.user, "name", request.user)}

    @app.get("/known")
    @authenticated
    def known(user: Annotated[User, USER]):
        return user.name

    @app.get("/provided")
    async def provided(user: Annotated[User, Provide(current_user)]):
        return user.name

    @app.get("/front")
    @public
    async def front(request):
        return "welcome"

    return app


# Who is known.


async def test_the_user_is_on_the_request_and_can_be_asked_for_by_type(client_for):
    async with client_for(application()) as client:
        answers = [await client.get(path, headers=bearer("t-ada")) for path in ("/open", "/known", "/provided")]
        anonymous = await client.get("/open")
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].json() == {"user": "ada"}
    assert answers[1].text == answers[2].text == "ada"
    assert anonymous.json() == {"user": None}
    assert not [1 for answer in [*answers, anonymous] if "www-authenticate" in answer.headers]


@pytest.mark.parametrize("path", ["/known", "/provided"])
async def test_an_anonymous_request_is_asked_for_credentials_where_a_user_is_needed(client_for, path):
    async with client_for(application(BasicAuth({"ada": "pearl"}), BearerAuth(USERS))) as client:
        answer = await client.get(path)
    assert answer.status == 401
    assert answer.headers.getlist("www-authenticate") == [BASIC, BEARER]


@pytest.mark.parametrize(
    ("path", "status"), [("/open", 401), ("/known", 401), ("/provided", 401), ("/front", 401), ("/nothing", 404)]
)
async def test_wrong_credentials_are_refused_wherever_a_route_answers(client_for, path, status):
    async with client_for(application()) as client:
        answer = await client.get(path, headers=bearer("t-nobody"))
    assert answer.status == status
    challenges = answer.headers.getlist("www-authenticate")
    assert challenges == ([f'{BEARER}, error="invalid_token"'] if status == 401 else [])
    assert "t-nobody" not in answer.text


async def test_credentials_of_another_scheme_are_none_at_all(client_for):
    async with client_for(application()) as client:
        assert (await client.get("/open", headers=ADA)).status == 200
        answer = await client.get("/known", headers=ADA)
    assert (answer.status, answer.headers.getlist("www-authenticate")) == (401, [BEARER])


async def test_schemes_are_tried_in_order_and_the_first_that_knows_decides(client_for):
    first = BearerAuth({"t-1": User("one")}, name="first")
    second = BearerAuth({"t-1": User("other"), "t-2": User("two")}, name="second")
    async with client_for(application(first, second)) as client:
        assert (await client.get("/known", headers=bearer("t-1"))).text == "one"
        assert (await client.get("/known", headers=bearer("t-2"))).text == "two"
        answer = await client.get("/known", headers=bearer("t-3"))
    # One challenge stands for both: a client can't tell them apart.
    assert answer.headers.getlist("www-authenticate") == [f'{BEARER}, error="invalid_token"']


async def test_only_the_scheme_whose_credentials_failed_says_so(client_for):
    async with client_for(application(BearerAuth(USERS), BasicAuth({"ada": "pearl"}))) as client:
        answer = await client.get("/known", headers=WRONG)
    assert answer.headers.getlist("www-authenticate") == [BEARER, BASIC]


async def test_two_authorization_fields_are_refused(client_for):
    headers = [("authorization", "Bearer t-ada"), ("authorization", "Bearer t-ben")]
    async with client_for(application()) as client:
        answer = await client.get("/open", headers=headers)
    assert answer.status == 400


async def test_a_plain_chain_needs_no_event_loop_and_an_async_verify_has_one(client_for):
    async def later(token):
        return USERS.get(token)

    for scheme in (BearerAuth(USERS.get), BearerAuth(later), BearerAuth(lambda request, token: USERS.get(token))):
        async with client_for(application(scheme)) as client:
            assert (await client.get("/known", headers=bearer("t-ada"))).text == "ada"
            assert (await client.get("/known", headers=bearer("t-x"))).status == 401


async def test_verify_may_say_why_and_what_the_credentials_allow(client_for):
    def verify(token):
        if token == "old":
            raise InvalidCredentials("the token was revoked")
        return Identity(User("ada", ["admin"]), scopes=["read"], roles=["guest"])

    app = application(BearerAuth(verify))

    @app.get("/identity")
    def identity(request):
        found = request.state[IDENTITY]
        return [found.user.name, sorted(found.scopes), sorted(found.roles), found.scheme, repr(found)]

    @app.get("/admin")
    @requires(roles=["admin"])
    def admin():
        return "in"

    async with client_for(app) as client:
        refused = await client.get("/open", headers=bearer("old"))
        found = (await client.get("/identity", headers=bearer("new"))).json()
        assert (await client.get("/admin", headers=bearer("new"))).status == 403
    assert refused.headers["www-authenticate"].endswith('error_description="the token was revoked"')
    assert found == ["ada", ["read"], ["guest"], "bearer", "Identity(User, scheme='bearer')"]


@pytest.mark.parametrize("answer", [True, False])
async def test_a_verify_that_returns_no_user_lets_nobody_in(client_for, answer, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.error")
    async with client_for(application(BearerAuth(lambda token: answer))) as client:
        assert (await client.get("/open", headers=bearer("x"))).status == 500


async def test_a_coroutine_is_no_user(client_for, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.error")

    async def verify(token):
        return None

    async with client_for(application(BearerAuth(lambda token: verify(token)))) as client:
        assert (await client.get("/open", headers=bearer("x"))).status == 500


async def test_an_identity_of_nobody_is_nobody(client_for):
    async with client_for(application(BearerAuth(lambda token: Identity(USERS.get(token))))) as client:
        assert (await client.get("/known", headers=bearer("t-ada"))).text == "ada"
        assert (await client.get("/known", headers=bearer("x"))).status == 401


@pytest.mark.parametrize("answer", ["True", "False", "coroutine"])
async def test_an_identity_of_no_user_lets_nobody_in(client_for, answer, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.error")

    async def verify(token):
        return None

    def found(token):
        return Identity({"True": True, "False": False}[answer] if answer != "coroutine" else verify(token))

    async with client_for(application(BearerAuth(found))) as client:
        assert (await client.get("/open", headers=bearer("x"))).status == 500


@pytest.mark.parametrize(
    ("description", "told"),
    [
        pytest.param("na\u00efve \u20ac", "na?ve ?", id="not ASCII"),
        pytest.param("a\r\nset-cookie: a=b", "a??set-cookie: a=b", id="a line break"),
        pytest.param("x" * 9000, "x" * 256, id="long"),
        pytest.param(ValueError("old"), "old", id="no text"),
    ],
)
async def test_whatever_verify_says_the_answer_is_a_401(client_for, description, told):
    def verify(token):
        raise InvalidCredentials(description)

    async with client_for(application(BearerAuth(verify))) as client:
        answer = await client.get("/open", headers=bearer("x"))
    assert answer.status == 401
    assert answer.headers["www-authenticate"].endswith(f'error_description="{told}"')


async def test_a_false_user_is_a_user(client_for):
    class Empty(list):
        name = "nobody much"

    async with client_for(application(BearerAuth(lambda token: Empty()))) as client:
        assert (await client.get("/known", headers=bearer("x"))).text == "nobody much"


# What a 401 holds.


async def test_a_401_of_a_handler_has_the_challenges_too(client_for):
    app = application()

    @app.get("/handler")
    def handler():
        raise Unauthorized("not you")

    @app.get("/page")
    def page():
        return Response("log in", 401, headers={"www-authenticate": "Negotiate"})

    async with client_for(app) as client:
        assert (await client.get("/handler")).headers.getlist("www-authenticate") == [BEARER]
        assert (await client.get("/page")).headers.getlist("www-authenticate") == ["Negotiate"]


async def test_a_page_for_the_error_keeps_what_the_challenge_says(client_for):
    app = application()

    @app.error_handler(401)
    def page(request, error):
        return HTMLResponse("<h1>Who are you?</h1>", 401)

    async with client_for(app) as client:
        answer = await client.get("/open", headers=bearer("t-x"))
    assert answer.text == "<h1>Who are you?</h1>"
    assert answer.headers.getlist("www-authenticate") == [f'{BEARER}, error="invalid_token"']


async def test_the_handler_of_an_error_can_ask_for_the_user_whatever_the_error_is(client_for):
    app = application(BearerAuth(USERS), APIKey(USERS, cookie="key", name="cookie"))
    tokens_only = application()
    for one in (app, tokens_only):

        @one.error_handler(HTTPError)
        def page(request, error, user: Annotated[Any, USER]):
            return f"{user and user.name}", error.status

    sent = [("/nothing", {}), ("/open", bearer(",")), ("/open", bearer("t-x")), ("/known", {})]
    for one in (app, tokens_only):
        async with client_for(one) as client:
            answers = [await client.get(path, headers=headers) for path, headers in sent]
        assert [(answer.status, answer.text) for answer in answers] == [(code, "None") for code in (404, 400, 401, 401)]


async def test_a_scheme_may_challenge_in_other_words_each_time(client_for):
    class Digest(BearerAuth):
        kind = "Digest"
        asked = 0

        def challenge(self, **parameters):
            self.asked += 1
            return f'Digest nonce="{self.asked}"'

    async with client_for(application(Digest(USERS))) as client:
        found = [(await client.get("/known")).headers["www-authenticate"] for _ in range(2)]
    assert len(set(found)) == 2


class Malformed(BearerAuth):
    is_ambient = True

    def credentials(self, request):
        if "x-odd" in request.headers:
            raise self.malformed("odd")
        return super().credentials(request)


@pytest.mark.parametrize("verify", [USERS, lambda token: USERS.get(token)], ids=["inline", "in a thread"])
async def test_an_error_page_knows_whom_ambient_credentials_are_of(client_for, verify):
    app = application(Malformed(verify, name="first"), APIKey(USERS, cookie="key", name="cookie"), BearerAuth(USERS))

    @app.error_handler(404)
    def page(request, error):
        return f"{request.user and request.user.name} {request.state.get(USER) is request.user}", 404

    sent = [bearer("t-ada"), bearer("t-x"), {**bearer("t-ada"), "x-odd": "1"}, {"cookie": "key=t-ben", "x-odd": "1"}]
    async with client_for(app) as client:
        answers = [(await client.get("/nothing", headers=headers)).text for headers in sent]
    assert answers == ["ada True", "None True", "None True", "ben True"]


def test_a_realm_is_quoted_and_holds_nothing_that_could_end_the_field():
    scheme = BasicAuth({"ada": "pearl"}, realm='the "deep" \\ sea')
    assert scheme.challenge() == r'Basic realm="the \"deep\" \\ sea", charset="UTF-8"'
    for realm in ("", "a\r\nset-cookie: a=b", "tide\u20ac", None):
        with pytest.raises(ConfigurationError, match="the realm of Basic"):
            BasicAuth({"ada": "pearl"}, realm=realm)


# Caches.


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/open", {"Authorization", "X-API-Key", "Cookie"}), ("/known", {"Authorization", "X-API-Key", "Cookie"})],
)
async def test_vary_names_the_fields_that_the_answer_depends_on(client_for, path, fields):
    schemes = [BearerAuth(USERS), APIKey(USERS, name="key"), APIKey(USERS, cookie="key", name="cookie")]
    async with client_for(application(*schemes)) as client:
        for headers in ({}, bearer("t-ada"), bearer("wrong")):
            vary = (await client.get(path, headers=headers)).headers["vary"]
            assert set(vary.split(", ")) - {"Accept"} == fields


# Required by default.


async def test_under_required_only_public_routes_are_open(client_for):
    async with client_for(application(default="required")) as client:
        for path, anonymous, known in (("/open", 401, 200), ("/front", 200, 200), ("/nothing", 404, 404)):
            assert (await client.get(path)).status == anonymous, path
            assert (await client.get(path, headers=bearer("t-ada"))).status == known, path
        assert (await client.post("/open")).status == 405
        options = await client.options("/open", headers={"origin": "https://a.example"})
        assert options.status == 204
        assert (await client.head("/open")).status == 401
        malformed = await client.get("/nothing", headers={"authorization": "Bearer ,,"})
        assert malformed.status == 404


# Roles, scopes, policies.


def guarded(**options):
    app = Nacre(middlewares=[Authentication(BearerAuth(USERS), **options)])
    app.get("/admin")(requires(roles=["admin", "owner"])(lambda: "in"))
    app.get("/both")(requires(roles=["admin"])(requires(roles=["diver"])(lambda: "in")))
    app.get("/write")(requires(scopes=["pearls:read", "pearls:write"])(lambda: "in"))
    app.get("/mixed")(requires(scopes=["pearls:read"], roles=["admin"])(lambda: "in"))
    return app


@pytest.mark.parametrize(
    ("path", "ada", "ben", "cy"),
    [
        pytest.param("/admin", 403, 200, 403, id="one of the roles is enough"),
        pytest.param("/both", 403, 200, 403, id="each decorator counts"),
        pytest.param("/write", 200, 403, 403, id="all scopes are needed"),
        pytest.param("/mixed", 403, 200, 403, id="scopes and roles"),
    ],
)
async def test_requirements(client_for, path, ada, ben, cy):
    async with client_for(guarded()) as client:
        found = [(await client.get(path, headers=bearer(f"t-{who}"))).status for who in ("ada", "ben", "none")]
        anonymous = await client.get(path)
    assert found == [ada, ben, cy]
    assert (anonymous.status, anonymous.headers.getlist("www-authenticate")) == (401, [BEARER])


async def test_who_lacks_a_scope_is_told_which_one_is_needed(client_for):
    async with client_for(guarded()) as client:
        answer = await client.get("/write", headers=bearer("t-ben"))
        role = await client.get("/admin", headers=bearer("t-ada"))
    words = f'{BEARER}, error="insufficient_scope", scope="pearls:read pearls:write"'
    assert answer.headers.getlist("www-authenticate") == [words]
    assert role.headers.getlist("www-authenticate") == []


async def test_functions_may_tell_the_roles_and_scopes(client_for):
    app = guarded(roles=lambda user: ["owner"] if user.name == "cy" else None, scopes=lambda user: "pearls:read")
    async with client_for(app) as client:
        assert (await client.get("/admin", headers=bearer("t-none"))).status == 200
        assert (await client.get("/admin", headers=bearer("t-ben"))).status == 403
        assert (await client.get("/write", headers=bearer("t-ada"))).status == 403


@pytest.mark.parametrize(
    ("user", "status"),
    [
        pytest.param({"roles": ["admin"]}, 200, id="a mapping"),
        pytest.param({"roles": "admin"}, 200, id="one role as text"),
        pytest.param({"roles": "administrator"}, 403, id="no part of a word"),
        pytest.param({"roles": []}, 403, id="no roles"),
        pytest.param({}, 403, id="nothing said"),
        pytest.param({"roles": [1]}, 500, id="no text"),
    ],
)
async def test_where_roles_come_from(client_for, user, status, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.error")
    app = Nacre(middlewares=[Authentication(BearerAuth({"t": user}))])
    app.get("/")(requires(roles=["admin"])(lambda: "in"))
    async with client_for(app) as client:
        assert (await client.get("/", headers=bearer("t"))).status == status


async def test_policies_look_at_the_user_and_at_the_request(client_for):
    async def is_owner(request, user):
        return request.path_params["owner"] == user.name

    app = Nacre(
        middlewares=[
            Authentication(BearerAuth(USERS), policies={"owner": is_owner, "tall": lambda user: "b" in user.name})
        ]
    )

    @app.get("/<owner>/pearls")
    @requires(policy="owner")
    def pearls(owner):
        return owner

    @app.get("/<owner>/boat")
    @requires(policy="owner")
    @requires(policy="tall")
    def boat(owner):
        return owner

    async with client_for(app) as client:
        assert (await client.get("/ada/pearls", headers=bearer("t-ada"))).status == 200
        assert (await client.get("/ben/pearls", headers=bearer("t-ada"))).status == 403
        assert (await client.get("/ada/boat", headers=bearer("t-ada"))).status == 403
        assert (await client.get("/ben/boat", headers=bearer("t-ben"))).status == 200
        assert (await client.get("/ada/pearls")).status == 401


@pytest.mark.parametrize("answer", [None, 1, "no", [False]])
async def test_a_policy_that_says_neither_yes_nor_no_lets_nobody_in(client_for, answer, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.error")
    app = Nacre(middlewares=[Authentication(BearerAuth(USERS), policies={"odd": lambda user: answer})])
    app.get("/")(requires(policy="odd")(lambda: "in"))
    async with client_for(app) as client:
        assert (await client.get("/", headers=bearer("t-ada"))).status == 500


async def test_a_class_asks_for_all_its_methods_and_a_method_for_more(client_for):
    @authenticated
    class Pearls:
        def listed(self):
            return "list"

        @public
        def front(self):
            return "front"

        @requires(roles=["admin"])
        def sell(self):
            return "sold"

    app = Nacre(middlewares=[Authentication(BearerAuth(USERS))])
    pearls = Pearls()
    app.get("/list")(pearls.listed)
    app.get("/front")(pearls.front)
    app.get("/sell")(pearls.sell)
    async with client_for(app) as client:
        for path, expected in (("/list", (401, 200, 200)), ("/front", (200,) * 3), ("/sell", (401, 403, 200))):
            given = [{}, bearer("t-ada"), bearer("t-ben")]
            assert tuple([(await client.get(path, headers=one)).status for one in given]) == expected


async def test_a_method_that_asks_for_something_isnt_public_by_its_class(client_for):
    @public
    class Pearls:
        @requires(roles=["admin"])
        def sell(self):
            return "sold"

    app = Nacre(middlewares=[Authentication(BearerAuth(USERS), default="required")])
    app.get("/sell")(Pearls().sell)
    async with client_for(app) as client:
        assert (await client.get("/sell")).status == 401


def passed_on(function):
    @functools.wraps(function)
    def wrapper(*arguments, **options):
        return function(*arguments, **options)

    return wrapper


@requires(roles=["admin"])
class Guarded:
    def __call__(self):
        return "in"

    def method(self):
        return "in"

    @staticmethod
    def static():
        return "in"

    @classmethod
    def of_class(cls):
        return "in"


class Caller:
    @requires(roles=["admin"])
    def __call__(self):
        return "in"


@dataclass(frozen=True)
class Frozen:
    def __call__(self):
        return "in"


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(lambda: Guarded(), id="an object of a marked class"),
        pytest.param(lambda: Caller(), id="an object whose __call__ is marked"),
        pytest.param(lambda: functools.partial(Guarded()), id="a partial of an object"),
        pytest.param(lambda: Guarded().method, id="a method"),
        pytest.param(lambda: functools.partial(Guarded().method), id="a partial of a method"),
        pytest.param(lambda: passed_on(Guarded().method), id="a wrapped method"),
        pytest.param(lambda: passed_on(functools.partial(passed_on(Guarded().method))), id="all of that"),
        pytest.param(lambda: Guarded.static, id="a static method"),
        pytest.param(lambda: Guarded().static, id="a static method by its object"),
        pytest.param(lambda: Guarded.of_class, id="a class method"),
        pytest.param(lambda: requires(roles=["admin"])(Frozen()), id="an object that can't be changed"),
        pytest.param(lambda: requires(roles=["admin"])(functools.partial(lambda x: x, "in")), id="a partial"),
    ],
)
async def test_what_a_handler_is_marked_with_holds_whatever_kind_of_handler_it_is(client_for, handler):
    app = Nacre(middlewares=[Authentication(BearerAuth(USERS))])
    app.get("/")(handler())
    async with client_for(app) as client:
        given = [{}, bearer("t-ada"), bearer("t-ben")]
        assert [(await client.get("/", headers=one)).status for one in given] == [401, 403, 200]


async def test_a_partial_that_is_public_opens_no_other_route_of_its_function(client_for):
    def page(name):
        return name

    app = Nacre(middlewares=[Authentication(BearerAuth(USERS), default="required")])
    app.get("/front")(public(functools.partial(page, "front")))
    app.get("/accounts")(functools.partial(page, "accounts"))
    async with client_for(app) as client:
        assert (await client.get("/front")).text == "front"
        assert (await client.get("/accounts")).status == 401


class Slotted:
    __slots__ = ()

    def __call__(self):
        return "in"


@pytest.mark.parametrize("handler", [Slotted(), len], ids=["no attributes", "a builtin"])
def test_a_mark_that_nothing_can_hold_is_an_error(handler):
    with pytest.raises(ConfigurationError, match="can hold none"):
        authenticated(handler)


def test_a_class_that_is_marked_too_late_is_an_error():
    class Pearls:
        def listed(self):
            return "list"

    app = Nacre(middlewares=[Authentication(BearerAuth(USERS))])
    app.get("/")(Pearls().listed)
    app.compile()
    with pytest.raises(ConfigurationError, match="served already"):
        authenticated(Pearls)


async def test_a_group_asks_for_all_its_routes(client_for):
    admin = Group("/admin", middlewares=[Authorization(roles=["admin"])])
    admin.get("/")(lambda: "in")
    inside = Group("/inside", middlewares=[Authorization()])
    inside.get("/")(lambda: "in")
    app = Nacre(middlewares=[Authentication(BearerAuth(USERS))])
    app.include(admin)
    app.include(inside)
    async with client_for(app) as client:
        assert [(await client.get("/admin/", headers=bearer(t))).status for t in ("t-ada", "t-ben")] == [403, 200]
        assert (await client.get("/admin/")).status == 401
        assert (await client.get("/admin/nothing")).status == 404
        assert [(await client.get("/inside/", headers=one)).status for one in ({}, bearer("t-ada"))] == [401, 200]


async def test_the_inner_of_two_layers_decides_alone(client_for):
    api = Group("/api", middlewares=[Authentication(BearerAuth(USERS), default="required")])
    api.get("/")(lambda request: request.user.name)
    app = Nacre(middlewares=[Authentication(APIKey({"k": User("key")}))])
    app.get("/")(lambda request: getattr(request.user, "name", "anonymous"))
    app.include(api)
    async with client_for(app) as client:
        assert (await client.get("/", headers={"x-api-key": "k"})).text == "key"
        assert (await client.get("/api/", headers={"x-api-key": "k"})).status == 401
        assert (await client.get("/api/", headers=bearer("t-ada"))).text == "ada"
        assert (await client.get("/api/", headers={"x-api-key": "wrong", **bearer("t-ada")})).text == "ada"


# WebSockets.


async def test_a_websocket_is_refused_at_its_handshake(client_for):
    app = application(BearerAuth(USERS), APIKey(USERS, query="key"))

    @app.websocket("/live")
    @requires(roles=["admin"])
    async def live(socket: WebSocket, user: Annotated[User, USER]):
        await socket.accept()
        await socket.send(user.name)

    async with client_for(app) as client:
        for path, headers, status in (
            ("/live", {}, 401),
            ("/live", bearer("wrong"), 401),
            ("/live", bearer("t-ada"), 403),
            ("/live?key=t-ada", {}, 403),
            ("/live?key=t-ada&key=t-ben", {}, 400),
        ):
            with pytest.raises(HandshakeDenied) as refused:
                async with client.websocket(path, headers=headers):
                    pass
            assert refused.value.response.status == status
        async with client.websocket("/live?key=t-ben") as socket:
            assert await socket.receive_text() == "ben"


# Schemes of the user's own.


async def test_a_scheme_of_ones_own(client_for):
    class ByBadge(Scheme):
        kind = "Badge"
        varies_on = ("X-Badge",)

        def __init__(self):
            super().__init__(self.look, 1, name="badge", realm="harbour")

        security = {"type": "apiKey", "in": "header", "name": "X-Badge"}  # noqa: RUF012

        def credentials(self, request):
            badge = request.headers.get("x-badge")
            return None if badge is None else (badge,)

        async def look(self, badge):
            return User(badge) if badge == "7" else None

    async with client_for(application(ByBadge())) as client:
        assert (await client.get("/known", headers={"x-badge": "7"})).text == "7"
        answer = await client.get("/known", headers={"x-badge": "8"})
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Badge realm="harbour"')


async def test_a_scheme_may_be_a_dataclass(client_for):
    @dataclass
    class ByBadge(Scheme):
        users: dict
        kind = "Badge"
        security = {"type": "apiKey", "in": "header", "name": "X-Badge"}  # noqa: RUF012

        def __post_init__(self):
            super().__init__(self.users.get, 1, name="badge")

        def credentials(self, request):
            return (request.headers["x-badge"],) if "x-badge" in request.headers else None

    async with client_for(application(ByBadge({"7": User("ada")}))) as client:
        assert (await client.get("/known", headers={"x-badge": "7"})).text == "ada"
        assert (await client.get("/known", headers={"x-badge": "8"})).status == 401


# Limits.


async def test_failures_are_limited_and_a_success_is_none(client_for):
    app = application(BasicAuth({"ada": "pearl"}), failures=FailureLimit(2, per=60))
    async with client_for(app) as client:
        assert [(await client.get("/open", headers=one)).status for one in (WRONG, ADA, WRONG, WRONG)] == [
            401,
            200,
            401,
            401,
        ]
        answer = await client.get("/open", headers=ADA)
        assert (answer.status, answer.headers["retry-after"]) == (429, "60")
        assert (await client.get("/open")).status == 200


async def test_a_failure_is_one_line_of_the_log_without_what_was_sent(client_for, caplog):
    caplog.set_level(logging.INFO, "nacre.auth")
    async with client_for(application(BasicAuth({"ada": "pearl"}))) as client:
        await client.get("/open", headers=WRONG)
    (record,) = caplog.records
    assert record.getMessage().startswith("wrong credentials (basic) from ")
    assert "sand" not in record.getMessage()
    assert "ada" not in record.getMessage()


# Startup.


def problem_of(make):
    with pytest.raises(ConfigurationError) as raised:
        make()
    return str(raised.value)


def with_mark(mark, layer=None):
    app = Nacre(middlewares=[layer] if layer else [])
    app.get("/")(mark(lambda: "in"))
    app.compile()


async def later(user):
    return ["admin"]


class Kinds(BearerAuth):
    def __init__(self, kind):
        self.kind = kind
        super().__init__(USERS)


LAYER = Authentication(BearerAuth(USERS), policies={"owner": lambda user: True})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda: with_mark(authenticated), "requires `authentication`", id="a mark without the layer"),
        pytest.param(lambda: with_mark(requires(policy="owenr"), LAYER), "did you mean 'owner'?", id="a near miss"),
        pytest.param(
            lambda: with_mark(requires(policy="zzz"), Authentication(BearerAuth(USERS))),
            "there are none",
            id="no policy",
        ),
        pytest.param(lambda: requires(roles=[]), "lists no roles, which nobody has", id="an empty list"),
        pytest.param(lambda: requires(scopes=()), "lists no scopes", id="no scopes"),
        pytest.param(lambda: requires(roles="admin"), "are a list, not a str", id="a text for a list"),
        pytest.param(lambda: requires(roles=["a b"]), "no word", id="two words in one"),
        pytest.param(lambda: requires(roles=["a\u00a0b"]), "no word", id="two words with another space"),
        pytest.param(lambda: requires(scopes=["pearls:\u20ac"]), "no word", id="a scope that no challenge can name"),
        pytest.param(lambda: requires(scopes=['a"b']), "no word", id="a scope with a quotation mark"),
        pytest.param(lambda: requires(scopes=[""]), "no word", id="an empty scope"),
        pytest.param(lambda: requires(), "use @authenticated", id="nothing"),
        pytest.param(lambda: requires(policy=""), "not the name of one", id="a policy without name"),
        pytest.param(
            lambda: with_mark(lambda f: public(requires(roles=["a"])(f)), LAYER), "take off one", id="a contradiction"
        ),
        pytest.param(lambda: Authentication(), "has no scheme", id="no scheme"),
        pytest.param(lambda: Authentication(BearerAuth), "is no scheme of Authentication", id="a class"),
        pytest.param(
            lambda: Authentication(BearerAuth(USERS), BearerAuth(USERS)), "have the name 'bearer'", id="equal names"
        ),
        pytest.param(lambda: Authentication(BearerAuth(USERS), default="no"), "is 'no'", id="an unknown default"),
        pytest.param(
            lambda: Authentication(BearerAuth(USERS), policies={"x": lambda: True}),
            "can't be called",
            id="no parameter",
        ),
        pytest.param(lambda: Authentication(BearerAuth(USERS), roles=later), "`roles` of", id="async roles"),
        pytest.param(lambda: Authentication(BearerAuth(USERS), scopes=["a"]), "`scopes` of", id="a list of scopes"),
        pytest.param(lambda: BearerAuth(lambda: 1), "with 1 argument, and", id="a verify without parameters"),
        pytest.param(lambda: BasicAuth(lambda name: 1), "with 2 arguments, and", id="a verify with too few"),
        pytest.param(lambda: BearerAuth("secret"), "not by a str", id="no function"),
        pytest.param(lambda: BearerAuth({"": 1}), "aren't empty", id="an empty token"),
        pytest.param(lambda: BearerAuth({"t": None}), "None is nobody", id="nobody"),
        pytest.param(lambda: BearerAuth({"t": True}), "nor is True", id="no user"),
        pytest.param(lambda: BearerAuth(USERS, name=""), "name '' of Bearer", id="an empty name"),
        pytest.param(lambda: BearerAuth(USERS, name="a b"), "name 'a b' of", id="a name that OpenAPI doesn't know"),
        pytest.param(lambda: BearerAuth(USERS, name=None), "name None of", id="no name"),
        pytest.param(lambda: Kinds(""), "the kind ''", id="no kind"),
        pytest.param(lambda: Kinds("a b"), "the kind 'a b'", id="a kind that is no token"),
        pytest.param(lambda: Authorization(roles=[]), "lists no roles", id="a layer with an empty list"),
    ],
)
def test_what_startup_finds(make, said):
    assert said in problem_of(make)


def test_a_group_that_asks_before_anybody_is_known_is_found_at_startup():
    app = Nacre(middlewares=[Authorization(roles=["admin"]), Authentication(BearerAuth(USERS))])
    app.get("/")(lambda: "in")
    assert "provides it further in" in problem_of(app.compile)


def test_a_layer_that_covers_only_some_routes_is_found_at_startup():
    app = Nacre(middlewares=[Middleware(Authentication(BearerAuth(USERS)), only="/api/*")])
    app.get("/api/a")(lambda: "in")
    app.get("/")(authenticated(lambda: "in"))
    assert "is left out there" in problem_of(app.compile)


def test_a_mark_may_stand_above_the_declaration():
    app = Nacre(middlewares=[LAYER])

    @requires(roles=["admin"])
    @app.get("/")
    def admin():
        return "in"

    with TestClient(app) as client:
        assert client.get("/").status == 401


# What is told of it.


def test_the_document_says_which_operations_need_which_scheme():
    app = guarded()
    app.get("/open")(lambda: "in")
    app.get("/known")(authenticated(lambda: "in"))
    document = draw_document(app.describe(), Heading("Pearls"))
    assert document["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    found = {path: item["get"]["security"] for path, item in document["paths"].items()}
    assert found["/open"] == [{"bearer": []}, {}]
    assert found["/known"] == [{"bearer": []}]
    assert found["/write"] == [{"bearer": ["pearls:read", "pearls:write"]}]
    assert set(document["paths"]["/write"]["get"]["responses"]) >= {"400", "401", "403"}
    assert "403" not in document["paths"]["/known"]["get"]["responses"]


def test_a_function_of_c_is_called_with_the_credentials():
    assert BearerAuth(max)
    assert BearerAuth(USERS.get)


def test_a_scheme_that_reads_nothing_cant_be_made():
    class Silent(Scheme):
        kind = "Silent"

    with pytest.raises(TypeError, match="credentials, security"):
        Silent(USERS.get, 1, name="silent")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda: Authentication(BearerAuth(USERS)), [], id="tokens"),
        pytest.param(lambda: Authentication(BasicAuth({"a": "b"})), ["without end"], id="passwords"),
        pytest.param(
            lambda: Authentication(BasicAuth({"a": "b"}), failures=FailureLimit()), ["each process"], id="a limit"
        ),
        pytest.param(
            lambda: Authentication(BasicAuth({"a": "b"}), failures=FailureLimit(store=Shared())), [], id="shared"
        ),
        pytest.param(lambda: Authentication(APIKey(USERS)), [], id="keys"),
        pytest.param(lambda: Authentication(APIKey(USERS, query="key")), ["?key=\u2026"], id="keys in addresses"),
    ],
)
def test_what_is_unsafe_where_it_is_deployed(make, said):
    app = Nacre(middlewares=[make()])
    app.get("/")(lambda: "in")
    # The others, about what is missing, are the application's.
    found = [risk for risk in app.find_risks() if risk.where is not None and risk.where.file == __file__]
    assert len(found) == len(said)
    assert all(words in risk.what for risk, words in zip(found, said, strict=True))


class Shared:
    in_memory = False


def test_nothing_secret_is_shown():
    schemes = [BasicAuth({"ada": "pearl"}), BearerAuth(USERS), APIKey({"k-1": User("ada")})]
    layer = Authentication(*schemes, failures=FailureLimit(3))
    text = (
        repr(layer)
        + repr(layer.failures)
        + repr(Authorization(roles=["admin"]))
        + str([vars(scheme) for scheme in schemes])
    )
    assert not [secret for secret in ("pearl'", "t-ada", "k-1") if secret in text]
