"""Cookies that no session belongs to, as they come from attackers, old tabs and other applications (R27)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from nacre.sessions import Sessions
from nacre.signing import Sealer, Signer
from sessions.kinds import IN_COOKIE, IN_STORE, OTHER, SECRET, ClientFor, Clock, application, cookie_of, sending

LayerFor = Callable[..., Sessions]

PURPOSE = "the session in the cookie session"


def forged(content: bytes, **options: Any) -> str:
    return Signer(options.get("secret", OTHER), purpose=options.get("purpose", PURPOSE)).sign(content)


ADMIN = b"".join(second.to_bytes(6, "big") for second in (1_800_000_000_000, 1_900_000_000_000)) + b'{"user":"admin"}'


async def test_forgeries_of_this_file_would_be_taken_if_they_had_the_secret(
    client_for: ClientFor, layer_for: LayerFor
) -> None:
    async with client_for(application(layer_for("signed"))) as client:
        assert (await client.get("/read", **sending(forged(ADMIN, secret=SECRET)))).json() == {"user": "admin"}
    async with client_for(application(layer_for("sealed"))) as client:
        genuine = Sealer(SECRET, purpose=PURPOSE).sign(ADMIN)
        assert (await client.get("/read", **sending(genuine))).json() == {"user": "admin"}


# What comes as the cookie; `genuine` is one that opens a session.
HOSTILE: dict[str, Callable[[str], str]] = {
    "empty": lambda genuine: "",
    "a word": lambda genuine: "null",
    "JSON": lambda genuine: "{}",
    "cut off": lambda genuine: genuine[:-1],
    "longer": lambda genuine: genuine + "A",
    "padded": lambda genuine: genuine + "=",
    "twice": lambda genuine: genuine * 2,
    "other case": lambda genuine: genuine.swapcase(),
    "backwards": lambda genuine: genuine[::-1],
    "zeros": lambda genuine: "A" * len(genuine),
    "unknown id": lambda genuine: secrets.token_urlsafe(32),
    "oversized": lambda genuine: "A" * 100_000,
    "dots": lambda genuine: "." * 100_000,
    "path of the length of an id": lambda genuine: "../" * 14 + "x",
    "name in the directory": lambda genuine: "lock",
    "SQL": lambda genuine: "' OR 1=1 --",
    "not ASCII": lambda genuine: "é" * 43,
    "signed with another secret": lambda genuine: forged(ADMIN),
    "signed for another name": lambda genuine: forged(ADMIN, secret=SECRET, purpose="the session in the cookie sessio"),
    "signed for something else": lambda genuine: forged(ADMIN, secret=SECRET, purpose="csrf"),
    "sealed with another secret": lambda genuine: Sealer(OTHER, purpose=PURPOSE).sign(ADMIN),
    "genuine and more": lambda genuine: f"{genuine} x",
    "two of one name, the first bogus": lambda genuine: f"bogus; session={genuine}",
    "two of one name, the first empty": lambda genuine: f"; session={genuine}",
}


async def test_cookie_without_a_session_opens_none_and_none_is_made_of_it(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    async with client_for(application(layer_for(kind))) as client:
        genuine = cookie_of(await client.post("/set?user=ada"))
        for name, make in HOSTILE.items():
            hostile = make(genuine)
            client.cookies.clear()
            seen = await client.get("/read", **sending(hostile))
            assert (seen.status, seen.json()) == (200, {}), name
            assert "set-cookie" not in seen.headers, name
            assert (await client.post("/unset?user", **sending(hostile))).status == 200, name
            logout = await client.post("/logout", **sending(hostile))
            assert logout.status == 200, name
            assert len(logout.headers.getlist("set-cookie")) <= 1, name
            begun = await client.post("/set?n=1", **sending(hostile))
            assert begun.json() == {"n": "1"}, name
            assert cookie_of(begun) not in hostile, name
            # The one that it is made of is as it was.
            assert (await client.get("/read", **sending(genuine))).json() == {"user": "ada"}, name


@pytest.mark.parametrize("kind", [*IN_COOKIE, "memory"])
async def test_every_bit_of_the_cookie_counts(client_for: ClientFor, layer_for: LayerFor, kind: str) -> None:
    async with client_for(application(layer_for(kind))) as client:
        genuine = cookie_of(await client.post("/set?user=ada"))
        client.cookies.clear()
        for position, letter in enumerate(genuine):
            for bit in range(8):
                changed = chr(ord(letter) ^ (1 << bit))
                if changed.isprintable() and ord(changed) < 256:  # others can't be sent
                    value = genuine[:position] + changed + genuine[position + 1 :]
                    assert (await client.get("/read", **sending(value))).json() == {}, value
        assert (await client.get("/read", **sending(genuine))).json() == {"user": "ada"}


async def test_first_of_two_cookies_of_one_name_counts(client_for: ClientFor, layer_for: LayerFor, kind: str) -> None:
    async with client_for(application(layer_for(kind))) as client:
        one = cookie_of(await client.post("/set?user=ada"))
        client.cookies.clear()
        other = cookie_of(await client.post("/set?user=bo"))
        client.cookies.clear()
        two = {"headers": [("cookie", f"session={one}; session={other}")]}
        assert (await client.get("/read", **two)).json() == {"user": "ada"}
        two = {"headers": [("cookie", f"session={other}"), ("cookie", f"session={one}")]}
        assert (await client.get("/read", **two)).json() == {"user": "bo"}


async def test_expired_session_is_as_good_as_none(
    client_for: ClientFor, layer_for: LayerFor, kind: str, clock: Clock
) -> None:
    async with client_for(application(layer_for(kind, max_age=100))) as client:
        old = cookie_of(await client.post("/set?user=ada"))
        clock.now += 101
        assert (await client.get("/read")).json() == {}
        begun = await client.post("/set?n=1")
        assert begun.json() == {"n": "1"}
        assert cookie_of(begun) != old


@pytest.mark.parametrize("kind", IN_STORE)
async def test_old_id_is_dead_after_login(client_for: ClientFor, layer_for: LayerFor, kind: str) -> None:
    async with client_for(application(layer_for(kind))) as client:
        planted = cookie_of(await client.post("/set?cart=1"))
        new = cookie_of(await client.post("/login?user=ada"))
        assert new != planted
        assert (await client.get("/read", **sending(planted))).json() == {}
        assert (await client.get("/read", **sending(new))).json() == {"cart": "1", "user": "ada"}


@pytest.mark.parametrize("encrypt", [False, True])
async def test_secrets_rotate_without_ending_sessions(client_for: ClientFor, clock: Clock, encrypt: bool) -> None:
    def app(*listed: str) -> Any:
        return application(Sessions(list(listed), encrypt=encrypt, clock=clock))

    async with client_for(app(OTHER)) as client:
        old = cookie_of(await client.post("/set?user=ada"))
    async with client_for(app(SECRET, OTHER)) as client:
        assert (await client.get("/read", **sending(old))).json() == {"user": "ada"}
        new = cookie_of(await client.post("/set?n=1", **sending(old)))
    async with client_for(app(SECRET)) as client:
        assert (await client.get("/read", **sending(old))).json() == {}
        assert (await client.get("/read", **sending(new))).json() == {"user": "ada", "n": "1"}


@pytest.mark.parametrize("kind", IN_STORE)
async def test_id_of_one_application_opens_nothing_in_another_on_the_same_store(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    async with client_for(application(layer_for(kind, cookie="shop"))) as client:
        value = cookie_of(await client.post("/set?user=1"), "shop")
    async with client_for(application(layer_for(kind, cookie="admin"))) as client:
        assert (await client.get("/read", **sending(value, "admin"))).json() == {}
