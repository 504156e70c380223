"""An application with documentation pages, at its root and below a mount; run with a port."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec

from nacre import Group, Header, HTMLResponse, Nacre, Request, Response
from nacre.openapi import OpenAPI, pages

TITLE = "Lamps & <shades>"
DESCRIPTION = """What **lights** a room.

| a | b | c |
|:--|:-:|--:|
| 1 | 2 | 3 |

```json
{"a": 1}
```
"""
BEARER = {"bearer": {"type": "http", "scheme": "bearer"}}


class Shade(msgspec.Struct):
    colour: str
    inner: Shade | None = None


class Lamp(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, examples=["Anglepoise"])]
    price: Annotated[float, msgspec.Meta(gt=0)] | None = None
    shades: list[Shade] = []


# One pixel.
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003860180"
    "5a349e7d0000000049454e44ae426082"
)

# A page that does what a documentation page must not do, to see that it would be noticed.
UNRULY = """<!doctype html><title>unruly</title><link rel="icon" href="data:,">
<script>alert(1)</script><p style="color: red">styled</p>
<img src="https://images.example/a.png"><script src="unruly.js"></script>"""
UNRULY_SCRIPT = """
const attempt = async (what) => { try { await what(); } catch {} };
attempt(() => fetch("https://fetched.example/"));
attempt(() => new Function("return 1")());
console.error("planted in the console");
setTimeout(() => { throw new Error("planted in a timer"); }, 0);
setTimeout(() => { document.title = "finished"; }, 200);
"""


def build() -> Nacre:
    app = Nacre()
    app.include(OpenAPI(title=TITLE, description=DESCRIPTION, tags={"lamps": "Things that shine"}, docs_path="/docs"))
    app.include(OpenAPI(title=TITLE, ui="elements", path="/api.json", yaml_path=None, docs_path="/deep/elements"))
    lamps = Group("/lamps", name="lamps", tags=["lamps"])
    app.include(lamps)

    @lamps.get("/<int:lamp_id>", security=BEARER)
    async def get_lamp(
        request: Request, lamp_id: int, note: str = "", trace: str = Header("", alias="X-Trace")
    ) -> dict[str, Any]:
        """One lamp."""
        seen = {"note": note, "trace": trace, "authorization": request.headers.get("authorization")}
        return {"lamp": lamp_id, "path": request.root_path + request.path, **seen}

    @lamps.post("", status_code=201)
    async def add_lamp(request: Request, lamp: Lamp) -> dict[str, str]:
        """Add a lamp."""
        return {"kept": lamp.name}

    @lamps.get("/picture", responses={200: ("The picture", bytes, "image/png")})
    async def get_picture(request: Request) -> Response:
        """A picture."""
        return Response(PICTURE, content_type="image/png")

    @app.get("/unruly", hidden=True)
    async def unruly(request: Request) -> Response:
        policy = pages.page(TITLE, "", "swagger", "").headers["content-security-policy"]
        return HTMLResponse(UNRULY, headers={"content-security-policy": policy})

    @app.get("/unruly.js", hidden=True)
    async def unruly_script(request: Request) -> Response:
        return Response(UNRULY_SCRIPT, content_type="text/javascript")

    return app


def serve(port: int) -> None:
    app = build()
    app.mount("/mounted/below", build())
    app.run(port=port, log_level="error")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
