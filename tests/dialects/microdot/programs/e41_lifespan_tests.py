import asyncio
import unittest

from microdot.asgi import Microdot


async def run(app, state):
    """Live the application as a server does, and give what it answers."""
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    answers = []

    async def receive():
        return next(events)

    async def send(message):
        answers.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}, receive, send)
    return answers


class HarbourLifeTest(unittest.TestCase):
    def test_without_functions(self):
        answers = asyncio.run(run(Microdot(), {}))
        assert answers == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]

    def test_with_functions(self):
        async def begin(scope):
            scope["state"]["light"] = "on"

        async def end(scope):
            scope["state"]["light"] = "off"

        state = {}
        answers = asyncio.run(run(Microdot(lifespan_startup=begin, lifespan_shutdown=end), state))
        assert answers == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]
        assert state["light"] == "off"

    def test_failures(self):
        async def begin(scope):
            raise RuntimeError("no oil")

        async def end(scope):
            raise ValueError("no key")

        answers = asyncio.run(run(Microdot(lifespan_startup=begin, lifespan_shutdown=end), {}))
        assert answers == [
            {"type": "lifespan.startup.failed", "message": repr(RuntimeError("no oil"))},
            {"type": "lifespan.shutdown.failed", "message": repr(ValueError("no key"))},
        ]
