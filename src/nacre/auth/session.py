"""The user who is logged in as one of several ways to be known: `Login` beside tokens and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from nacre.auth.schemes import Credentials, Scheme
from nacre.errors import Unauthorized
from nacre.request import Request
from nacre.response import Response


class LoginPage(Protocol):
    """What `SessionAuth` needs of the layer `Login`."""

    def refuse(self, request: Request) -> Response:
        """The answer to who needs a login; raises Unauthorized where that is no page."""
        ...


class SessionAuth(Scheme):
    """The login of the session, as the layer `Login`, which stands outside of `Authentication`, has found it.

    With the `login` given, who isn't known and navigates with a browser is sent to its login page in place of a 401.
    A session is a cookie, which browsers send on their own: protect such routes from cross-site requests.
    """

    kind = "Session"
    is_ambient = True
    varies_on = ()  # the layer for sessions says what it reads
    requires: ClassVar[tuple[str, ...]] = ("login",)

    def __init__(
        self, login: LoginPage | None = None, *, cookie: str = "session", realm: str = "api", name: str = "session"
    ) -> None:
        super().__init__(lambda user: user, 1, name=name, realm=realm, inline=True)
        self._login = login
        self._cookie = cookie

    @property
    def security(self) -> Mapping[str, Any]:
        """The scheme as OpenAPI describes it; `cookie` is the name of the session's cookie."""
        return {"type": "apiKey", "in": "cookie", "name": self._cookie}

    def credentials(self, request: Request) -> Credentials | None:
        """The user, whom `Login` has put on the request."""
        return None if request.user is None else (request.user,)

    def refuse(self, request: Request) -> Response | None:
        """The way to the login page, for clients that navigate."""
        # Programs that accept anything (`*/*`) are among those that send tokens, and want the challenges.
        if self._login is None or "text/html" not in request.headers.get("accept", ""):
            return None
        try:
            return self._login.refuse(request)
        except Unauthorized:
            return None  # `Authentication` says it with the challenges of all schemes
