"""A site that logs in at the provider of `oidc_provider`."""

from __future__ import annotations

from auth.login_site import Clock
from auth.oidc_provider import CLIENT_ID, CLIENT_SECRET, ISSUER, Provider
from nacre import Nacre, Request, Response
from nacre.auth.oauth import OIDC, ProviderLogin
from nacre.sessions import MemoryStore, Sessions

BACK = "https://shop.example/in/callback"
NOT_BEGUN = "this login has begun in another browser, is over, or took too long; begin again"


class Shop:
    """A site that logs in at the provider."""

    def __init__(self, kind=OIDC, provider=None, **options):
        self.clock = Clock()
        self.provider = provider or Provider(self.clock)
        self.logins = []
        self.store = MemoryStore()
        common = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": BACK,
            "on_login": self.log_in,
            "client": self.provider.client(),
            "clock": self.clock,
        }
        if kind is OIDC:
            common["issuer"] = ISSUER
        else:
            common |= {"authorize_url": f"{ISSUER}/authorize?audience=a", "token_url": f"{ISSUER}/token"}
            common["userinfo_url"] = f"{ISSUER}/userinfo"
        self.oauth = kind("example", **(common | options))
        self.app = Nacre(middlewares=[Sessions(store=self.store)])
        self.app.get("/in")(self.oauth.start)
        self.app.get("/in/callback")(self.oauth.callback)

    async def log_in(self, request: Request, login: ProviderLogin):
        self.logins.append(login)
        return Response(f"welcome {login.subject}")


async def begin(client, path="/in"):
    response = await client.get(path)
    assert response.status == 303, response.text
    return response.headers["location"]
