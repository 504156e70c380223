"""Bearer tokens, RFC 6750, and API keys: one text that stands for the user."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nacre.auth.schemes import Credentials, Known, Scheme
from nacre.errors import ConfigurationError, Location, Problem
from nacre.headers import TOKEN
from nacre.request import Request
from nacre.risks import Risk

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 §2.1
_MAX = 8192
"""Characters of a token or key. SECURITY: longer ones reach no parser and no database (CVE-2025-61920)."""


class BearerAuth(Scheme):
    """A token by `Authorization: Bearer`, RFC 6750.

    `verify(token)` returns the user or None; in place of a function there may be a mapping of tokens to users, which is
    read once. A wrong token is a 401 with `error="invalid_token"`, one that is malformed a 400 with `invalid_request`.
    Tokens of more than 8,192 characters are refused unseen. Look tokens up by a digest of them, as they are as good as
    passwords: `sha256(token)` is enough for random ones.
    """

    kind = "Bearer"
    reports_errors = True

    def __init__(
        self,
        verify: Callable[..., Any] | Mapping[str, Any],
        *,
        realm: str = "api",
        name: str = "bearer",
        inline: bool = False,
    ) -> None:
        if isinstance(verify, Mapping):
            verify, inline = Known(verify, "the tokens of BearerAuth"), True
        super().__init__(verify, 1, name=name, realm=realm, inline=inline)

    @property
    def security(self) -> Mapping[str, Any]:
        """The scheme as OpenAPI describes it."""
        return {"type": "http", "scheme": "bearer"}

    def credentials(self, request: Request) -> Credentials | None:
        """The token."""
        token = self.authorization(request)
        if token is None:
            return None
        if len(token) > _MAX or not _TOKEN.fullmatch(token):
            raise self.malformed("the bearer token is malformed")
        return (token,)


class APIKey(Scheme):
    """A key in a header field, a query field or both, or in a cookie.

    `verify(key)` returns the user or None; in place of a function there may be a mapping of keys to users, which is
    read once. Two keys in one request are refused with 400. A key in the query stands in logs and histories; it is for
    clients that can set no header, such as WebSockets of browsers. A cookie is sent by browsers on their own, so a
    wrong one counts as none, by no `FailureLimit` either; protect such routes from cross-site requests.
    """

    kind = "ApiKey"

    def __init__(
        self,
        verify: Callable[..., Any] | Mapping[str, Any],
        *,
        header: str | None = None,
        query: str | None = None,
        cookie: str | None = None,
        realm: str = "api",
        name: str = "apiKey",
        inline: bool = False,
    ) -> None:
        if header is query is cookie is None:
            header = "X-API-Key"
        problems = _place_problems(header, query, cookie)
        if problems:
            raise ConfigurationError(problems)
        if isinstance(verify, Mapping):
            verify, inline = Known(verify, "the keys of APIKey"), True
        super().__init__(verify, 1, name=name, realm=realm, inline=inline)
        self._header, self._query, self._cookie = header, query, cookie
        self._where = Location.of_caller()
        self.is_ambient = cookie is not None
        self.varies_on = tuple(field for field in (header, cookie and "Cookie") if field)

    @property
    def security(self) -> Mapping[str, Any]:
        """The scheme as OpenAPI describes it: of header and query, the header."""
        places = (("header", self._header), ("query", self._query), ("cookie", self._cookie))
        place, key = next((place, key) for place, key in places if key is not None)
        return {"type": "apiKey", "in": place, "name": key}

    def find_risks(self) -> Iterable[Risk]:
        """Keys in addresses, which are written down in many places."""
        if self._query is not None:
            what = f"keys stand in addresses (?{self._query}=…), and so in logs, histories and `Referer` fields"
            yield Risk(what, "take keys by a header field, and short-lived ones for WebSockets", "low", self._where)

    def credentials(self, request: Request) -> Credentials | None:
        """The key."""
        if self._cookie is not None:
            key = request.cookies.get(self._cookie, "")
            return (key,) if 0 < len(key) <= _MAX else None
        keys = [] if self._header is None else request.headers.getlist(self._header)
        if self._query is not None:
            keys += request.query.getlist(self._query)
        if len(keys) > 1:
            raise self.malformed("the request has more than one API key")
        if not keys or not keys[0]:
            return None
        if len(keys[0]) > _MAX:
            raise self.malformed("the API key is too long")
        return (keys[0],)


def _place_problems(header: Any, query: Any, cookie: Any) -> list[Problem]:
    where, fix = Location.of_caller(), 'write header="X-API-Key" or the like'
    problems = [
        Problem(f"APIKey reads {one!r}, which is no name of a header field or cookie", where, fix)
        for one in (header, cookie)
        if one is not None and (not isinstance(one, str) or not one or one.rstrip(TOKEN))
    ]
    if query is not None and not (isinstance(query, str) and query):
        problems.append(Problem(f"APIKey reads {query!r}, which is no name of a query field", where, 'query="key"'))
    if cookie is not None and (header, query) != (None, None):
        what = "APIKey reads a cookie, which browsers send by themselves, and what clients send on purpose"
        fix = f"give Authentication one for each: APIKey(…), APIKey(…, cookie={cookie!r}, name='cookie')"
        problems.append(Problem(what, where, fix))
    return problems
