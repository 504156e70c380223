"""Layers that fail: the log names them, and nobody looks for their code before."""

import pytest

from nacre import Hooks, Nacre


class Failing(Hooks):
    """A layer that counts how often all its attributes are read."""

    def __init__(self):
        super().__init__(before=self.fail, inline=True)
        self.looks = []

    @property
    def __dict__(self):
        self.looks.append("look")
        return {}

    def fail(self, request):
        raise RuntimeError


class Settled(Failing):
    def for_route(self, place):
        return Failing()


@pytest.mark.parametrize("kind", [Failing, Settled])
async def test_a_layer_is_looked_into_when_it_has_failed_and_then_once(client_for, caplog, kind):
    app = Nacre(middlewares=[layer := kind()])
    app.get("/")(lambda request: "")
    app.compile()
    async with client_for(app) as client:
        assert layer.looks == []
        for _ in range(2):
            assert (await client.get("/")).status == 500
    assert f"in layer `{kind.__name__}`" in caplog.text
    assert layer.looks == ["look"]
