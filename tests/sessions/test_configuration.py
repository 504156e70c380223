"""What is wrong with the layer is said when it is made, all at once, and nothing shows its secret."""

from __future__ import annotations

import math
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nacre import Nacre, Request
from nacre.errors import ConfigurationError, MissingExtra
from nacre.sessions import FileStore, MemoryStore, Sessions, SQLiteStore
from sessions.kinds import OTHER, SECRET


class HalfAStore:
    def read(self, key: str) -> None: ...


class MixedStore(MemoryStore):
    async def read(self, key: str) -> Any: ...  # type: ignore[override]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({}, "Sessions has neither a secret nor a store", id="nothing"),
        pytest.param({"secret": "short"}, "the secret of Sessions has 5 bytes", id="short secret"),
        pytest.param({"secret": [SECRET, "changeme" * 4]}, "(number 2) is a placeholder", id="weak old secret"),
        pytest.param({"secret": []}, "the secret of Sessions is missing", id="no secrets"),
        pytest.param({"secret": SECRET, "store": MemoryStore()}, "holds a random id", id="both"),
        pytest.param({"encrypt": True, "store": MemoryStore()}, "holds a random id", id="encrypted store"),
        pytest.param({"store": HalfAStore()}, "of type HalfAStore, is no store", id="half a store"),
        pytest.param({"store": MixedStore()}, "of type MixedStore, is no store", id="plain and async"),
        pytest.param({"store": "sessions.db"}, "of type str, is no store", id="a path"),
        pytest.param({"secret": SECRET, "max_age": 0}, "max_age of Sessions is 0", id="no age"),
        pytest.param(
            {"secret": SECRET, "max_age": timedelta(days=1)}, "max_age of Sessions is datetime", id="timedelta"
        ),
        pytest.param({"secret": SECRET, "max_age": math.inf}, "max_age of Sessions is inf", id="endless"),
        pytest.param({"secret": SECRET, "max_age": math.nan}, "max_age of Sessions is nan", id="no number"),
        pytest.param({"secret": SECRET, "idle": "60"}, "idle of Sessions is '60'", id="idle as text"),
        pytest.param({"store": MemoryStore(), "max_size": 0}, "max_size of Sessions is 0", id="no room"),
        pytest.param({"secret": 7}, "the secret of Sessions is of type int", id="number as secret"),
        pytest.param({"secret": ""}, "the secret of Sessions is missing", id="empty secret"),
        pytest.param({"secret": SECRET, "idle": -1}, "idle of Sessions is -1", id="negative idle"),
        pytest.param({"secret": SECRET, "idle": 11, "max_age": 10}, "idle of Sessions is 11", id="idle over age"),
        pytest.param({"secret": SECRET, "cookie": "a b"}, "'a b' is not a cookie name", id="name"),
        pytest.param({"secret": SECRET, "cookie": "__Host-x"}, "needs secure=True", id="prefix over http"),
        pytest.param({"secret": SECRET, "samesite": "none"}, "accept only with secure=True", id="none over http"),
        pytest.param({"secret": SECRET, "samesite": "lux"}, "not 'lux'", id="samesite"),
        pytest.param({"secret": SECRET, "domain": "a;b"}, "must be printable ASCII without ';'", id="domain"),
    ],
)
def test_mistake_is_named_with_its_place_and_its_cure(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Sessions(**options)
    assert len(caught.value.problems) == 1
    problem = caught.value.problems[0]
    assert said in problem.what
    assert problem.where is not None
    assert problem.where.file == __file__
    assert problem.fix
    assert "short" not in str(problem)
    assert "changeme" not in str(problem)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Sessions("short", max_age=-1, idle=0, cookie="a=b")
    assert len(caught.value.problems) == 4


def test_prefix_of_ones_own_is_fine_where_the_cookie_is_always_secure() -> None:
    Sessions(SECRET, cookie="__Host-sid", secure=True)
    Sessions(SECRET, samesite="none", secure=True)


@pytest.mark.parametrize(
    ("encrypt", "library", "extra"), [(False, "itsdangerous", "sessions"), (True, "cryptography.exceptions", "crypto")]
)
def test_missing_library_is_named_at_once(
    encrypt: bool, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'nacre\[{extra}\]'"):
        Sessions(SECRET, encrypt=encrypt)
    Sessions(store=MemoryStore())  # which needs neither


def test_nothing_that_is_shown_holds_the_secret() -> None:
    layer = Sessions([SECRET, OTHER])
    assert repr(layer) == "Sessions(in a signed cookie)"
    assert repr(Sessions(SECRET, encrypt=True)) == "Sessions(in a sealed cookie)"
    assert repr(Sessions(store=MemoryStore())) == "Sessions(MemoryStore())"
    app = Nacre(middlewares=[layer])

    @app.get("/")
    def index(request: Request) -> str:
        return "x"

    described = repr(app.describe()) + repr(vars(layer))
    assert SECRET not in described
    assert OTHER not in described


def test_layer_that_needs_a_session_is_told_where_to_stand() -> None:
    class NeedsSession:
        requires = ("session",)

        async def __call__(self, request: Request, call_next: Any) -> Any:
            return await call_next(request)

    app = Nacre(middlewares=[NeedsSession(), Sessions(SECRET)])
    app.get("/")(lambda: "x")
    with pytest.raises(ConfigurationError, match="requires `session`"):
        app.compile()
    app = Nacre(middlewares=[Sessions(SECRET), NeedsSession()])
    app.get("/")(lambda: "x")
    app.compile()


def test_file_store_makes_a_directory_for_itself_alone(tmp_path: Path) -> None:
    FileStore(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_file_store_refuses_a_directory_that_others_may_enter(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(0o755)
    (tmp_path / "file").write_text("x")
    for name, said in (("open", "they may enter it"), ("file", "can't be made"), ("file/x", "can't be made")):
        with pytest.raises(ConfigurationError, match=said) as caught:
            FileStore(tmp_path / name)
        assert caught.value.problems[0].where is not None


def test_file_store_needs_locks_between_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nacre.sessions.files.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="needs POSIX file locks"):
        FileStore(tmp_path / "a")


def test_sqlite_store_names_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="isn't there"):
        SQLiteStore(tmp_path / "missing" / "sessions.db")
