"""Basic authentication, RFC 7617: what is a name and a password, and what is neither."""

from base64 import b64encode

import pytest

from nacre import Nacre
from nacre.auth import Authentication, BasicAuth
from nacre.errors import ConfigurationError


def basic(text):
    data = text if isinstance(text, bytes) else text.encode()
    return {"authorization": "Basic " + b64encode(data).decode()}


def application(verify=None):
    app = Nacre(middlewares=[Authentication(BasicAuth(verify or (lambda name, password: [name, password])))])
    app.get("/")(lambda request: request.user)
    return app


CREDENTIALS = {
    "plain": ("ada:pearl", ["ada", "pearl"]),
    "a colon in the password": ("ada:pe:arl:", ["ada", "pe:arl:"]),
    "no password": ("ada:", ["ada", ""]),
    "no name": (":pearl", ["", "pearl"]),
    "UTF-8": ("åda:pérlå€", ["åda", "pérlå€"]),
    "spaces": (" ada : pearl ", [" ada ", " pearl "]),
    "a letter that composes": ("ada:e\u0301", ["ada", "e\u0301"]),
}


@pytest.mark.parametrize(("text", "expected"), CREDENTIALS.values(), ids=CREDENTIALS)
async def test_credentials_that_are_well_formed(client_for, text, expected):
    async with client_for(application()) as client:
        assert (await client.get("/", headers=basic(text))).json() == expected


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc"])
async def test_the_name_of_the_scheme_has_no_case(client_for, scheme):
    async with client_for(application()) as client:
        answer = await client.get("/", headers={"authorization": f"{scheme} YWRhOnBlYXJs"})
    assert answer.json() == ["ada", "pearl"]


MALFORMED = {
    "nothing": "Basic",
    "no base64": "Basic ada:pearl",
    "base64 of another alphabet": "Basic YWRhOnBlYXJs-_8",
    "no padding": "Basic YWRhOg",
    "two of them": "Basic YWRhOnBlYXJs YWRhOnBlYXJs",
    "two of them, joined by a server": "Basic YWRhOnBlYXJs, Basic YWRhOnBlYXJs",
    "no colon": "Basic YWRh",
    "no UTF-8": "Basic " + b64encode(b"ada:\xff").decode(),
    "a surrogate": "Basic " + b64encode(b"ada:\xed\xa0\x80").decode(),
    "a line break": "Basic " + b64encode(b"ada:pe\narl").decode(),
    "a zero": "Basic " + b64encode(b"ada\0:pearl").decode(),
    "a C1 control": "Basic " + b64encode("ada:\u0085".encode()).decode(),
    "parameters": 'Basic realm="api"',
    "too long": "Basic " + b64encode(b"ada:" + b"x" * 6144).decode(),
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED)
async def test_credentials_that_are_malformed_are_a_400(client_for, value):
    async with client_for(application()) as client:
        answer = await client.get("/", headers={"authorization": value})
    assert answer.status == 400
    assert answer.headers["www-authenticate"] == 'Basic realm="api", charset="UTF-8"'


@pytest.mark.parametrize("value", ["", "Basi YWRhOnBlYXJs", "Basic\tYWRhOnBlYXJs", "Digest a=b", "YWRhOnBlYXJs"])
async def test_what_names_another_scheme_is_nothing_to_this_one(client_for, value):
    app = Nacre(middlewares=[Authentication(BasicAuth({"ada": "pearl"}))])
    app.get("/")(lambda request: str(request.user))
    async with client_for(app) as client:
        assert (await client.get("/", headers={"authorization": value})).text == "None"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("ada:pearl", 200),
        ("ada:Pearl", 401),
        ("Ada:pearl", 401),
        ("ada:", 401),
        (":", 401),
        ("ben:perle:", 200),
        ("ben:pearl", 401),
        ("ada:pearl ", 401),
    ],
)
async def test_names_and_passwords_of_a_mapping(client_for, text, status):
    async with client_for(application({"ada": "pearl", "ben": "perle:"})) as client:
        answer = await client.get("/", headers=basic(text))
    assert answer.status == status
    if status == 200:
        assert answer.text == text.partition(":")[0]


@pytest.mark.parametrize(
    ("users", "said"),
    [({"a:b": "pearl"}, "has a colon"), ({"ada": ""}, "aren't empty"), ({"": "pearl"}, "empty"), ({"a": 5}, "texts")],
)
def test_a_mapping_that_nobody_could_use_is_refused(users, said):
    with pytest.raises(ConfigurationError, match=said):
        BasicAuth(users)
