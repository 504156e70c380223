import asyncio
import unittest

from microdot import Microdot
from microdot.test_client import TestClient

app = Microdot()


@app.get("/")
def index(req):
    return f"{req.scheme}://{req.headers['Host']}"


class HostTest(unittest.TestCase):
    def test_http_host(self):
        response = asyncio.run(TestClient(app, host="pier.example").get("/"))
        assert response.text == "http://pier.example"

    def test_https_host(self):
        response = asyncio.run(TestClient(app, scheme="https", host="pier.example").get("/"))
        assert response.text == "https://pier.example"
