"""Serving an application from a program."""

from __future__ import annotations

from typing import Any

from nacre.errors import ConfigurationError, Location, Problem

_NAMES = {"workers": "workers", "reload": "reload", "uds": "uds", "log_level": "log_level"}


def run(*, flama_app: Any, server_host: str = "127.0.0.1", server_port: int = 8000, **server_options: Any) -> None:
    """Serve an application, or one named `module:attribute`, with Granian until it is stopped.

    Options are `server_workers`, `server_reload`, `server_uds`, `server_log_level`, `server_access_log`, and
    `server_ssl_certfile` with `server_ssl_keyfile`. Raises ConfigurationError for others.
    """
    from nacre.server import run as serve  # what serves is loaded where it is used

    given = {name.removeprefix("server_"): value for name, value in server_options.items()}
    certificate, key = given.pop("ssl_certfile", None), given.pop("ssl_keyfile", None)
    options: dict[str, Any] = {
        _NAMES[name]: given.pop(name) for name in list(given) if name in _NAMES and given[name] is not None
    }
    options["access_log"] = bool(given.pop("access_log", False))
    # PERF: middlewares are ASGI classes; RSGI requests would have to be described to them as scopes, 25 µs each.
    options["interface"] = "asgi"
    if given:
        name = next(iter(given))
        fix = "leave it out, or serve with `nacre run`, `granian` or `uvicorn`, which have settings of their own"
        raise ConfigurationError(Problem(f"run() has no option `server_{name}`", Location.of_caller(), fix))
    ssl = (certificate, key) if certificate else None
    serve(flama_app, host=server_host, port=server_port, ssl=ssl, **options)
