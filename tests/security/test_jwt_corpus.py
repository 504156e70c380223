"""Entries of class jwt of the security corpus, and those of class decompression_bomb that are about tokens."""

from __future__ import annotations

import hmac
import itertools
import json
import time
import zlib
from base64 import urlsafe_b64encode

import pytest
from auth.jwt_tokens import (
    EC,
    NOW,
    OKP,
    OTHER_RSA,
    RSA,
    SECRET,
    as_json,
    claims,
    encoded,
    hs256,
    openssh,
    public_pem,
    published,
    signed,
)

from nacre import Nacre
from nacre.auth import JWKS, Authentication, InvalidCredentials, JWTAuth, authenticated
from nacre.errors import ConfigurationError


def jwt(keys=SECRET, algorithms=("HS256",), **options):
    return JWTAuth(None if "jwks" in options else keys, algorithms=list(algorithms), clock=lambda: NOW, **options)


async def is_valid(scheme, token):
    try:
        await scheme.decode(token)
    except InvalidCredentials:
        return False
    return True


def unsigned(header, end=""):
    return f"{encoded(as_json(header))}.{encoded(as_json(claims()))}.{end}"


async def test_a_good_token_is_valid():
    """Else all that follows would prove nothing."""
    assert await is_valid(jwt(), hs256())
    assert await is_valid(jwt(public_pem(RSA), ["RS256"]), signed({"alg": "RS256"}, claims(), RSA))


# A public key as a secret.

PUBLIC = {"PEM": public_pem(RSA), "PEM of EC": public_pem(EC), "OpenSSH": openssh(OKP), "OpenSSH of RSA": openssh(RSA)}


@pytest.mark.parametrize("key", PUBLIC.values(), ids=PUBLIC)
async def test_a_token_that_is_signed_with_the_public_key_as_its_secret_is_refused(key):
    """CVE-2017-11424, CVE-2022-29217, CVE-2024-37568: the algorithms are listed, and each is for keys of its type."""
    for secret in (key, key.strip(), key + b"\n", key.replace(b"\n", b"")):
        token = signed({"alg": "HS256"}, claims(), secret)
        assert not await is_valid(jwt(public_pem(RSA), ["RS256"]), token)
        assert not await is_valid(jwt([public_pem(RSA), published(RSA)], ["RS256", "PS256"]), token)


@pytest.mark.parametrize("key", PUBLIC.values(), ids=PUBLIC)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_refused_as_a_secret_at_startup(key, algorithm):
    """CVE-2022-29217: an OpenSSH key isn't a secret either, nor is one with something in front."""
    for text in (key, key.decode(), b"\n" + key, b"comment\n" + key):
        with pytest.raises(ConfigurationError):
            JWTAuth(text, algorithms=[algorithm])


@pytest.mark.parametrize("missing", [{}, {"algorithms": []}, {"algorithms": None}])
def test_the_algorithms_must_be_listed(missing):
    """CVE-2022-39174/39175, CVE-2024-37568: there is no default, and none that means all."""
    with pytest.raises((TypeError, ConfigurationError)):
        JWTAuth(SECRET, **missing)


@pytest.mark.parametrize("algorithms", [["none"], ["HS256", "none"], ["NONE"], ["HS256", "RS256"], ["HS256", "EdDSA"]])
def test_lists_that_mix_secrets_and_public_keys_or_hold_none_are_refused(algorithms):
    """CVE-2022-39174/39175."""
    with pytest.raises(ConfigurationError):
        JWTAuth(SECRET, algorithms=algorithms)


# No signature at all.

NONES = ["none", "None", "NONE", "nOnE", "none ", "", None, ["none"], {"none": 1}, 0]


@pytest.mark.parametrize("algorithm", NONES, ids=map(repr, NONES))
async def test_a_token_without_a_signature_is_refused(algorithm):
    """CVE-2026-28802: in every spelling, with and without something in the signature's place."""
    for scheme in (jwt(), jwt(public_pem(RSA), ["RS256"])):
        for end in ("", "AA", encoded(b"\0" * 32)):
            assert not await is_valid(scheme, unsigned({"alg": algorithm}, end))
            assert not await is_valid(scheme, unsigned({"typ": "JWT"}, end))


@pytest.mark.parametrize("algorithm", ["HS257", "XS256", "RS1", "HS256\0", "HS256 ", "__class__"])
async def test_an_algorithm_that_nobody_knows_is_refused(algorithm):
    """CVE-2026-28498: what can't be checked isn't taken for checked."""
    assert not await is_valid(jwt(), hs256({"alg": algorithm}))


# The key and the header.


async def test_the_algorithm_of_the_header_is_that_of_the_key():
    """CVE-2026-48523: header, key and allow-list agree; a key that says PS256 verifies no RS256."""
    token = signed({"alg": "RS256", "kid": "a"}, claims(), RSA)
    both = ["RS256", "PS256"]
    assert await is_valid(jwt(published(RSA, kid="a"), both), token)
    assert await is_valid(jwt(published(RSA, kid="a", alg="RS256"), both), token)
    assert not await is_valid(jwt(published(RSA, kid="a", alg="PS256"), both), token)


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": published(OTHER_RSA)},
        {"jwk": published(OTHER_RSA), "kid": "a"},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"kid": "../../dev/null"},
        {"kid": "' UNION SELECT 'a"},
    ],
    ids=["jwk", "jwk and kid", "jku", "x5u", "x5c", "a path", "SQL"],
)
async def test_a_token_cant_bring_its_own_key(header):
    """CVE-2026-27962: what the header says of keys (`jwk`, `jku`, `x5u`, `x5c`) isn't read."""
    token = signed({"alg": "RS256", **header}, claims(), OTHER_RSA)
    assert not await is_valid(jwt(published(RSA, kid="a"), ["RS256"]), token)


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["x"], "x": 1},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["x"]},
        {"crit": []},
        {"crit": "x", "x": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": ["alg"]},
        {"crit": None},
    ],
    ids=str,
)
async def test_what_must_be_understood_is_refused(header):
    """CVE-2026-32597: nothing that `crit` could name is understood here (RFC 7515 §4.1.11)."""
    assert not await is_valid(jwt(), hs256(header))


# Claims.


@pytest.mark.parametrize("issuer", ["acb", "a", "", "b", "abcbx", "ABCB", None, ["abcb"], {"abcb": 1}], ids=repr)
async def test_an_issuer_is_compared_as_a_whole(issuer):
    """CVE-2024-53861: a part of the issuer, or letters of it, is another issuer."""
    for configured in ("abcb", ["abcb"], ["other", "abcb"]):
        assert await is_valid(jwt(issuer=configured), hs256(iss="abcb"))
        assert not await is_valid(jwt(issuer=configured), hs256(iss=issuer))


# Shapes and sizes.


async def test_only_the_compact_form_with_three_parts_is_taken():
    """CVE-2022-39227: a token that is JSON and compact at once is neither here."""
    good = hs256()
    head, body, end = good.split(".")
    evil = encoded(as_json(claims(sub="root")))
    polyglot = f'{{"  {head}.{evil}.":"","protected":"{head}","payload":"{body}","signature":"{end}"}}'
    flat = json.dumps({"protected": head, "payload": body, "signature": end})
    for token in (polyglot, flat, f"{good}.", f".{good}", f"{good}.{end}", f"{head}.{evil}.{body}.{end}", f"{good}\0"):
        assert not await is_valid(jwt(), token)


@pytest.mark.parametrize("part", [0, 1, 2], ids=["header", "payload", "signature"])
async def test_a_token_of_megabytes_is_refused_unread(part, client_for):
    """CVE-2025-61920: the limit is 8,192 letters, before anything of it is decoded."""
    parts = hs256().split(".")
    parts[part] += "A" * 2**20
    scheme = jwt()
    begun = time.process_time()
    assert not await is_valid(scheme, ".".join(parts))
    assert time.process_time() - begun < 0.05
    app = Nacre(middlewares=[Authentication(scheme)])
    app.get("/")(authenticated(lambda: "in"))
    async with client_for(app) as client:
        answer = await client.get("/", headers={"authorization": f"Bearer {'.'.join(parts)[:60_000]}"})
    assert answer.status == 400


BOMB = zlib.compress(bytes(10**7), 9)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
        {"alg": "RSA-OAEP", "enc": "A128CBC-HS256", "zip": "DEF"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31 - 1, "p2s": "AAAA"},
        {"alg": "HS256", "enc": "A256GCM"},
    ],
    ids=["zip", "zip with RSA", "p2c", "enc and HS256"],
)
async def test_encrypted_tokens_are_never_opened(header):
    """CVE-2024-33664 / CVE-2024-28102 / CVE-2023-6681, CVE-2025-62706: no JWE, so nothing is inflated or derived."""
    scheme = jwt()
    text = urlsafe_b64encode(BOMB).rstrip(b"=").decode()[:4000]
    begun = time.process_time()
    for count in (3, 5):
        token = ".".join([encoded(as_json(header)), *itertools.repeat(text[:1500], count - 1)])
        assert not await is_valid(scheme, token)
    assert not await is_valid(scheme, signed({**header, "alg": "HS256", "zip": "DEF"}, BOMB[:1000]))
    assert time.process_time() - begun < 0.05


# Secrets.


@pytest.mark.parametrize(
    ("algorithm", "needed"), [("HS256", 32), ("HS384", 48), ("HS512", 64)], ids=["HS256", "HS384", "HS512"]
)
def test_a_secret_is_as_long_as_its_hash(algorithm, needed):
    """CVE-2025-45768: a shorter one is refused when it is configured (RFC 7518 §3.2)."""
    text = "q7Zr4tVx9LmK2pWs8NbYc3HdJf6GaQeU1oTiRvXlCkMzPyBnSwDhEgFjA5u0O-_x"
    assert JWTAuth(text[:needed], algorithms=[algorithm])
    with pytest.raises(ConfigurationError, match=f"must have {needed} or more"):
        JWTAuth(text[: needed - 1], algorithms=[algorithm])


async def test_a_signature_is_compared_in_constant_time(monkeypatch):
    """CVE-2016-7036: by `hmac.compare_digest`, whatever the signature is."""
    compared, equal = [], hmac.compare_digest

    def watched(one, other):
        compared.append((len(one), len(other)))
        return equal(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    scheme = jwt()
    assert await is_valid(scheme, hs256())
    assert not await is_valid(scheme, signed({"alg": "HS256"}, claims(), SECRET[::-1]))
    assert compared == [(32, 32)] * 2


# Key sets.


async def test_a_flood_of_unknown_keys_asks_the_issuer_once_and_loses_no_key(caplog):
    """CVE-2026-48524: one request per cooldown, and a failure never evicts what is known."""
    asked, now = [], [0.0]

    def fetch(url):
        asked.append(url)
        if len(asked) > 1:
            raise OSError
        return json.dumps({"keys": [published(RSA, kid="a")]}).encode()

    scheme = jwt(algorithms=["RS256"], jwks=JWKS("https://id.example/", fetch=fetch, clock=lambda: now[0]))
    good = signed({"alg": "RS256", "kid": "a"}, claims(), RSA)
    assert await is_valid(scheme, good)
    for minute in range(3):
        now[0] = minute * 60.0
        for number in range(200):
            assert not await is_valid(scheme, unsigned({"alg": "RS256", "kid": f"k{number}"}, "AAAA"))
        assert await is_valid(scheme, good)
    assert len(asked) == 3
    assert len(caplog.records) == 2


# Mutations.


async def test_no_mutation_of_a_token_is_valid():
    """CVE-2026-28802, CVE-2022-39227: of all tokens with one letter changed, none is taken."""
    good = hs256({"typ": "JWT"})
    scheme = jwt()
    forged = 0
    for at, letter in itertools.product(range(len(good)), "ABab019-_."):
        token = good[:at] + letter + good[at + 1 :]
        forged += token != good and await is_valid(scheme, token)
    assert forged == 0
