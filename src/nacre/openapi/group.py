"""The document and its pages, as a group that an application includes."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from importlib.util import find_spec
from typing import Any, Literal

import msgspec

from nacre import ConfigurationError, Group, Nacre, Request, Response
from nacre.describe import AppDescription
from nacre.documentation import Security, check_security
from nacre.errors import MissingExtra
from nacre.groups import Inclusion
from nacre.openapi import pages
from nacre.openapi.document import Heading, draw_document
from nacre.openapi.schema import Schema
from nacre.route import Route

Format = Literal["json", "yaml"]

_TYPES: Mapping[Format, str] = {"json": "application/json", "yaml": "application/yaml"}  # RFC 9512 for YAML
_KEPT_MAX = 16


class Unset(Enum):
    """The type of `IF_INSTALLED`."""

    IF_INSTALLED = "if installed"

    def __repr__(self) -> str:
        return self.name


IF_INSTALLED = Unset.IF_INSTALLED
"""A path that is served if the extra it needs is there."""


class OpenAPI(Group):
    """The OpenAPI 3.1 document of the application that includes it, and pages that show it.

    `title`, `version`, `description` and the further fields in `info` are those of the Info Object. `servers` are URLs
    or Server Objects, by default where the application is; `tags` describe tags by their names; `security_schemes` are
    those that layers and routes only name. `amend(document)` may change the document before it is served. The document
    is drawn when it is first asked for, and again after a late declaration. In a mounted application it has what is
    under the mount, with the layers of the applications around it.

    A path that is None is not served. YAML needs the extra `yaml`, pages need `openapi-ui`: without these extras they
    are left out, or, if their path is given, MissingExtra is raised.
    """

    def __init__(
        self,
        *,
        title: str,
        version: str = "0.1.0",
        description: str | None = None,
        info: Mapping[str, Any] | None = None,
        servers: Iterable[str | Mapping[str, Any]] = (),
        tags: Mapping[str, str] | None = None,
        security_schemes: Security | None = None,
        path: str = "/openapi.json",
        yaml_path: str | Unset | None = IF_INSTALLED,
        docs_path: str | Unset | None = IF_INSTALLED,
        ui: pages.UI = "swagger",
        amend: Callable[[Schema], object] | None = None,
        prefix: str = "",
        middlewares: Iterable[Any] = (),
    ) -> None:
        super().__init__(prefix, middlewares=middlewares, slashes="redirect")
        check_security(security_schemes or {}, f"OpenAPI({title!r})", self.where)
        self.heading = Heading(
            title,
            version,
            description,
            dict(info or {}),
            tuple(servers),
            dict(tags or {}),
            dict(security_schemes or {}),
        )
        self.amend = amend
        self._ui: pages.UI = ui
        self._json_path = path
        self._docs_path = ""
        self._drawn = _Drawn()
        self.add_route(path, self.openapi_json, hidden=True)
        self._add_yaml(yaml_path)
        self._add_docs(docs_path)

    def _add_yaml(self, path: str | Unset | None) -> None:
        if path is None or (path is IF_INSTALLED and not can_write_yaml()):
            return
        require_yaml()
        self.add_route(path if isinstance(path, str) else "/openapi.yaml", self.openapi_yaml, hidden=True)

    def _add_docs(self, path: str | Unset | None) -> None:
        if path is None:
            return
        try:
            pages.require_assets()
        except MissingExtra:
            if path is IF_INSTALLED:
                return
            raise
        self._docs_path = path if isinstance(path, str) else "/docs"
        self.add_route(self._docs_path, self.openapi_docs, hidden=True)
        self.add_route(f"{self._docs_path.rstrip('/')}/assets/<name>", self.openapi_asset, hidden=True)

    def document(self, app: AppDescription, *, prefix: str = "", root_path: str = "") -> Schema:
        """Draw the document of an application; see `draw_document`."""
        return draw_document(app, self.heading, prefix=prefix, root_path=root_path, amend=self.amend)

    # Plain functions: to draw a large document takes longer than other requests should wait.

    def openapi_json(self, request: Request) -> Response:
        return self._answer(request, "json")

    def openapi_yaml(self, request: Request) -> Response:
        return self._answer(request, "yaml")

    def openapi_docs(self, request: Request) -> Response:
        return pages.page(self.heading.title, self._from_page(self._json_path), self._ui, self._from_page("assets"))

    def openapi_asset(self, request: Request, name: str) -> Response:
        return pages.asset(name, request)

    def _from_page(self, target: str) -> str:
        """A URL relative to the page's own, which is right also behind a proxy that hides a prefix."""
        path = target if target.startswith("/") else f"{self._docs_path.rstrip('/')}/{target}"
        return posixpath.relpath(path, self._docs_path.rpartition("/")[0] or "/")

    def _answer(self, request: Request, form: Format) -> Response:
        app = _serving(self, request)
        drawn = self._drawn
        if drawn.routes is not app.routes or len(drawn.texts) > _KEPT_MAX:
            # A compilation makes a new tuple of routes, so the old one tells that it is gone.
            self._drawn = drawn = _Drawn(app.routes)
        key = form, request.route, request.root_path
        if key not in drawn.texts:
            described = app.describe()
            document = self.document(described, prefix=_prefix(app, described, request), root_path=request.root_path)
            drawn.texts[key] = encode(document, form)
        return Response(drawn.texts[key], content_type=_TYPES[form])


class _Drawn:
    """The documents of one compilation, by form, by the route that serves them, and by `root_path`."""

    def __init__(self, routes: tuple[Any, ...] | None = None) -> None:
        self.routes = routes
        self.texts: dict[tuple[Format, Route | None, str], bytes] = {}


def _serving(group: Group, request: Request) -> Nacre:
    """The application that a request came in through: the request's own, or one that this is mounted in."""
    for app in reversed(list(dict.fromkeys(_holding(group)))):
        try:
            found = request.route in app.routes
        except ConfigurationError:  # one that doesn't serve, and couldn't
            continue
        if found:
            return app
    raise AssertionError("a group's routes are those of an application around it")


def _holding(group: Group) -> Iterator[Nacre]:
    """The applications around a group, inner ones first."""
    for holder in group.holders:
        if isinstance(holder, Nacre):
            yield holder
        yield from _holding(holder)


def _prefix(app: Nacre, described: AppDescription, request: Request) -> str:
    """The prefix under which the request's own application is mounted."""
    own: Any = request.app
    if own is app:
        return ""
    path = request.route.path if request.route is not None else ""
    mounts = [mount.prefix for mount in described.mounts if mount.native]
    around = [one for one in mounts if path.startswith(f"{one}/") and request.root_path.endswith(one)]
    return max(around, key=len, default="")


def find_openapi(group: Group) -> OpenAPI | None:
    """The first one that is included in an application or in a group of it, and not in what is mounted there."""
    for item in group.declarations:
        if isinstance(item, Inclusion):
            found = item.group if isinstance(item.group, OpenAPI) else find_openapi(item.group)
            if found is not None:
                return found
    return None


# Forms.


def can_write_yaml() -> bool:
    """Whether the extra `yaml` is installed."""
    return find_spec("yaml") is not None


def require_yaml() -> None:
    """Raise MissingExtra if the extra `yaml` is not installed."""
    if not can_write_yaml():
        raise MissingExtra("OpenAPI as YAML", "yaml")


def encode(document: Schema, form: Format) -> bytes:
    """The text of a document: JSON on lines of its own, or YAML. Raises TypeError for what `amend` put there."""
    if form == "yaml":
        return msgspec.yaml.encode(document)
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
