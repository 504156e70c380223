"""Whatever a client sends as credentials: an answer of 200, 400 or 401, and never somebody's page."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth.jwt_tokens import NOW, SECRET, as_json, encoded, signed
from nacre.auth import APIKey, BasicAuth, BearerAuth, InvalidCredentials, JWTAuth
from nacre.auth.strict_json import strict_object
from nacre.errors import BadRequest
from nacre.headers import Headers
from nacre.threads import run_at_once
from nacre.urls import QueryParams

JWT = JWTAuth(SECRET, algorithms=["HS256"], clock=lambda: NOW)
SCHEMES = [
    BasicAuth({"ada": "pearl"}),
    BearerAuth({"t-1": "ada"}),
    APIKey({"k-1": "ada"}, header="X-Key", query="key"),
    APIKey({"k-1": "ada"}, cookie="key"),
    JWT,
]


class Asked:
    """A request, as far as schemes look at it."""

    def __init__(self, headers, query="", cookies=None):
        self.headers, self.query, self.cookies = Headers(headers), QueryParams(query), cookies or {}


LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
BASE64 = st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode())
VALUES = st.builds(
    lambda scheme, space, rest: f"{scheme}{space}{rest}",
    st.sampled_from(["Basic", "Bearer", "basic", "BEARER", "Digest", ""]),
    st.sampled_from([" ", "  ", "", "\t"]),
    LATIN | BASE64,
)


def outcome(scheme, request):
    try:
        credentials = scheme.credentials(request)
        return None if credentials is None else run_at_once(scheme.verify(request, credentials))
    except (BadRequest, InvalidCredentials):
        return None


@settings(max_examples=300, deadline=None)
@given(st.lists(VALUES, max_size=2), LATIN, LATIN)
def test_no_text_is_an_error_or_a_user(values, key, cookie):
    request = Asked([*(("authorization", value) for value in values), ("x-key", key)], "key=" + key, {"key": cookie})
    for scheme in SCHEMES:
        assert outcome(scheme, request) is None


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_what_a_client_encodes_is_what_is_read(name, password):
    request = Asked([("authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode())])
    has_controls = any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in name + password)
    scheme = SCHEMES[0]
    if has_controls:
        with pytest.raises(BadRequest):
            scheme.credentials(request)
    else:
        first, _, rest = f"{name}:{password}".partition(":")
        assert scheme.credentials(request) == (first, rest)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "exp", "nbf", "iat", "iss", "aud", "sub", "scope", "roles"]),
    JSON | st.sampled_from(["HS256", "none", NOW, NOW + 60]),
    max_size=6,
)


@settings(max_examples=500, deadline=None)
@given(FIELDS, FIELDS)
def test_tokens_of_any_content_are_taken_or_refused(header, claims):
    """Signed rightly, so that all that follows the signature is reached."""
    token = signed({"alg": "HS256"} | header, claims)
    try:
        found = run_at_once(JWT.decode(token))
    except InvalidCredentials:
        return
    assert header.get("alg", "HS256") == "HS256"
    assert found["exp"] > NOW
    for words in (found.scopes, found.roles):
        assert words is None or all(isinstance(word, str) for word in words)


@settings(max_examples=300, deadline=None)
@given(FIELDS, FIELDS, st.binary(max_size=40))
def test_tokens_with_another_signature_are_refused(header, claims, end):
    token = f"{encoded(as_json(header))}.{encoded(as_json(claims))}.{encoded(end)}"
    with pytest.raises(InvalidCredentials):
        run_at_once(JWT.decode(token))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_strict_json_reads_what_json_writes(value):
    assert strict_object(json.dumps(value)) == value
