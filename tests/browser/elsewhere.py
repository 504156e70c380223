"""Another site, whose pages try to use the members' one; run with a port."""

from __future__ import annotations

import sys

from nacre import HTMLResponse, Nacre, Query, Request, Response

EVIL = """<!doctype html><title>A prize</title><link rel="icon" href="data:,">
<form method="post" action="{target}"><input name="amount" value="100"><button>Take your prize</button></form>"""


def build() -> Nacre:
    app = Nacre()

    @app.get("/")
    async def blank(request: Request) -> Response:
        return HTMLResponse('<!doctype html><title>elsewhere</title><link rel="icon" href="data:,"><p>Elsewhere</p>')

    @app.get("/prize")
    async def prize(request: Request, port: int = Query()) -> Response:
        return HTMLResponse(EVIL.format(target=f"http://localhost:{port}/transfer"))

    return app


if __name__ == "__main__":
    build().run(port=int(sys.argv[1]), log_level="error")
