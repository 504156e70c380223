"""What has let attackers into sessions of other frameworks, by the ids of the security corpus.

The classes are session, session_fixation and crypto_session, and those of cache_vary, cookie, cache_key and
deserialization that concern sessions.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import pickle
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import Nacre, Request, Response
from nacre.sessions import FileStore, MemoryStore, Record, Sessions
from nacre.signing import BadSignature, Sealer, Signer
from nacre.templates import Jinja
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

SECRET = "9ByQ2-o7uYkf0aVnPz4LwXsTgEhJcRm1"
OTHER = "fN3_dK8qZtB6yWvA5xHrUeCpMjGi0oS2"

# Entries of these classes that are tested elsewhere, or concern no server:
#
# CVE-2026-54279     cookies that a client saves and loads: the testing client keeps host-only cookies so
# starlette#3044, starlette#2865/#2871    tests/app/test_conditional.py, tests/app/test_compression.py
# CVE-2026-8404, CVE-2026-35193, CVE-2026-48588    a cache on the server: tests/security/test_cache_corpus.py


class Recording(MemoryStore):
    """A store that remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()
        self.writes = 0
        self.deletions = 0

    def read(self, key: str) -> Any:
        self.keys.add(key)
        return super().read(key)

    def write(self, key: str, record: Any, replaces: int | None) -> bool:
        self.keys.add(key)
        self.writes += 1
        return super().write(key, record, replaces)

    def delete(self, key: str, version: int | None = None) -> bool:
        self.deletions += 1
        return super().delete(key, version)


def application(layer: Sessions) -> Nacre:
    app = Nacre(middlewares=[layer])

    @app.get("/read")
    def read(request: Request) -> Any:
        return dict(request.session)

    @app.get("/public")
    def public() -> Response:
        return Response("for all", headers={"cache-control": "public, max-age=600"})

    @app.post("/cart")
    def cart(request: Request, item: str) -> str:
        request.session["cart"] = item
        return "in the cart"

    @app.post("/login")
    def login(request: Request, user: str) -> str:
        request.session.regenerate()
        request.session["user"] = user
        return "in"

    @app.get("/logout")
    def logout(request: Request) -> str:
        request.session.clear()
        return "out"

    return app


def cookie_of(response: Any) -> str:
    return str(response.headers["set-cookie"].split(";")[0].partition("=")[2])


def sending(value: str) -> dict[str, Any]:
    return {"headers": {"cookie": f"session={value}"}}


# Fixation.


@pytest.mark.parametrize("corpus_id", ["CVE-2018-1000519 / CVE-2018-1000814"])
async def test_id_that_an_attacker_has_planted_opens_nothing_after_the_login(
    client_for: ClientFor, corpus_id: str
) -> None:
    async with client_for(application(Sessions(store=MemoryStore()))) as client:
        planted = cookie_of(await client.post("/cart?item=bait"))  # the attacker's own session
        client.cookies.clear()
        victim = cookie_of(await client.post("/login?user=ada", **sending(planted)))
        assert victim != planted
        assert (await client.get("/read", **sending(planted))).json() == {}
        assert (await client.get("/read", **sending(victim))).json()["user"] == "ada"


@pytest.mark.parametrize("corpus_id", ["CVE-2018-1000519 / CVE-2018-1000814"])
@pytest.mark.parametrize("made_up", [f"lFuvZN3BcEMGw_Og{'J9q' * 9}", "A" * 43, "x", "", "../../etc/passwd"])
async def test_id_that_the_client_has_made_up_is_never_taken_over(
    client_for: ClientFor, made_up: str, corpus_id: str
) -> None:
    async with client_for(application(Sessions(store=MemoryStore()))) as client:
        given = cookie_of(await client.post("/login?user=ada", **sending(made_up)))
        client.cookies.clear()
        assert given != made_up
        assert (await client.get("/read", **sending(made_up))).json() == {}


@pytest.mark.parametrize("corpus_id", ["CVE-2014-0482"])
async def test_session_of_one_user_is_not_that_of_the_next(client_for: ClientFor, corpus_id: str) -> None:
    async with client_for(application(Sessions(store=MemoryStore()))) as client:
        await client.post("/login?user=ada")
        await client.post("/cart?item=hers")
        await client.get("/logout")
        await client.post("/login?user=bo")
        assert (await client.get("/read")).json() == {"user": "bo"}


@pytest.mark.parametrize("corpus_id", ["CVE-2025-21618"])
async def test_client_without_the_cookie_has_nothing_of_who_was_there_before(
    client_for: ClientFor, corpus_id: str
) -> None:
    for layer in (Sessions(SECRET), Sessions(store=MemoryStore())):
        async with client_for(application(layer)) as client:
            await client.post("/login?user=ada")
            client.cookies.clear()
            assert (await client.get("/read")).json() == {}


# Records that nobody needs.


@pytest.mark.parametrize("corpus_id", ["CVE-2015-5143"])
async def test_unknown_ids_make_no_records(client_for: ClientFor, corpus_id: str) -> None:
    store = Recording()
    async with client_for(application(Sessions(store=store, idle=60))) as client:
        for _ in range(300):
            await client.get("/read", **sending(secrets.token_urlsafe(32)))
    assert store.writes == 0
    assert len(store) == 0


@pytest.mark.parametrize("corpus_id", ["CVE-2015-5963 / CVE-2015-5964"])
async def test_logout_of_who_is_not_logged_in_writes_nothing(client_for: ClientFor, corpus_id: str) -> None:
    store = Recording()
    async with client_for(application(Sessions(store=store))) as client:
        for _ in range(100):
            assert "set-cookie" not in (await client.get("/logout")).headers
            response = await client.get("/logout", **sending(secrets.token_urlsafe(32)))
            assert "Max-Age=0" in response.headers["set-cookie"]
    assert (store.writes, store.deletions, len(store)) == (0, 0, 0)


@pytest.mark.parametrize("corpus_id", ["CVE-2015-3982"])
async def test_session_that_is_ended_leaves_no_record_that_others_share(client_for: ClientFor, corpus_id: str) -> None:
    store = Recording()
    async with client_for(application(Sessions(store=store))) as client:
        first = cookie_of(await client.post("/login?user=ada"))
        await client.get("/logout")
        assert len(store) == 0
        second = cookie_of(await client.post("/cart?item=x"))
        client.cookies.clear()
        third = cookie_of(await client.post("/cart?item=y"))
        assert len({first, second, third}) == 3
        assert "" not in {first, second, third}
        assert (await client.get("/read", **sending(""))).json() == {}


# What a store sees.


@pytest.mark.parametrize("corpus_id", ["CVE-2011-4136 GHSA-x88j-93vc-wpmp"])
async def test_keys_have_a_name_space_of_their_own_and_hold_no_id(client_for: ClientFor, corpus_id: str) -> None:
    store = Recording()
    async with client_for(application(Sessions(store=store))) as client:
        value = cookie_of(await client.post("/cart?item=x"))
        await client.get("/read", **sending("user:1"))  # the key of something else that is kept there
        await client.get("/read", **sending("session-" + "0" * 64))
        await client.get("/read", **sending(value))
    assert len(store.keys) == 1
    key = store.keys.pop()
    assert re.fullmatch(r"session-[0-9a-f]{64}", key)
    assert value not in key
    assert hashlib.sha256(value.encode()).hexdigest() not in key


@pytest.mark.parametrize("corpus_id", ["CVE-2020-13254"])
@pytest.mark.parametrize("value", ["a b", "x" * 251, "A" * 42 + " x", "A" * 42 + "\xa0", "-" * 44, "."])
async def test_no_key_is_made_of_what_is_no_id(client_for: ClientFor, value: str, corpus_id: str) -> None:
    store = Recording()
    async with client_for(application(Sessions(store=store))) as client:
        assert (await client.get("/read", **sending(value))).json() == {}
    assert store.keys == set()


@pytest.mark.parametrize("corpus_id", ["CVE-2026-25480 GHSA-vxqx-rh46-q2pg", "CVE-2008-0252"])
def test_names_of_files_are_hashes(tmp_path: Path, corpus_id: str) -> None:
    # Ids that are one name on file systems which fold case, or which normalise, are two files; none is a path.
    store = FileStore(tmp_path / "sessions")
    written: list[str] = []
    put = store.write

    def write(key: str, record: Any, replaces: int | None) -> bool:
        written.append(key)
        return put(key, record, replaces)

    store.write = write  # type: ignore[method-assign]
    with TestClient(application(Sessions(store=store))) as client:
        for _ in range(20):
            client.cookies.clear()
            client.post("/cart?item=x", **sending("../" * 14 + "x"))
    names = {path.name for path in (tmp_path / "sessions").iterdir()}
    assert names == {"lock", *written}
    assert len({name.lower() for name in written}) == 20
    assert all(re.fullmatch(r"session-[0-9a-f]{64}", name) for name in written)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sessions"]


@pytest.mark.parametrize("corpus_id", ["CVE-2021-33026"])
def test_nothing_is_unpickled(corpus_id: str) -> None:
    package = Path(nacre.__file__).parent
    for path in (package / "session.py", package / "signing.py", *(package / "sessions").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "marshal", "shelve", "dill"} & {name.split(".")[0] for name in names}, path


@pytest.mark.parametrize("corpus_id", ["CVE-2021-33026"])
async def test_record_that_is_a_pickle_is_no_session(
    client_for: ClientFor, corpus_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Planted(MemoryStore):
        def read(self, key: str) -> Record:
            return Record(pickle.dumps({"user": "admin"}), 0, 4e9)

    layer = Sessions(store=Planted(), max_age=4e9)
    async with client_for(application(layer)) as client:
        assert (await client.get("/read", **sending("A" * 43))).json() == {}
    assert "can't be read, and counts as none" in caplog.text


# Signed cookies.


@pytest.mark.parametrize("corpus_id", ["CVE-2025-47278 GHSA-4grg-w6v8-c28g"])
@pytest.mark.parametrize("encrypt", [False, True])
async def test_newest_secret_signs_and_all_verify(client_for: ClientFor, encrypt: bool, corpus_id: str) -> None:
    async with client_for(application(Sessions([OTHER], encrypt=encrypt))) as client:
        old = cookie_of(await client.post("/login?user=ada"))
    async with client_for(application(Sessions([SECRET, OTHER], encrypt=encrypt))) as client:
        assert (await client.get("/read", **sending(old))).json() == {"user": "ada"}
        new = cookie_of(await client.post("/cart?item=x", **sending(old)))
    async with client_for(application(Sessions(SECRET, encrypt=encrypt))) as client:
        assert (await client.get("/read", **sending(new))).json() == {"user": "ada", "cart": "x"}
    async with client_for(application(Sessions(OTHER, encrypt=encrypt))) as client:
        assert (await client.get("/read", **sending(new))).json() == {}


@pytest.mark.parametrize("corpus_id", ["CVE-2026-6873"])
@pytest.mark.parametrize("make", [Signer, Sealer])
def test_purposes_never_share_a_key(make: Any, corpus_id: str) -> None:
    names = ["a", "ab", "abc", "bc", "", " ", "a b", "ab c"]
    texts = {name: make(SECRET, purpose=name).sign(b"x") for name in names}
    for name, text in texts.items():
        for other in names:
            if other != name:
                with pytest.raises(BadSignature):
                    make(SECRET, purpose=other).unsign(text)
    # Nor do a secret and a purpose that make one text when they are joined.
    one, other = make(SECRET + "a", purpose="bc"), make(SECRET + "ab", purpose="c")
    with pytest.raises(BadSignature):
        other.unsign(one.sign(b"x"))


@pytest.mark.parametrize("corpus_id", ["CVE-2026-6873"])
async def test_cookie_of_one_name_is_refused_under_another(client_for: ClientFor, corpus_id: str) -> None:
    app = Nacre(middlewares=[Sessions(SECRET, cookie="ab"), Sessions(SECRET, cookie="a")])

    @app.post("/set")
    def set_(request: Request) -> str:
        request.session["user"] = "admin"
        return "x"

    @app.get("/read", middlewares=[Sessions(SECRET, cookie="b")])
    def read(request: Request) -> Any:
        return dict(request.session)

    async with client_for(app) as client:
        value = cookie_of(await client.post("/set"))
        client.cookies.clear()
        assert (await client.get("/read", headers={"cookie": f"ab={value}; b={value}"})).json() == {}


@pytest.mark.parametrize("corpus_id", ["CVE-2010-4535"])
def test_time_that_comes_with_signed_data_is_of_fixed_length_and_signed(corpus_id: str) -> None:
    signer = Signer(SECRET, purpose="test")
    text = signer.sign(b"x")
    value, _, signature = text.partition(".")
    for giant in ("9" * 100_000, base64.urlsafe_b64encode(b"\xff" * 100_000).decode().rstrip("="), "z" * 4300):
        with pytest.raises(BadSignature):
            signer.unsign(f"{giant}.{signature}", max_age=10)
        with pytest.raises(BadSignature):
            signer.unsign(f"{value}.{giant}", max_age=10)


# Caches.


def visited() -> Nacre:
    """Pages that look at the session in passing, as templates do."""
    pages = Jinja(
        {
            "in": "{{ 'user' in request.session }}",
            "length": "{{ request.session|length }}",
            "bool": "{% if request.session %}known{% endif %}",
            "keys": "{{ request.session.keys()|list }}",
            "loop": "{% for name in request.session %}{{ name }}{% endfor %}",
            "get": "{{ request.session.get('user') }}",
            "equal": "{{ request.session == {} }}",
            "flashes": "{{ get_flashed_messages() }}",
            "nothing": "nothing",
        }
    )
    app = Nacre(middlewares=[Sessions(SECRET)])

    @app.get("/<name>")
    def page(request: Request, name: str) -> Response:
        return pages.response(name, request)

    return app


@pytest.mark.parametrize("corpus_id", ["CVE-2026-27205 GHSA-68rp-wp8r-4726"])
@pytest.mark.parametrize("name", ["in", "length", "bool", "keys", "loop", "get", "equal", "flashes"])
async def test_template_that_only_looks_at_the_session_varies(client_for: ClientFor, name: str, corpus_id: str) -> None:
    async with client_for(visited()) as client:
        assert (await client.get(f"/{name}")).headers["vary"] == "Cookie"
        assert "vary" not in (await client.get("/nothing")).headers


@pytest.mark.parametrize("corpus_id", ["CVE-2023-30861 GHSA-m2qf-hxjv-5gpq", "CVE-2026-35192"])
@pytest.mark.parametrize("store", [False, True])
async def test_cookie_is_not_sent_with_a_page_that_does_not_use_the_session(
    client_for: ClientFor, store: bool, corpus_id: str
) -> None:
    now = 1_800_000_000.0
    options: Any = {"idle": 100, "persistent": True, "clock": lambda: now}
    layer = Sessions(store=MemoryStore(), **options) if store else Sessions(SECRET, **options)
    async with client_for(application(layer)) as client:
        await client.post("/login?user=ada")
        now += 90
        public = await client.get("/public")
        assert public.headers["cache-control"] == "public, max-age=600"
        assert not {"set-cookie", "vary"} & set(public.headers)
        read = await client.get("/read")  # this one says that the session goes on
        assert "set-cookie" in read.headers
        assert read.headers["vary"] == "Cookie"
        assert read.headers["cache-control"] == "private"


@pytest.mark.parametrize("corpus_id", ["CVE-2014-1418"])
@pytest.mark.parametrize("agent", ["Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", "curl/8", ""])
async def test_vary_is_there_for_every_user_agent(client_for: ClientFor, agent: str, corpus_id: str) -> None:
    async with client_for(application(Sessions(SECRET))) as client:
        assert (await client.get("/read", headers={"user-agent": agent})).headers["vary"] == "Cookie"
