import asyncio
import unittest

from microdot import Microdot
from microdot.cors import CORS
from microdot.csrf import CSRF
from microdot.test_client import TestClient

FRIENDS = ["http://foo.com", "https://bar.com:8888"]


class TestCrossSiteRequests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(cls.loop)

    @classmethod
    def tearDownClass(cls):
        asyncio.set_event_loop(None)
        cls.loop.close()

    def answers(self, app, *asked):
        """The statuses of requests: (method, path, value of Sec-Fetch-Site, value of Origin)."""
        client = TestClient(app)

        async def ask():
            statuses = []
            for method, path, site, origin in asked:
                headers = {name: value for name, value in (("Sec-Fetch-Site", site), ("Origin", origin)) if value}
                response = await getattr(client, method)(path, headers=headers)
                statuses.append(response.status_code)
            return statuses

        return self.loop.run_until_complete(ask())

    def test_all_that_changes_something_is_protected(self):
        app = Microdot()
        csrf = CSRF(app)

        @app.get("/")
        def index(request):
            return 204

        @app.post("/dive")
        def dive(request):
            return 204

        @app.post("/hook")
        @csrf.exempt
        def hook(request):
            return 204

        @app.get("/log")
        @csrf.protect
        def log(request):
            return 204

        found = self.answers(
            app,
            ("get", "/", None, None),
            ("get", "/", "cross-site", None),
            ("get", "/", None, "https://evil.com"),
            ("post", "/dive", None, None),
            ("post", "/dive", "cross-site", None),
            ("post", "/dive", "same-site", None),
            ("post", "/dive", "same-origin", None),
            ("post", "/hook", None, None),
            ("post", "/hook", "cross-site", None),
            ("get", "/log", None, None),
            ("get", "/log", "cross-site", None),
        )
        assert found == [204, 204, 204, 204, 403, 403, 204, 204, 204, 204, 403]

    def test_chosen_routes_are_protected(self):
        app = Microdot()
        csrf = CSRF(protect_all=False)
        csrf.initialize(app)

        @app.get("/")
        def index(request):
            return 204

        @app.post("/dive")
        @csrf.protect
        def dive(request):
            return 204

        @app.post("/hook")
        def hook(request):
            return 204

        found = self.answers(
            app,
            ("get", "/", None, None),
            ("get", "/", "cross-site", None),
            ("get", "/", None, "https://evil.com"),
            ("post", "/dive", None, None),
            ("post", "/dive", "cross-site", None),
            ("post", "/dive", "same-site", None),
            ("post", "/dive", "same-origin", None),
            ("post", "/hook", None, None),
            ("post", "/hook", "cross-site", None),
        )
        assert found == [204, 204, 204, 204, 403, 403, 204, 204, 204]

    def test_subdomains_are_trusted_where_that_is_said(self):
        app = Microdot()
        csrf = CSRF(allow_subdomains=True)
        csrf.initialize(app)

        @app.get("/")
        def index(request):
            return 204

        @app.post("/dive")
        def dive(request):
            return 204

        @app.post("/hook")
        @csrf.exempt
        def hook(request):
            return 204

        found = self.answers(
            app,
            ("get", "/", None, None),
            ("get", "/", "cross-site", None),
            ("get", "/", None, "https://evil.com"),
            ("post", "/dive", None, None),
            ("post", "/dive", "cross-site", None),
            ("post", "/dive", "same-site", None),
            ("post", "/dive", "same-origin", None),
            ("post", "/hook", None, None),
            ("post", "/hook", "cross-site", None),
        )
        assert found == [204, 204, 204, 204, 403, 204, 204, 204, 204]

    def friendly(self, **options):
        app = Microdot()
        csrf = CSRF(**options)
        csrf.initialize(app, CORS(allowed_origins=FRIENDS))

        @app.get("/")
        def index(request):
            return 204

        @app.post("/dive")
        def dive(request):
            return 204

        return self.answers(
            app,
            ("get", "/", None, None),
            ("get", "/", None, "http://foo.com"),
            ("get", "/", None, "https://baz.com"),
            ("get", "/", None, "http://x.baz.com"),
            ("post", "/dive", None, None),
            ("post", "/dive", None, "https://bar.com:8888"),
            ("post", "/dive", None, "http://bar.com:8888"),
            ("post", "/dive", "cross-site", "https://bar.com:8888"),
            ("post", "/dive", "cross-site", "https://bar.com:8889"),
            ("post", "/dive", "cross-site", None),
            ("post", "/dive", None, "https://x.y.bar.com:8888"),
            ("post", "/dive", None, "http://x.y.bar.com:8888"),
            ("post", "/dive", None, "http://baz.com"),
        )

    def test_listed_origins_are_trusted(self):
        assert self.friendly() == [204] * 6 + [403, 204, 403, 403, 403, 403, 403]

    def test_listed_origins_and_those_below_them_are_trusted(self):
        assert self.friendly(allow_subdomains=True) == [204] * 6 + [403, 204, 403, 403, 204, 403, 403]
