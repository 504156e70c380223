"""JSON Web Tokens: which are taken, by which keys, for how long; and where the keys come from."""

import asyncio
import http.server
import json
import logging
import string
import sys
import threading
from base64 import b64decode

import pytest
from joserfc.errors import SecurityWarning

from auth.jwt_tokens import (
    EC,
    NOW,
    OKP,
    OTHER_RSA,
    RSA,
    SECRET,
    claims,
    encoded,
    hs256,
    private_pem,
    public_pem,
    published,
    signed,
)
from nacre import Nacre
from nacre.auth import JWKS, Authentication, Claims, Identity, InvalidCredentials, JWTAuth, authenticated, requires
from nacre.auth.jwt_keys import import_published
from nacre.errors import ConfigurationError, MissingExtra, ServiceUnavailable
from nacre.threads import run_at_once


def clock():
    return NOW


def jwt(keys=SECRET, algorithms=("HS256",), **options):
    return JWTAuth(None if "jwks" in options else keys, algorithms=list(algorithms), clock=clock, **options)


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def application(scheme):
    app = Nacre(middlewares=[Authentication(scheme)])
    app.get("/")(authenticated(lambda request: str(getattr(request.user, "subject", request.user))))
    app.get("/read")(requires(scopes=["read"])(lambda: "read"))
    app.get("/admin")(requires(roles=["admin"])(lambda: "admin"))
    return app


async def verdict(scheme, token):
    """Whether a token is valid: "" or what is said of it."""
    try:
        await scheme.decode(token)
    except InvalidCredentials as error:
        return error.description or "refused"
    return ""


# On the wire.


async def test_the_claims_are_the_user_and_their_scopes_and_roles_count(client_for):
    async with client_for(application(jwt())) as client:
        token = hs256(scope="read write", roles=["admin"])
        assert (await client.get("/", headers=bearer(token))).text == "ada"
        assert (await client.get("/read", headers=bearer(token))).status == 200
        assert (await client.get("/admin", headers=bearer(token))).status == 200
        assert (await client.get("/read", headers=bearer(hs256()))).status == 403
        assert (await client.get("/admin", headers=bearer(hs256(roles="no-admin")))).status == 403


async def test_a_refused_token_is_a_401_that_says_no_more_than_it_should(client_for):
    async with client_for(application(jwt())) as client:
        old = await client.get("/", headers=bearer(hs256(exp=NOW - 1)))
        forged = await client.get("/", headers=bearer(signed({"alg": "HS256"}, claims(), "no-secret")))
    challenge = 'Bearer realm="api", error="invalid_token"'
    assert (forged.status, forged.headers["www-authenticate"]) == (401, challenge)
    assert old.headers["www-authenticate"] == f'{challenge}, error_description="the token has expired"'


async def test_to_user_gives_the_user_whose_roles_count_and_the_token_bounds_the_scopes(client_for):
    users = {"ada": {"name": "ada", "roles": ["admin"], "scopes": ["read", "write"]}}

    async def to_user(found):
        return users.get(found.subject)

    async with client_for(application(jwt(to_user=to_user))) as client:
        assert (await client.get("/admin", headers=bearer(hs256()))).status == 200
        assert (await client.get("/read", headers=bearer(hs256()))).status == 200
        assert (await client.get("/read", headers=bearer(hs256(scope="write")))).status == 403
        assert (await client.get("/read", headers=bearer(hs256(scope="")))).status == 403
        assert (await client.get("/admin", headers=bearer(hs256(sub="ben", roles=["admin"])))).status == 401


async def test_what_encode_gives_is_valid(client_for):
    scheme = jwt(issuer="https://id.example", audience="shop")
    token = scheme.encode({"sub": "ada"}, expires_in=60)
    found = await scheme.decode(token)
    assert (found["sub"], found.get("sub"), found.get("x"), "aud" in found) == ("ada", "ada", None, True)
    assert found.values == {"sub": "ada", "iat": NOW, "exp": NOW + 60, "iss": "https://id.example", "aud": "shop"}
    async with client_for(application(scheme)) as client:
        assert (await client.get("/", headers=bearer(token))).text == "ada"


async def test_what_one_token_allows_is_nothing_to_the_next(client_for):
    shared = Identity({"roles": ["admin"]})
    async with client_for(application(jwt(to_user=lambda found: shared))) as client:
        assert (await client.get("/read", headers=bearer(hs256(scope="read")))).status == 200
        assert (await client.get("/read", headers=bearer(hs256(scope="write")))).status == 403
        assert (await client.get("/read", headers=bearer(hs256()))).status == 403
    assert shared.scopes is None


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        ({}, None),
        ({"scope": "a b  c"}, {"a", "b", "c"}),
        ({"scp": ["a", "b"]}, {"a", "b"}),
        ({"scope": "a", "scp": ["b"]}, {"a"}),
        ({"scope": None, "scp": ["b"]}, {"b"}),
        ({"scope": None}, set()),
        ({"scope": 5}, set()),
        ({"scope": {"a": 1}}, set()),
        ({"scp": ["a", 1]}, set()),
        ({"scope": "a\u00a0b"}, {"a\u00a0b"}),
    ],
    ids=lambda value: repr(sorted(value)) if isinstance(value, set) else repr(value),
)
def test_the_scopes_of_claims(given, scopes):
    """What a token says grants no more than it says, and None alone is for the user's own."""
    assert Claims(given).scopes == scopes


@pytest.mark.parametrize(
    ("options", "count"), [({}, 0), ({"required": []}, 1), ({"required": [], "max_age": 60}, 0)], ids=repr
)
def test_tokens_that_are_good_for_ever_are_a_risk(options, count):
    assert len(list(jwt(**options).find_risks())) == count


# Keys and algorithms.


@pytest.mark.parametrize(
    ("key", "algorithm", "private"),
    [
        (public_pem(RSA), "RS256", RSA),
        (public_pem(RSA).decode(), "RS256", RSA),
        (private_pem(RSA), "RS256", RSA),
        (published(RSA, kid="r1"), "RS256", RSA),
        (public_pem(EC), "ES256", EC),
        ({"keys": [published(EC, kid="e1"), published(RSA)]}, "ES256", EC),
        (public_pem(OKP), "EdDSA", OKP),
        (public_pem(OKP), "Ed25519", OKP),
        (SECRET.encode(), "HS256", SECRET),
        ([SECRET[::-1], SECRET], "HS256", SECRET),
    ],
    ids=["PEM", "text", "a private key", "a JWK", "EC", "a set", "EdDSA", "Ed25519", "bytes", "rotated secrets"],
)
async def test_keys_of_all_types_verify_what_they_signed(key, algorithm, private):
    algorithms = [algorithm, "RS256"] if isinstance(key, dict) and "keys" in key else [algorithm]
    scheme = jwt(key, algorithms)
    assert await verdict(scheme, signed({"alg": algorithm}, claims(), private)) == ""
    assert await verdict(scheme, signed({"alg": algorithm}, claims(), private)[:-8] + "AAAAAAAA") == "refused"


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS384"), (EC, "ES256"), (OKP, "EdDSA")])
async def test_private_keys_sign(key, algorithm):
    scheme = jwt(private_pem(key), [algorithm])
    assert await verdict(scheme, scheme.encode({"sub": "ada"})) == ""
    with pytest.raises(ValueError, match="no private key"):
        jwt(public_pem(key), [algorithm]).encode({"sub": "ada"})


async def test_the_name_of_a_key_picks_it():
    scheme = jwt([published(RSA, kid="a"), published(OTHER_RSA, kid="b")], ["RS256"])
    assert await verdict(scheme, signed({"alg": "RS256", "kid": "b"}, claims(), OTHER_RSA)) == ""
    assert await verdict(scheme, signed({"alg": "RS256", "kid": "a"}, claims(), OTHER_RSA)) == "refused"
    assert await verdict(scheme, signed({"alg": "RS256", "kid": "c"}, claims(), OTHER_RSA)) == "refused"
    assert await verdict(scheme, signed({"alg": "RS256"}, claims(), OTHER_RSA)) == ""


def problem_of(*arguments, **options):
    with pytest.raises(ConfigurationError) as raised:
        JWTAuth(*arguments, **options)
    return str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        pytest.param((SECRET,), {"algorithms": []}, "allows no algorithm", id="an empty allow-list"),
        pytest.param((SECRET,), {"algorithms": "HS256"}, "are a list, not a str", id="a text for a list"),
        pytest.param((SECRET,), {"algorithms": ["none"]}, "knows no algorithm 'none'", id="none"),
        pytest.param((SECRET,), {"algorithms": ["RS265"]}, "did you mean 'RS256'?", id="a near miss"),
        pytest.param((SECRET,), {"algorithms": ["HS256", "RS256"]}, "at once", id="secrets and public keys"),
        pytest.param((), {"algorithms": ["HS256"]}, "neither", id="no key"),
        pytest.param(("x",), {"algorithms": ["RS256"], "jwks": "https://a.example"}, "both", id="two sources"),
        pytest.param(([],), {"algorithms": ["RS256"]}, "has no key", id="an empty list of keys"),
        pytest.param(("short",), {"algorithms": ["HS256"]}, "has 5 bytes, and must have 32", id="a short secret"),
        pytest.param((SECRET,), {"algorithms": ["HS512"]}, "must have 64", id="too short for the hash"),
        pytest.param(("a" * 40,), {"algorithms": ["HS256"]}, "repeats itself", id="a secret that can be guessed"),
        pytest.param((SECRET,), {"algorithms": ["RS256"]}, "can't be read", id="a secret for RS256"),
        pytest.param((public_pem(EC),), {"algorithms": ["RS256"]}, "can't be read", id="a key of another type"),
        pytest.param((public_pem(EC),), {"algorithms": ["ES384"]}, "is not for ES384", id="another curve"),
        pytest.param(
            (published(RSA, use="enc"),), {"algorithms": ["RS256"]}, "is not for RS256", id="a key for encryption"
        ),
        pytest.param((published(RSA, alg="PS256"),), {"algorithms": ["RS256"]}, "is not for", id="a key for PS256"),
        pytest.param(({"kty": "RSA"},), {"algorithms": ["RS256"]}, "can't be read", id="half a key"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "issuer": ""}, "issuer", id="an empty issuer"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "audience": []}, "audience", id="no audience"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "required": "exp"}, "a list", id="required as text"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "leeway": 3600}, "0 to 300", id="an hour of leeway"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "leeway": None}, "0 to 300", id="no leeway"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "max_age": "60"}, "max_age", id="an age as text"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "max_age": float("nan")}, "max_age", id="an age of nan"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "types": []}, "no type", id="no types"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "types": None}, "a list", id="types of None"),
        pytest.param((SECRET,), {"algorithms": ["HS256"], "audience": 5}, "audience", id="an audience of a number"),
        pytest.param((SECRET,), {"algorithms": [["HS256"]]}, "knows no algorithm", id="a list in the list"),
        pytest.param(({"keys": None},), {"algorithms": ["RS256"]}, "can't be read", id="a set of nothing"),
        pytest.param((), {"algorithms": ["HS256"], "jwks": "https://a.example"}, "published is none", id="HS by URL"),
        pytest.param((), {"algorithms": ["RS256"], "jwks": "http://a.example"}, "https", id="plain http"),
        pytest.param((), {"algorithms": ["RS256"], "jwks": "file:///etc/passwd"}, "https", id="a file"),
        pytest.param((), {"algorithms": ["RS256"], "jwks": "https://[x"}, "https", id="no URL"),
        pytest.param((), {"algorithms": ["RS256"], "jwks": "https://a b"}, "https", id="a space"),
        pytest.param((), {"algorithms": ["RS256"], "jwks": "https://a\n.example"}, "https", id="a line break"),
        pytest.param((), {"algorithms": ["RS256"], "jwks": "https://a:b@c.example"}, "no password", id="a password"),
    ],
)
def test_what_startup_finds(arguments, options, said):
    text = problem_of(*arguments, **options)
    assert said in text
    assert SECRET not in text


def test_a_weak_key_is_refused():
    from cryptography.hazmat.primitives.asymmetric import rsa

    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is short is the point
    with pytest.warns(SecurityWarning):
        text = problem_of(public_pem(weak), algorithms=["RS256"])
    assert "has 1024 bits, and must have 2048" in text
    with pytest.warns(SecurityWarning):
        (found,) = import_published({"keys": [published(weak), published(RSA)]})
    assert found.key.raw_value.key_size == 2048


def test_keys_of_the_library_are_taken_and_other_objects_are_not():
    from joserfc.jwk import RSAKey

    assert JWTAuth(RSAKey.import_key(public_pem(RSA)), algorithms=["RS256"])
    assert "can't be read" in problem_of([7], algorithms=["RS256"])
    assert "can't be read" in problem_of([public_pem(EC), 7], algorithms=["RS256", "PS256"])
    assert JWTAuth([public_pem(EC), public_pem(RSA)], algorithms=["RS256", "ES256"])
    assert "can't be read" in problem_of({"kty": "oct", "k": encoded(public_pem(RSA))}, algorithms=["HS256"])


LINES = public_pem(RSA).decode().splitlines()[1:-1]


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("".join(LINES), id="on one line"),
        pytest.param("\n".join(LINES), id="on several"),
        pytest.param(b64decode("".join(LINES)), id="the bytes"),
        pytest.param("".join(public_pem(EC).decode().splitlines()[1:-1]), id="an elliptic curve"),
    ],
)
def test_a_public_key_without_the_lines_around_is_no_secret(secret):
    """As some issuers show theirs."""
    assert "can't be read" in problem_of(secret, algorithms=["HS256"])


def test_a_secret_that_only_begins_like_a_key_is_one():
    for secret in ("MIIB" + SECRET, b"0\x82" + SECRET.encode(), b"0" * 3 + SECRET.encode()):
        assert JWTAuth(secret, algorithms=["HS256"])


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(MissingExtra, match=r"JWTAuth needs an optional package: pip install 'nacre\[jwt\]'"):
        jwt()


async def test_a_key_that_can_only_sign_verifies_nothing():
    scheme = jwt(published(RSA, key_ops=["sign"]), ["RS256"])
    assert await verdict(scheme, signed({"alg": "RS256"}, claims(), RSA)) == "refused"


def test_nothing_secret_is_shown():
    scheme = jwt()
    assert SECRET not in repr(scheme) + str(vars(scheme))


# Claims.

DAY = 86_400

CLAIMS = {
    "expires in a second": ({"exp": NOW + 1}, {}, ""),
    "expires now": ({"exp": NOW}, {}, "the token has expired"),
    "has expired within the leeway": ({"exp": NOW - 5}, {"leeway": 10}, ""),
    "has expired by the leeway": ({"exp": NOW - 10}, {"leeway": 10}, "the token has expired"),
    "has no end": ({"exp": None}, {}, "the token lacks a claim that is required"),
    "has no end, and may": ({"exp": None}, {"required": []}, ""),
    "an end that is text": ({"exp": str(NOW + 60)}, {}, "refused"),
    "an end that is true": ({"exp": True}, {}, "refused"),
    "an end that is a list": ({"exp": [NOW]}, {}, "refused"),
    "an end that is huge": ({"exp": 10**400}, {}, "refused"),
    "an end that is no number": ({"exp": "1e999"}, {}, "refused"),
    "an end with a fraction": ({"exp": NOW + 0.5}, {}, ""),
    "begins later": ({"nbf": NOW + 1}, {}, "the token is not valid yet"),
    "begins now": ({"nbf": NOW}, {}, ""),
    "begins within the leeway": ({"nbf": NOW + 5}, {"leeway": 10}, ""),
    "begins at text": ({"nbf": "now"}, {}, "refused"),
    "issued later": ({"iat": NOW + 60}, {}, "the token is not valid yet"),
    "issued before": ({"iat": NOW - DAY}, {}, ""),
    "issued too long ago": ({"iat": NOW - DAY}, {"max_age": 3600}, "the token is too old"),
    "issued at no time": ({}, {"max_age": 3600}, "the token is too old"),
    "issued lately": ({"iat": NOW - 60}, {"max_age": 3600}, ""),
    "the issuer": ({"iss": "abcb"}, {"issuer": "abcb"}, ""),
    "a part of the issuer": ({"iss": "acb"}, {"issuer": "abcb"}, "the token is from another issuer"),
    "an empty issuer": ({"iss": ""}, {"issuer": "abcb"}, "the token is from another issuer"),
    "no issuer": ({}, {"issuer": "abcb"}, "the token is from another issuer"),
    "one of the issuers": ({"iss": "b"}, {"issuer": ["a", "b"]}, ""),
    "a list of issuers": ({"iss": ["abcb"]}, {"issuer": "abcb"}, "the token is from another issuer"),
    "any issuer where none is configured": ({"iss": "x"}, {}, ""),
    "the audience": ({"aud": "shop"}, {"audience": "shop"}, ""),
    "among the audiences": ({"aud": ["mail", "shop"]}, {"audience": "shop"}, ""),
    "one of ours": ({"aud": "b"}, {"audience": ["a", "b"]}, ""),
    "a part of the audience": ({"aud": "sho"}, {"audience": "shop"}, "the token is for another audience"),
    "more than the audience": ({"aud": "shop2"}, {"audience": "shop"}, "the token is for another audience"),
    "a list of letters": ({"aud": list("shop")}, {"audience": "shop"}, "the token is for another audience"),
    "no audience": ({}, {"audience": "shop"}, "the token is for another audience"),
    "an audience, and we are none": ({"aud": "shop"}, {}, "the token is for another audience"),
    "an empty list of audiences": ({"aud": []}, {}, "the token is for another audience"),
    "an audience that is an object": ({"aud": {"shop": 1}}, {"audience": "shop"}, "the token is for another audience"),
    "a required claim": ({"jti": "1"}, {"required": ["exp", "jti"]}, ""),
    "a required claim that lacks": ({}, {"required": ["exp", "jti"]}, "the token lacks a claim that is required"),
    "a subject that is a number": ({"sub": 7}, {}, "refused"),
}


@pytest.mark.parametrize(("given", "options", "said"), CLAIMS.values(), ids=CLAIMS)
async def test_claims(given, options, said):
    assert await verdict(jwt(**options), hs256(**given)) == said


HEADERS = {
    "typ JWT": ({"typ": "JWT"}, {}, ""),
    "typ in lower case": ({"typ": "jwt"}, {}, ""),
    "typ at+jwt": ({"typ": "at+jwt"}, {}, ""),
    "typ with application": ({"typ": "application/at+jwt"}, {}, ""),
    "another typ": ({"typ": "logout+jwt"}, {}, "refused"),
    "typ null": ({"typ": None}, {}, "refused"),
    "no typ": ({}, {"types": ["jwt"]}, ""),
    "no typ, and access tokens are wanted": ({}, {"types": ["at+jwt"]}, "refused"),
    "typ of a number": ({"typ": 1}, {}, "refused"),
    "the typ that is wanted": ({"typ": "at+jwt"}, {"types": ["at+jwt"]}, ""),
    "a typ that isn't wanted": ({"typ": "JWT"}, {"types": ["at+jwt"]}, "refused"),
    "kid of a number": ({"kid": 1}, {}, "refused"),
    "kid of half a letter": ({"kid": "\ud800"}, {}, ""),
    "a field nobody knows": ({"colour": "white"}, {}, ""),
    "b64": ({"b64": False}, {}, "refused"),
    "b64, critical": ({"b64": False, "crit": ["b64"]}, {}, "refused"),
    "an empty crit": ({"crit": []}, {}, "refused"),
    "zip": ({"zip": "DEF"}, {}, "refused"),
    "alg in lower case": ({"alg": "hs256"}, {}, "refused"),
    "alg of a list": ({"alg": ["HS256"]}, {}, "refused"),
    "alg of null": ({"alg": None}, {}, "refused"),
}


@pytest.mark.parametrize(("header", "options", "said"), HEADERS.values(), ids=HEADERS)
async def test_headers(header, options, said):
    assert await verdict(jwt(**options), hs256(header)) == said


GOOD = hs256()
HEAD, BODY, END = GOOD.split(".")

LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
SAME_BITS = LETTERS[LETTERS.index(END[-1]) + 1]  # the last letter of 32 bytes has two bits that don't count

SHAPES = {
    "another text of the same signature": GOOD[:-1] + SAME_BITS,
    "a letter too many": f"{GOOD}AA",
    "nothing": "",
    "dots": "..",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD}.{END}",
    "five parts": f"{GOOD}.{END}.{END}",
    "no signature": f"{HEAD}.{BODY}.",
    "no payload": f"{HEAD}..{END}",
    "padding": f"{HEAD}.{BODY}.{END}=",
    "a space": f" {GOOD}",
    "a line break": f"{GOOD}\n",
    "another alphabet": GOOD.replace("-", "+").replace("_", "/") + "+",
    "a header that is no object": signed(b"[1]", claims()),
    "a header that is no JSON": signed(b"{", claims()),
    "a header with a key twice": signed(b'{"alg":"none","alg":"HS256"}', claims()),
    "a header without alg": signed({"typ": "JWT"}, claims()),
    "a header that nests deeply": signed(b'{"alg":"HS256","a":' + b"[" * 3000 + b"]" * 3000 + b"}", claims()),
    "a payload that is no object": signed({"alg": "HS256"}, b'"ada"'),
    "a payload with a key twice": signed({"alg": "HS256"}, b'{"sub":"ada","sub":"ben","exp":1900000000}'),
    "a payload with NaN": signed({"alg": "HS256"}, b'{"exp":NaN}'),
    "a payload with Infinity": signed({"alg": "HS256"}, b'{"exp":Infinity}'),
    "a payload with a number beyond all": signed({"alg": "HS256"}, b'{"exp":1e999}'),
    "a payload with a long number": signed({"alg": "HS256"}, b'{"exp":' + b"9" * 5000 + b"}"),
    "a payload that is no UTF-8": signed({"alg": "HS256"}, b'{"sub":"\xff","exp":1900000000}'),
    "an empty payload": signed({"alg": "HS256"}, b""),
}


@pytest.mark.parametrize("token", SHAPES.values(), ids=SHAPES)
async def test_what_is_no_token(token):
    assert await verdict(jwt(), token) == "refused"


@pytest.mark.parametrize(("length", "said"), [(8192, ""), (8193, "refused")])
async def test_the_limit_on_the_length_of_a_token(length, said):
    # A name in the payload may take any number of letters, and three bytes are four letters of base64.
    fillers = (hs256({"a": "x" * few}, filler="y" * many) for few in range(4) for many in range(5990, 6100))
    token = next(token for token in fillers if len(token) == length)
    assert await verdict(jwt(), token) == said


async def test_every_bit_of_a_signature_counts():
    scheme = jwt()
    for at in range(len(GOOD)):
        for other in "Aw_":
            if GOOD[at] not in (other, "."):
                assert await verdict(scheme, GOOD[:at] + other + GOOD[at + 1 :]) != "", at


# Key sets.


class Issuer:
    """Publishes keys; counts who asks."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.asked = 0
        self.fails = False

    def __call__(self, url):
        self.asked += 1
        if self.fails:
            raise OSError("no route")
        return json.dumps({"keys": self.keys}).encode()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def of(private, kid):
    return signed({"alg": "RS256", "kid": kid}, claims(), private)


def with_issuer(issuer, time=None, **options):
    return jwt(
        algorithms=["RS256"], jwks=JWKS("https://id.example/jwks", fetch=issuer, clock=time or Clock(), **options)
    )


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_published_keys_are_fetched_once_and_verify(client_for, kind):
    issuer = Issuer(published(RSA, kid="a"), {"kty": "oct", "k": "c2VjcmV0", "kid": "o"}, {"kty": "PQC"}, "x")

    async def later(url):
        return issuer(url)

    async with client_for(application(with_issuer(issuer if kind == "plain" else later))) as client:
        for _ in range(3):
            assert (await client.get("/", headers=bearer(of(RSA, "a")))).text == "ada"
        assert (await client.get("/", headers=bearer(of(OTHER_RSA, "a")))).status == 401
    assert issuer.asked == 1


async def test_a_new_key_is_fetched_when_a_token_names_it():
    issuer, time = Issuer(published(RSA, kid="a")), Clock()
    scheme = with_issuer(issuer, time)
    assert await verdict(scheme, of(RSA, "a")) == ""
    issuer.keys = [published(OTHER_RSA, kid="b"), published(RSA, kid="a")]
    assert await verdict(scheme, of(OTHER_RSA, "b")) == "refused"  # within the cooldown
    time.now += 60
    assert await verdict(scheme, of(OTHER_RSA, "b")) == ""
    assert await verdict(scheme, of(RSA, "a")) == ""
    assert issuer.asked == 2


async def test_a_key_that_is_withdrawn_is_gone_after_the_lifetime():
    issuer, time = Issuer(published(RSA, kid="a")), Clock()
    scheme = with_issuer(issuer, time, lifetime=600)
    assert await verdict(scheme, of(RSA, "a")) == ""
    issuer.keys = [published(OTHER_RSA, kid="b")]
    time.now += 600
    assert await verdict(scheme, of(RSA, "a")) == ""  # answered at once, by what was known
    for thread in threading.enumerate():
        if thread.name == "nacre-jwks":
            thread.join()
    assert await verdict(scheme, of(RSA, "a")) == "refused"
    assert await verdict(scheme, of(OTHER_RSA, "b")) == ""


@pytest.mark.parametrize("kid", [None, "a"], ids=["no name", "the same name"])
async def test_a_new_key_is_fetched_though_no_name_tells_of_it(kid):
    named = {} if kid is None else {"kid": kid}
    issuer, time = Issuer(published(RSA, **named)), Clock()
    scheme = with_issuer(issuer, time)
    assert await verdict(scheme, of(RSA, kid)) == ""
    issuer.keys = [published(OTHER_RSA, **named)]
    for _ in range(3):
        assert await verdict(scheme, of(OTHER_RSA, kid)) == "refused"  # within the cooldown
    assert issuer.asked == 1
    time.now += 60
    assert await verdict(scheme, of(OTHER_RSA, kid)) == ""
    assert await verdict(scheme, of(RSA, kid)) == "refused"
    assert issuer.asked == 2


async def test_a_key_that_was_withdrawn_isnt_taken_after_a_quiet_night(caplog):
    caplog.set_level(logging.CRITICAL, "nacre.auth")
    issuer, time = Issuer(published(RSA, kid="a")), Clock()
    scheme = with_issuer(issuer, time, lifetime=600)
    assert await verdict(scheme, of(RSA, "a")) == ""
    issuer.fails = True
    time.now += 36_000
    assert await verdict(scheme, of(RSA, "a")) == ""  # an issuer that is down stops nobody
    assert issuer.asked == 2
    issuer.fails, issuer.keys = False, [published(OTHER_RSA, kid="b")]
    time.now += 36_000
    assert await verdict(scheme, of(RSA, "a")) == "refused"


def test_a_fetch_without_a_thread_is_over(monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.auth")
    issuer, time = Issuer(published(RSA, kid="a")), Clock()
    scheme = with_issuer(issuer, time)

    def fail(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(ServiceUnavailable):
            run_at_once(scheme.decode(of(RSA, "a")))
    time.now += 60
    assert run_at_once(verdict(scheme, of(RSA, "a"))) == ""


def test_an_async_fetch_without_a_loop_is_over(caplog):
    caplog.set_level(logging.CRITICAL, "nacre.auth")
    issuer, time = Issuer(published(RSA, kid="a")), Clock()

    async def fetch(url):
        return issuer(url)

    scheme = with_issuer(fetch, time)
    with pytest.raises(ServiceUnavailable):
        run_at_once(scheme.decode(of(RSA, "a")))
    time.now += 60
    assert asyncio.run(verdict(scheme, of(RSA, "a"))) == ""


@pytest.mark.parametrize("options", [{"lifetime": 0}, {"timeout": None}, {"cooldown": -1}, {"lifetime": "60"}])
def test_a_key_set_whose_times_mean_nothing_is_refused(options):
    with pytest.raises(ConfigurationError, match="it is in seconds"):
        JWKS("https://id.example/jwks", **options)


async def test_known_keys_stay_when_the_issuer_fails(caplog):
    issuer, time = Issuer(published(RSA, kid="a")), Clock()
    scheme = with_issuer(issuer, time)
    assert await verdict(scheme, of(RSA, "a")) == ""
    issuer.fails = True
    time.now += 100
    assert await verdict(scheme, of(OTHER_RSA, "b")) == "refused"
    assert await verdict(scheme, of(RSA, "a")) == ""
    assert issuer.asked == 2
    assert [record.getMessage() for record in caplog.records] == [
        "the key set at https://id.example/jwks can't be had (OSError); the keys that there were stay"
    ]


async def test_a_hundred_keys_of_a_set_are_looked_at():
    listed = [published(RSA, kid=f"k{number}") for number in range(101)]
    scheme = with_issuer(Issuer(*listed))
    assert await verdict(scheme, of(RSA, "k99")) == ""
    assert await verdict(scheme, of(RSA, "k100")) == "refused"


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys":[]}', b'{"keys":{}}', b'{"keys":[],"keys":[]}'])
async def test_a_set_without_keys_changes_nothing(document, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.auth")
    answers, time = [json.dumps({"keys": [published(RSA, kid="a")]}).encode(), document], Clock()
    scheme = with_issuer(lambda url: answers.pop(0), time)
    assert await verdict(scheme, of(RSA, "a")) == ""
    time.now += 60
    assert await verdict(scheme, of(OTHER_RSA, "b")) == "refused"
    assert await verdict(scheme, of(RSA, "a")) == ""


async def test_without_any_key_the_answer_is_503_and_the_issuer_is_asked_again_soon(client_for, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.auth")
    issuer, time = Issuer(published(RSA, kid="a")), Clock()
    issuer.fails = True
    async with client_for(application(with_issuer(issuer, time))) as client:
        for _ in range(3):
            answer = await client.get("/", headers=bearer(of(RSA, "a")))
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert issuer.asked == 1
        issuer.fails = False
        time.now += 5
        assert (await client.get("/", headers=bearer(of(RSA, "a")))).status == 200


async def test_all_who_wait_share_one_fetch():
    asked, go_on = [], asyncio.Event()

    async def fetch(url):
        asked.append(url)
        await go_on.wait()
        return json.dumps({"keys": [published(RSA, kid="a")]}).encode()

    scheme = with_issuer(fetch)
    waiting = [asyncio.create_task(verdict(scheme, of(RSA, "a"))) for _ in range(10)]
    await asyncio.sleep(0)
    waiting.pop(0).cancel()
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(*waiting) == [""] * 9
    assert len(asked) == 1


async def test_one_key_set_serves_several_schemes():
    issuer = Issuer(published(RSA, kid="a"), published(EC, kid="e"))
    keys = JWKS("https://id.example/jwks?token=1", fetch=issuer, clock=Clock())
    assert await verdict(jwt(algorithms=["RS256"], jwks=keys), of(RSA, "a")) == ""
    assert await verdict(jwt(algorithms=["ES256"], jwks=keys), signed({"alg": "ES256", "kid": "e"}, claims(), EC)) == ""
    assert await verdict(jwt(algorithms=["ES256"], jwks=keys), of(RSA, "a")) == "refused"
    assert issuer.asked == 1
    assert "token" not in repr(keys)


async def test_an_async_fetch_that_hangs_is_ended(caplog):
    caplog.set_level(logging.CRITICAL, "nacre.auth")

    async def fetch(url):
        await asyncio.Event().wait()

    scheme = with_issuer(fetch, timeout=0.01)
    with pytest.raises(ServiceUnavailable):
        await scheme.decode(of(RSA, "a"))
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})


async def test_an_issuer_that_hangs_is_waited_for_only_so_long():
    release = threading.Event()

    def fetch(url):
        release.wait(30)
        return b"{}"

    scheme = with_issuer(fetch, timeout=0.05)
    try:
        with pytest.raises(ServiceUnavailable):
            await scheme.decode(of(RSA, "a"))
    finally:
        release.set()


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        document = json.dumps({"keys": [published(RSA, kid="a")]}).encode()
        status, body = {"/jwks": (200, document), "/large": (200, b" " * 300_000), "/moved": (302, b"")}[self.path]
        self.send_response(status)
        self.send_header("location", "/jwks")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def site():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("path", "status"), [("/jwks", 200), ("/large", 503), ("/moved", 503)])
async def test_a_key_set_is_downloaded_with_limits(client_for, site, path, status, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.auth")
    scheme = jwt(algorithms=["RS256"], jwks=site + path)
    async with client_for(application(scheme)) as client:
        assert (await client.get("/", headers=bearer(of(RSA, "a")))).status == status
