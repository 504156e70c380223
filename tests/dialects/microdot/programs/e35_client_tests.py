import asyncio
import unittest

from microdot import Microdot
from microdot.test_client import TestClient


def create_app():
    app = Microdot()

    @app.get("/")
    def index(req):
        return "Ahoy from the pier"

    return app


class PierTest(unittest.TestCase):
    def test_pier(self):
        client = TestClient(create_app())
        response = asyncio.run(client.get("/"))
        assert response.status_code == 200
        assert response.text == "Ahoy from the pier"
