"""The application behind nginx (tests/defence/test_nginx.py): it tells what it knows of a request."""

from typing import Any

from nacre import Nacre, Request
from nacre.security import ProxyHeaders

PROXIES = ["127.0.0.2", "127.0.0.3"]

app = Nacre()


def told(request: Request) -> Any:
    return {
        "client": request.client[0] if request.client else None,
        "scheme": request.scheme,
        "host": request.headers["host"],
        "left": [name for name in request.headers if "forwarded" in name],
    }


app.get("/x", middlewares=[ProxyHeaders(PROXIES, fields=["for", "proto", "host"])])(told)
app.get("/rfc", middlewares=[ProxyHeaders(PROXIES, headers="forwarded", fields=["for", "proto", "host"])])(told)
