"""The files of two OpenAPI user interfaces, and what a Content-Security-Policy has to allow them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

NAMES = ("swagger-ui.js", "swagger-ui.css", "swagger-ui.png", "elements.js", "elements.css")
"""What `read` has, each named for how a page loads it."""

STYLE_POLICY: Mapping[str, str] = {
    # Column alignments in Markdown tables are the only style attributes in Swagger UI's markup:
    # `text-align:` `left`, `center` and `right`.
    "swagger": (
        "style-src 'self'; style-src-attr 'unsafe-hashes' 'sha256-De7agAeYqm6ANIVvRRW6HFWi52AJW8inhFE0gSdgXnI='"
        " 'sha256-kFAIUwypIt04FgLyVU63Lcmp2AQimPh/TdYjy04Flxs=' 'sha256-XzJlZKVo+ff9ozww9Sr2p/2TbJXITZuaWMZ9p53zN1U='"
    ),
    # Elements adds one style element, Font Awesome's, always with the same text.
    "elements": "style-src 'self' 'sha256-MBVp6JYxbC/wICelYC6eULCRpgi9kGezXXSaq/TS2+I='",
}
"""The style directives that these very files work under; a hash stands for one inline style that is in them."""


def read(name: str) -> bytes:
    """Return a file of `NAMES`, compressed with gzip; raises KeyError for every other name."""
    if name not in NAMES:
        raise KeyError(name)
    return (files(__package__) / "files" / f"{name}.gz").read_bytes()
