"""A login provider, written with Nacre: OpenID Connect with PKCE, and what a test has it do wrong."""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, urlsafe_b64encode
from typing import Any

import httpx2
from joserfc import jwk, jwt

from nacre import Nacre, Request, Response

ISSUER = "https://id.example"
CLIENT_ID, CLIENT_SECRET = "shop", "s3cret+/ of the shop"

KEY = jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})  # it takes long to make one


class Provider:
    """Grants every authorization request; the attributes say what is to be different from what is right."""

    def __init__(self, clock):
        self.app = Nacre()
        self.clock = clock
        self.keys: list[Any] = [KEY]
        self.signing_key = self.keys[0]
        self.algorithm = "RS256"
        self.metadata: dict[str, object] = {}
        self.claims: dict[str, object] = {}
        self.userinfo = {"sub": "ama", "nickname": "A."}
        self.token: dict[str, object] = {}
        self.subject = "ama"
        self.mangle = lambda text: text
        self.failing: dict[str, Response] = {}
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.forms: list[dict[str, str]] = []
        self._declare()

    def client(self):
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app))

    def authorize(self, location):
        """What the provider's login page makes of an authorization request: the parameters of the way back."""
        query = dict(httpx2.URL(location).params)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    def id_token(self, query, access_token):
        now = int(self.clock())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": ISSUER,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": query["nonce"],
            "at_hash": urlsafe_b64encode(half).rstrip(b"=").decode(),
            "email": "ama@example.com",
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm} | ({"kid": self.signing_key.kid} if self.signing_key.kid else {})
        return self.mangle(jwt.encode(header, claims, self.signing_key, algorithms=[self.algorithm]))

    def _declare(self):
        app = self.app

        def answer(name, data):
            self.asked.append(name)
            return self.failing.get(name) or data

        @app.get("/.well-known/openid-configuration")
        async def metadata():
            data = {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
                "userinfo_endpoint": f"{ISSUER}/userinfo",
            }
            return answer("metadata", data | self.metadata)

        @app.get("/keys")
        async def keys():
            return answer("keys", {"keys": [key.as_dict(private=False) for key in self.keys]})

        @app.post("/token")
        async def token(request: Request):
            form = dict(await request.form())
            self.forms.append(form | {"authorization": request.headers.get("authorization", "")})
            query = self.codes.pop(str(form.get("code")), None)
            challenge = urlsafe_b64encode(hashlib.sha256(str(form.get("code_verifier")).encode()).digest()).rstrip(b"=")
            if query is None or challenge.decode() != query["code_challenge"]:
                return answer("token", Response('{"error": "invalid_grant"}', 400, content_type="application/json"))
            access_token = secrets.token_urlsafe(16)
            data = {"access_token": access_token, "token_type": "Bearer"}
            if "nonce" in query:
                data["id_token"] = self.id_token(query, access_token)
            return answer("token", data | self.token)

        @app.get("/userinfo")
        async def userinfo(request: Request):
            assert request.headers["authorization"].startswith("Bearer ")
            return answer("userinfo", self.userinfo)


def basic_credentials(field):
    """Id and secret of a Basic `Authorization`, as they were encoded."""
    return b64decode(field.partition(" ")[2]).decode().split(":")
