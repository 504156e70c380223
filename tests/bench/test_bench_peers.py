"""The peers in environments of their own answer rightly, each on the server that it is measured on."""

import re

import pytest
from bench import peers
from bench.environments import ORIGINALS, PEERS, ROOT
from bench.servers import Server
from bench.workloads import WORKLOADS, Setting, check

# Layers add their headers to `json` alone. All else is asked of one server.
LAYERED = Setting(layers=5)
REST = Setting(routes=250, extras=True)
ASKED = {
    LAYERED: ("layers5",),
    REST: tuple(name for name, workload in WORKLOADS.items() if not workload.setting.layers and name != "routes5000"),
}


@pytest.mark.parametrize(
    ("peer", "setting"),
    [
        pytest.param(peer, setting, id=f"{peer.name}, {peer.kind.name}, {'layers' if setting.layers else 'rest'}")
        for peer in peers.ALL
        for setting, names in ASKED.items()
        if not set(names) <= set(peer.without)
    ],
)
def test_each_peer_answers_what_it_is_measured_with(peer, setting):
    if peer.python is None:
        pytest.skip(peer.how_to_get)
    serving = peer.serving(peer.python)
    asked = [name for name in ASKED[setting] if serving.target.answers(name)]
    with Server(serving, setting, core=0) as server:
        for name in asked:
            for call in WORKLOADS[name].calls[:4]:
                check(call, setting, server.answer(call))


def test_what_a_peer_lacks_is_a_workload():
    assert {name for peer in peers.ALL for name in peer.without} <= set(WORKLOADS)


def test_only_those_that_are_built_are_served(tmp_path, monkeypatch):
    python = tmp_path / "sanic" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    monkeypatch.setenv("NACRE_PEERS", str(tmp_path))
    monkeypatch.setenv("NACRE_ORIGINALS", str(tmp_path))
    ((serving, names),) = peers.served().items()
    assert serving.name == "sanic (its own run)"
    assert serving.target.python == str(python)
    assert "json" in names
    assert "providers" not in names
    words = peers.missing()
    assert len(words) == len(set(words)) == 7
    assert "aiohttp is not installed: make peers" in words
    assert "flama is not installed: make originals" in words


@pytest.mark.parametrize("environments", [ORIGINALS, PEERS], ids=lambda environments: environments.kind)
def test_make_builds_each_list(environments):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.search(rf"^{environments.kind.upper()} := (.+)$", makefile, re.MULTILINE)
    assert named is not None
    assert sorted(named[1].split()) == sorted(path.stem for path in environments.lists.glob("*.txt"))


@pytest.mark.parametrize("peer", [peer for peer in peers.ALL if peer.environments is PEERS], ids=lambda peer: peer.name)
def test_a_peers_environment_is_pinned_and_has_the_fast_event_loop(peer):
    lines = (PEERS.lists / f"{peer.name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(re.fullmatch(r"([\w.-]+)==(\S+)(?: ;.*)?", line).groups() for line in lines if line[0] != "#")
    assert {peer.package or peer.name, "uvloop"} <= set(pinned)
