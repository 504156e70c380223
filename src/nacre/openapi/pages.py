"""Documentation pages that need no network: the page, and the files it loads.

A page holds no script or style of its own and names its files and the document by the URLs it is given, relative or
absolute. So it works below any path, and under a policy that allows this origin only. The files come from the extra
`openapi-ui`. Their names contain a part of their hash: they may be cached for good, and a release that changes one
changes its URL.
"""

from __future__ import annotations

import gzip
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from nacre.errors import MissingExtra, NotFound
from nacre.files import guess_content_type
from nacre.media import parse_accept
from nacre.pages.markup import escape
from nacre.request import Request
from nacre.response import HTMLResponse, Response

UI = Literal["swagger", "elements"]
"""The user interfaces that a page can have: Swagger UI, Stoplight Elements."""

# Scripts, styles and requests of this origin; `{style}` is what one interface adds to that. `blob:` is how both show an
# image that an operation answered with, `data:` how they draw icons.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{style}; img-src 'self' data: blob:; media-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# Columns of Markdown tables are aligned by style attributes, the only ones in Swagger UI's markup: `text-align:left`,
# `text-align:center` and `text-align:right`.
_SWAGGER_POLICY = (
    "; style-src-attr 'unsafe-hashes' 'sha256-De7agAeYqm6ANIVvRRW6HFWi52AJW8inhFE0gSdgXnI='"
    " 'sha256-kFAIUwypIt04FgLyVU63Lcmp2AQimPh/TdYjy04Flxs=' 'sha256-XzJlZKVo+ff9ozww9Sr2p/2TbJXITZuaWMZ9p53zN1U='"
)

# Elements makes style elements in its scripts, one of them with a text that differs each time. `_ELEMENTS_START` gives
# them the nonce; those that markup brings have none and are refused.
_ELEMENTS_POLICY = " 'nonce-{nonce}'"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{icon}">
{styles}
</head>
<body>
{element}
{scripts}
</body>
</html>
"""

# Nothing of what is typed into the page is kept beyond it, and nothing but the document's URL is taken from the page's.
_SWAGGER_START = """"use strict";
const page = document.getElementById("documentation");
SwaggerUIBundle({
  domNode: page,
  url: new URL(page.dataset.document, location.href).href,
  deepLinking: true,
  persistAuthorization: false,
  queryConfigEnabled: false,
  validatorUrl: null,
});
"""

_SWAGGER_STYLE = """body { margin: 0; }
"""

# Elements keeps what is typed into its authentication fields in the local storage, so it gets none. It takes the URL of
# a server as relative to the origin; OpenAPI says that it is relative to the document (3.1, "Server Object").
_ELEMENTS_START = """"use strict";
Object.defineProperty(window, "localStorage", { value: undefined });

const { nonce } = document.currentScript;
const createElement = document.createElement.bind(document);
document.createElement = (name, ...rest) => {
  const element = createElement(name, ...rest);
  if (element.localName === "style") element.nonce = nonce;
  return element;
};

const page = document.getElementById("documentation");
const url = new URL(page.dataset.document, location.href).href;
const absolute = (server) => (server.url.includes("{") ? server : { ...server, url: new URL(server.url, url).href });
const load = async () => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} was answered with ${answer.status}`);
  const description = await answer.json();
  if (description.servers) description.servers = description.servers.map(absolute);
  return description;
};
customElements.whenDefined(page.localName).then(load).then(
  (description) => { page.apiDescriptionDocument = description; },
  () => { page.apiDescriptionUrl = url; }, // what is wrong with it, Elements says in the page
);
"""

# The link to Elements' maker tells the operation that is shown; it is left out.
_ELEMENTS_STYLE = """html, body { height: 100%; margin: 0; }
elements-api { display: block; height: 100%; }
a[href^="https://stoplight.io/"] { display: none !important; }
"""


@dataclass(frozen=True)
class _View:
    """What a page of one interface consists of, by the names that `_File` has."""

    policy: str
    element: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    icon: str | None = None


_VIEWS: Mapping[UI, _View] = {
    "swagger": _View(
        _SWAGGER_POLICY,
        '<div id="documentation" data-document="{document}"></div>',
        ("swagger-ui.css", "swagger-page.css"),
        ("swagger-ui.js", "swagger-start.js"),
        "swagger-ui.png",
    ),
    "elements": _View(
        _ELEMENTS_POLICY,
        '<elements-api id="documentation" data-document="{document}" router="hash"'
        ' tryItCredentialsPolicy="same-origin"></elements-api>',
        ("elements.css", "elements-page.css"),
        ("elements-start.js", "elements.js"),
    ),
}

_OWN = {
    "swagger-page.css": _SWAGGER_STYLE,
    "swagger-start.js": _SWAGGER_START,
    "elements-page.css": _ELEMENTS_STYLE,
    "elements-start.js": _ELEMENTS_START,
}


@dataclass(frozen=True)
class _File:
    """A file as it is sent; `url_name` is the last segment of its URL."""

    name: str
    compressed: bytes = field(repr=False)
    digest: str

    @cached_property
    def plain(self) -> bytes:
        """The content for the few clients that don't take gzip; decompressed when the first of them asks."""
        return gzip.decompress(self.compressed)

    @property
    def url_name(self) -> str:
        stem, _, ending = self.name.rpartition(".")
        return f"{stem}-{self.digest[:12]}.{ending}"


@dataclass(frozen=True)
class _Assets:
    files: Mapping[str, _File]
    by_url_name: Mapping[str, _File]


@lru_cache(maxsize=1)
def _assets() -> _Assets:
    try:
        import nacre_openapi_ui
    except ModuleNotFoundError as error:
        if error.name != "nacre_openapi_ui":
            raise
        raise MissingExtra("the documentation pages", "openapi-ui") from None
    contents = {name: nacre_openapi_ui.read(name) for name in nacre_openapi_ui.NAMES}
    files = {name: _File(name, content, hashlib.sha256(content).hexdigest()) for name, content in contents.items()}
    for name, text in _OWN.items():
        # The digest is that of the text: how it is compressed may differ from one worker's machine to another's.
        digest = hashlib.sha256(text.encode()).hexdigest()
        files[name] = _File(name, gzip.compress(text.encode(), mtime=0), digest)
    return _Assets(files, {file.url_name: file for file in files.values()})


def require_assets() -> None:
    """Load the files of the pages; for startup, where reading them keeps no request waiting.

    Raises MissingExtra if the package that has them is not installed.
    """
    _assets()


def page(title: str, spec_url: str, ui: UI, assets_url: str) -> HTMLResponse:
    """The page that shows the document at `spec_url`; its files are asked for as `assets_url` + "/" + name.

    URLs that are relative are so to the page's own. Raises MissingExtra as `require_assets` does.
    """
    assets, view, nonce = _assets(), _VIEWS[ui], secrets.token_urlsafe(16)

    def url(name: str) -> str:
        return escape(f"{assets_url.removesuffix('/')}/{assets.files[name].url_name}")

    styles = [f'<link rel="stylesheet" href="{url(name)}">' for name in view.styles]
    scripts = [f'<script src="{url(name)}" nonce="{nonce}"></script>' for name in view.scripts]
    content = _PAGE.format(
        title=escape(title),
        icon=url(view.icon) if view.icon else "data:,",
        styles="\n".join(styles),
        element=view.element.format(document=escape(spec_url)),
        scripts="\n".join(scripts),
    )
    headers = {
        "content-security-policy": _POLICY.format(style=view.policy.format(nonce=nonce)),
        "x-content-type-options": "nosniff",
        # What is executed from the page goes to this origin, whose own checks may look at the referrer.
        "referrer-policy": "same-origin",
        "cache-control": "no-cache",
    }
    return HTMLResponse(content, headers=headers)


def asset(name: str, request: Request) -> Response:
    """The file that a page calls `name`: compressed if the client takes gzip, and 304 if it has the file.

    Raises NotFound for every name that isn't on a page of this release. The first request for the plain form of a file
    decompresses up to 2 MB, so a handler that calls this is a plain `def`.
    """
    file = _assets().by_url_name.get(name)
    if file is None:
        raise NotFound
    compressed = _takes_gzip(request)
    etag = f'"{file.digest[:32]}{"-gzip" if compressed else ""}"'
    headers = {
        "etag": etag,
        "cache-control": "public, max-age=31536000, immutable",
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
    }
    if _has(request, etag):
        return Response(status=304, headers=headers)
    if not compressed:
        return Response(file.plain, headers=headers, content_type=guess_content_type(file.name))
    headers["content-encoding"] = "gzip"
    return Response(file.compressed, headers=headers, content_type=guess_content_type(file.name))


def _takes_gzip(request: Request) -> bool:
    weights = dict(parse_accept(",".join(request.headers.getlist("accept-encoding"))))
    return weights.get("gzip", weights.get("*", 0)) > 0


def _has(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names the file; weakly compared (RFC 9110 §13.1.2)."""
    known = [
        one.strip(" \t").removeprefix("W/") for one in ",".join(request.headers.getlist("if-none-match")).split(",")
    ]
    return etag in known or "*" in known
