import asyncio
import unittest

from microdot import Microdot
from microdot.login import Login
from microdot.session import Session
from microdot.test_client import TestClient


class Diver:
    def __init__(self, id, name):
        self.id = id
        self.name = name


class TestLogins(unittest.TestCase):
    def test_the_user_is_the_one_who_has_logged_in(self):
        app = Microdot()
        Session(app, secret_key="a-secret-that-is-long-enough-for-hs256")
        login = Login()
        divers = {1: Diver(1, "joe"), 2: Diver(2, "mei")}

        @login.user_loader
        def find_diver(diver_id):
            return divers.get(diver_id)

        @app.get("/")
        @login
        async def index(request):
            assert await login.get_current_user(request) is request.g.current_user
            return request.g.current_user.name

        @app.post("/login")
        async def sign_in(request):
            answer = await login.login_user(request, divers[2])
            assert await login.get_current_user(request) is divers[2]
            return answer

        @app.post("/logout")
        @login
        async def sign_out(request):
            await login.logout_user(request)
            assert await login.get_current_user(request) is None
            return "bye"

        async def script():
            client = TestClient(app)
            seen = []
            for method, path in (
                ("get", "/?foo=bar"),
                ("post", "/login?next=/"),
                ("get", "/"),
                ("post", "/logout"),
                ("get", "/"),
            ):
                answer = await getattr(client, method)(path)
                seen.append((answer.status_code, answer.headers.get("Location") or answer.text))
            return seen

        found = asyncio.run(script())
        assert found[:3] == [(302, "/login?next=/%3Ffoo%3Dbar"), (302, "/"), (200, "mei")]
        assert found[3:] == [(200, "bye"), (302, "/login?next=/")]
