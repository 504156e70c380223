"""An application with documentation pages, at its root and below a mount; run with a port."""

from __future__ import annotations

import sys

from nacre import HTMLResponse, JSONResponse, Nacre, Response
from nacre.openapi import pages

TITLE = "Lamps & <shades>"
UIS: tuple[pages.UI, ...] = ("swagger", "elements")

LAMP = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "examples": ["Anglepoise"]},
        "price": {"type": ["number", "null"], "exclusiveMinimum": 0},
        "kind": {"enum": ["desk", "floor"]},
        "shades": {"type": "array", "items": {"$ref": "#/components/schemas/Shade"}},
    },
}

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {
        "title": TITLE,
        "version": "1.0",
        "description": "What **lights** a room.\n\n| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | 3 |\n\n"
        '\n```json\n{"a": 1}\n```\n',
    },
    "servers": [{"url": "."}],
    "tags": [{"name": "lamps", "description": "Things that shine"}],
    "components": {
        "schemas": {
            "Lamp": LAMP,
            "Shade": {"type": "object", "properties": {"colour": {"type": "string"}}},
        },
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
    },
    "paths": {
        "/lamps/{lamp_id}": {
            "get": {
                "tags": ["lamps"],
                "operationId": "get_lamp",
                "summary": "One lamp",
                "parameters": [
                    {"name": "lamp_id", "in": "path", "required": True, "schema": {"type": "integer"}},
                    {"name": "note", "in": "query", "schema": {"type": "string"}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                ],
                "security": [{"bearer": []}],
                "responses": {
                    "200": {
                        "description": "The lamp",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}},
                    }
                },
            }
        },
        "/lamps": {
            "post": {
                "tags": ["lamps"],
                "operationId": "add_lamp",
                "summary": "Add a lamp",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}},
                },
                "responses": {"201": {"description": "The lamp as it was kept"}},
            }
        },
        "/picture": {
            "get": {
                "tags": ["lamps"],
                "operationId": "get_picture",
                "summary": "A picture",
                "responses": {"200": {"description": "A picture", "content": {"image/png": {}}}},
            }
        },
    },
}

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

    @app.get("/openapi.json")
    async def document(request):
        return JSONResponse(DOCUMENT)

    for ui in UIS:
        app.get(f"/docs/{ui}")(lambda request, ui=ui: pages.page(TITLE, "../openapi.json", ui, "../assets"))

    @app.get("/assets/<name>")
    def asset(request, name):
        return pages.asset(name, request)

    @app.get("/lamps/<int:lamp_id>")
    async def get_lamp(request, lamp_id):
        seen = {name: request.headers.get(name) for name in ("x-trace", "authorization")}
        return {"lamp": lamp_id, "path": request.root_path + request.path, "note": request.query.get("note"), **seen}

    @app.post("/lamps")
    async def add_lamp(request):
        return JSONResponse({"kept": (await request.json())["name"]}, status=201)

    @app.get("/picture")
    async def get_picture(request):
        return Response(PICTURE, content_type="image/png")

    @app.get("/unruly")
    async def unruly(request):
        policy = pages.page(TITLE, "", "swagger", "").headers["content-security-policy"]
        return HTMLResponse(UNRULY, headers={"content-security-policy": policy})

    @app.get("/unruly.js")
    async def unruly_script(request):
        return Response(UNRULY_SCRIPT, content_type="text/javascript")

    return app


def serve(port: int) -> None:
    pages.require_assets()
    app = build()
    app.mount("/mounted/below", build())
    app.run(port=port, log_level="error")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
