"""What JWTAuth says at startup, word for word, what it puts into a token, and its limits to the second."""

import json
import threading
from base64 import urlsafe_b64decode

import pytest

from auth.jwt_tokens import EC, NOW, RSA, SECRET, claims, encoded, hs256, private_pem, public_pem, published, signed
from nacre import Nacre
from nacre.auth import Authentication, Claims, InvalidCredentials, JWTAuth, authenticated
from nacre.auth.jwt_keys import import_published
from nacre.errors import ConfigurationError
from nacre.testing import TestClient


def jwt(keys=SECRET, algorithms=("HS256",), **options):
    return JWTAuth(keys, algorithms=list(algorithms), clock=lambda: NOW, **options)


async def verdict(scheme, token):
    """Whether a token is valid: "" or what is said of it."""
    try:
        await scheme.decode(token)
    except InvalidCredentials as error:
        return error.description or "refused"
    return ""


# What is wrong with a configuration, and what to change.

NAME = 'name those that your issuer signs with: algorithms=["RS256"]'
KNOWN = "there are HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519"
LENGTH = '`python -c "import secrets; print(secrets.token_urlsafe({}))"` makes one'
FROM_OUTSIDE = (
    'take it from the environment, and make one with `python -c "import secrets; print(secrets.token_urlsafe(32))"`; '
    "it must be the same for all processes"
)
KIND = "HS… take a secret that is text, the others a key in PEM or a JSON Web Key of their type"
USE = "each algorithm has keys of one type (RFC 7518 §3.1), and a key may say what it is for"

PROBLEMS = {
    "no algorithm": (lambda: jwt(SECRET, []), ("JWTAuth allows no algorithm, so no token could be valid", NAME)),
    "a text for a list": (
        lambda: JWTAuth(SECRET, algorithms="HS256"),
        ("the algorithms of JWTAuth are a list, not a str", NAME),
    ),
    "bytes for a list": (
        lambda: JWTAuth(SECRET, algorithms=b"HS256"),
        ("the algorithms of JWTAuth are a list, not a bytes", NAME),
    ),
    "none": (lambda: jwt(SECRET, ["none"]), ("JWTAuth knows no algorithm 'none'", KNOWN)),
    "near misses": (
        lambda: jwt(SECRET, ["RS265", "none"]),
        ("JWTAuth knows no algorithm 'RS265'", "did you mean 'RS256'?"),
        ("JWTAuth knows no algorithm 'none'", KNOWN),
    ),
    "secrets and public keys": (
        lambda: jwt(SECRET, ["HS256", "RS256"]),
        (
            "JWTAuth allows algorithms with a shared secret and with public keys at once",
            "give Authentication a JWTAuth for each of them",
        ),
    ),
    "neither keys nor a URL": (
        lambda: jwt(None),
        (
            "JWTAuth has both keys and a key set to fetch, or neither",
            "give it one of the two: JWTAuth(secret, …) or JWTAuth(jwks='https://…', …)",
        ),
    ),
    "secrets by a URL": (
        lambda: jwt(None, jwks="https://id.example/jwks"),
        (
            "JWTAuth fetches keys and allows algorithms with a shared secret",
            "a secret that is published is none: take them off",
        ),
    ),
    "an empty list of keys": (
        lambda: jwt([]),
        ("JWTAuth has no key", "give it the secret, the issuer's public key in PEM, or a JSON Web Key"),
    ),
    "an empty secret": (
        lambda: jwt(""),
        ("the key of JWTAuth has 0 bytes, and must have 32 or more", LENGTH.format(32)),
    ),
    "too short for one of the algorithms": (
        lambda: jwt(SECRET + SECRET[:29], ["HS256", "HS512"]),
        ("the key of JWTAuth has 63 bytes, and must have 64 or more", LENGTH.format(64)),
    ),
    "a short secret in a JSON Web Key": (
        lambda: jwt({"kty": "oct", "k": encoded(SECRET[:20].encode())}),
        ("the key of JWTAuth has 20 bytes, and must have 32 or more", LENGTH.format(32)),
    ),
    "a secret that can be guessed": (
        lambda: jwt("a" * 40),
        ("the key of JWTAuth repeats itself, so it can be guessed", FROM_OUTSIDE),
    ),
    "one in a JSON Web Key": (
        lambda: jwt({"kty": "oct", "k": encoded(b"a" * 40)}),
        ("the key of JWTAuth repeats itself, so it can be guessed", FROM_OUTSIDE),
    ),
    "a secret for public keys": (
        lambda: jwt(SECRET, ["RS256", "PS256"]),
        ("the key of JWTAuth can't be read as one for RS256, PS256", KIND),
    ),
    "several keys of which two are none": (
        lambda: jwt([7, public_pem(RSA), "x"], ["RS256"]),
        ("key 1 of JWTAuth can't be read as one for RS256", KIND),
        ("key 3 of JWTAuth can't be read as one for RS256", KIND),
    ),
    "a key on another curve": (
        lambda: jwt(public_pem(EC), ["ES384", "ES512"]),
        ("the key of JWTAuth is not for ES384, ES512", USE),
    ),
    "a key for encryption": (
        lambda: jwt(published(RSA, use="enc"), ["RS256"]),
        ("the key of JWTAuth is not for RS256", USE),
    ),
    "options that are no texts and no times": (
        lambda: jwt(issuer=["a", ""], audience=5, required="exp", types=[1], leeway=300.5, max_age=0),
        ("the issuer of JWTAuth is empty, or no text", "name one or several, or leave issuer out"),
        ("the audience of JWTAuth is empty, or no text", "name one or several, or leave audience out"),
        ("`required` of JWTAuth is a list of texts", "write required=[…]"),
        ("`types` of JWTAuth is a list of texts", "write types=[…]"),
        ("the leeway of JWTAuth is 0 to 300 seconds", "clocks differ by seconds"),
        (
            "the max_age of JWTAuth is no positive number of seconds",
            "leave it out for tokens that are good until `exp`",
        ),
    ),
    "no types": (
        lambda: jwt(types=[]),
        (
            "JWTAuth allows no type, so no token could be valid",
            "a token without `typ` is a JWT; leave `types` out for those and access tokens",
        ),
    ),
}


def said_by(configure):
    """The problems of a configuration, each of which names a place in this file."""
    with pytest.raises(ConfigurationError) as raised:
        configure()
    assert {problem.where.file for problem in raised.value.problems} == {__file__}
    return [(problem.what, problem.fix) for problem in raised.value.problems]


@pytest.mark.parametrize("entry", PROBLEMS.values(), ids=PROBLEMS)
def test_a_configuration_is_refused_with_all_that_is_wrong_and_what_to_change(entry):
    configure, *said = entry
    assert said_by(configure) == said


def test_a_weak_key_is_refused_with_what_to_do():
    from cryptography.hazmat.primitives.asymmetric import rsa

    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is short is the point
    with pytest.warns(UserWarning, match="2048"):
        said = said_by(lambda: jwt(public_pem(weak), ["RS256"]))
    assert said == [("the key of JWTAuth has 1024 bits, and must have 2048 or more", "make a longer one")]


def test_tokens_that_are_good_for_ever_are_a_risk_that_says_what_to_change():
    (risk,) = jwt(required=[]).find_risks()
    assert risk.what == "JWTAuth takes tokens without `exp`, and one that is stolen is good for ever"
    assert risk.fix == "leave `exp` in `required`, or set `max_age` in seconds"
    assert risk.severity == "medium"
    assert risk.where.file == __file__


@pytest.mark.parametrize(
    "text",
    [
        "the public key: -----BEGIN PUBLIC KEY-----",
        "---- BEGIN SSH2 PUBLIC KEY ---- AAAAB3NzaC1yc2E",
        "root: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB5",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY",
        '{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nnd","e":"AQAB"}',
    ],
)
def test_the_text_of_a_public_key_is_no_secret(text):
    assert said_by(lambda: jwt(text)) == [("the key of JWTAuth can't be read as one for HS256", KIND)]


def test_a_key_that_is_for_signatures_is_taken():
    assert jwt(published(RSA, use="sig"), ["RS256"])


@pytest.mark.parametrize("keys", [None, "abc", 5, {"kty": "oct"}, ["abc", None, 5]], ids=repr)
def test_a_key_set_that_lists_no_keys_has_none(keys):
    assert import_published({"keys": keys}) == []


@pytest.mark.parametrize("options", [{"leeway": 0}, {"leeway": 300}, {"max_age": 0.5}], ids=repr)
def test_the_longest_leeway_and_the_shortest_age_are_taken(options):
    assert jwt(**options)


@pytest.mark.parametrize(
    "options", [{"leeway": -1}, {"leeway": 301}, {"max_age": -1}, {"max_age": float("inf")}], ids=repr
)
def test_times_beyond_the_limits_are_refused(options):
    assert len(said_by(lambda: jwt(**options))) == 1


def test_a_scheme_shows_its_algorithms_and_its_names():
    assert repr(jwt()) == "JWTAuth(algorithms=['HS256'], name='bearer', realm='api')"
    assert repr(jwt(name="jwt", realm="shop")) == "JWTAuth(algorithms=['HS256'], name='jwt', realm='shop')"


# What a token holds.


def parts_of(token):
    """The bytes of the header and of the payload."""
    return [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")[:2]]


@pytest.mark.parametrize(
    ("scheme", "options", "header"),
    [
        pytest.param(jwt(), {}, {"alg": "HS256", "typ": "JWT"}, id="a secret"),
        pytest.param(jwt(), {"type": "at+jwt"}, {"alg": "HS256", "typ": "at+jwt"}, id="an access token"),
        pytest.param(jwt(private_pem(EC), ["ES256"]), {}, {"alg": "ES256", "typ": "JWT"}, id="a private key"),
        pytest.param(
            jwt({"kty": "oct", "k": encoded(SECRET.encode()), "kid": "a"}),
            {},
            {"alg": "HS256", "typ": "JWT", "kid": "a"},
            id="a key with a name",
        ),
    ],
)
def test_the_header_of_a_token_names_the_algorithm_the_type_and_the_key(scheme, options, header):
    assert json.loads(parts_of(scheme.encode({}, **options))[0]) == header


def test_a_token_is_good_for_a_quarter_of_an_hour_and_is_written_without_spaces():
    header, payload = parts_of(jwt().encode({"sub": "ada"}))
    assert json.loads(payload) == {"sub": "ada", "iat": NOW, "exp": NOW + 900}
    assert b" " not in header + payload


def test_numbers_that_json_has_not_are_not_signed():
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            jwt().encode({"level": number})


def test_without_a_key_that_signs_there_are_no_tokens():
    with pytest.raises(ValueError, match=r"^JWTAuth has no secret and no private key to sign tokens with$"):
        jwt(public_pem(RSA), ["RS256"]).encode({})


async def test_a_token_is_valid_whatever_letter_it_ends_in():
    scheme = jwt(SECRET + SECRET[::-1], ["HS384"])
    tokens = [scheme.encode({"jti": number}) for number in range(600)]
    assert len({token[-1] for token in tokens}) == 64
    assert [token for token in tokens if await verdict(scheme, token)] == []


# When a token holds.

EARLY, OLD = "the token is not valid yet", "the token is too old"


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ({"nbf": NOW + 10}, {"leeway": 10}, ""),
        ({"nbf": NOW + 11}, {"leeway": 10}, EARLY),
        ({"iat": NOW}, {}, ""),
        ({"iat": NOW + 1}, {}, EARLY),
        ({"iat": NOW + 10}, {"leeway": 10}, ""),
        ({"iat": NOW + 11}, {"leeway": 10}, EARLY),
        ({"iat": NOW - 59}, {"max_age": 60}, ""),
        ({"iat": NOW - 60}, {"max_age": 60}, OLD),
        ({"iat": NOW - 69}, {"max_age": 60, "leeway": 10}, ""),
        ({"iat": NOW - 70}, {"max_age": 60, "leeway": 10}, OLD),
    ],
    ids=repr,
)
async def test_times_hold_to_the_second(given, options, said):
    assert await verdict(jwt(**options), hs256(**given)) == said


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
async def test_a_time_that_is_null_is_refused(name):
    assert await verdict(jwt(required=[]), signed({"alg": "HS256"}, {**claims(), name: None})) == "refused"


async def test_a_token_that_says_it_is_encrypted_is_refused():
    assert await verdict(jwt(), hs256({"enc": "A256GCM"})) == "refused"


def test_a_claim_that_lacks_is_what_is_asked_for_instead():
    assert Claims({"a": 1}).get("a", 5) == 1
    assert Claims({"a": 1}).get("b", 5) == 5


@pytest.mark.parametrize(
    ("options", "is_on_loop"), [({}, False), ({"inline": False}, False), ({"inline": True}, True)], ids=repr
)
async def test_to_user_runs_in_a_worker_thread_unless_it_never_blocks(options, is_on_loop):
    threads = []

    def to_user(found):
        threads.append(threading.current_thread())
        return found

    app = Nacre(middlewares=[Authentication(jwt(to_user=to_user, **options))])

    @app.get("/")
    @authenticated
    async def name(request):
        threads.append(threading.current_thread())
        return request.user.subject

    async with TestClient(app) as client:
        assert (await client.get("/", headers={"authorization": f"Bearer {hs256()}"})).text == "ada"
    assert (threads[0] is threads[1]) is is_on_loop
