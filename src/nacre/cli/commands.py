"""The commands: their options, and what each prints."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import click

from nacre import __version__
from nacre.cli.chains import echo_all_chains, echo_explanation
from nacre.cli.deploy import as_data, echo_risks, is_unsafe
from nacre.cli.discovery import Misconfigured, compile_app, find_target
from nacre.cli.served import serve_from_here
from nacre.cli.tables import echo_json, echo_table
from nacre.describe import AppDescription, RouteDescription, plain
from nacre.errors import MissingExtra
from nacre.urls import decode_path

F = TypeVar("F", bound=Callable[..., Any])

_APP_HELP = "The application, as module:attribute or module:factory()."
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def _takes_app(function: F) -> F:
    """The application as an argument or as `--app`."""
    function = click.option("--app", metavar="MODULE:APP", help=_APP_HELP)(function)
    return click.argument("target", metavar="[MODULE:APP]", required=False)(function)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="nacre %(version)s")
def main() -> None:
    """Run a Nacre application, and look at what it is made of.

    The application is given as MODULE:APP. Without it the variable NACRE_APP counts, then `app` under [tool.nacre] in
    pyproject.toml, then an `app` or `application` in app.py, main.py, asgi.py or wsgi.py.
    """


# Serving.


@main.command()
@_takes_app
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="The port to listen on.")
@click.option("--uds", metavar="PATH", help="A Unix socket to listen on, instead of host and port.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="The number of processes.")
@click.option("--reload", is_flag=True, help="Restart when a file changes; needs nacre[reload].")
@click.option(
    "--interface", default="rsgi", show_default=True, type=click.Choice(["rsgi", "asgi", "wsgi"]), help="The protocol."
)
@click.option("--ssl-cert", metavar="FILE", help="The certificate, with --ssl-key.")
@click.option("--ssl-key", metavar="FILE", help="The private key, with --ssl-cert.")
@click.option(
    "--ssl-key-password", metavar="TEXT", envvar="NACRE_SSL_KEY_PASSWORD", help="What the key is locked with."
)
@click.option("--access-log/--no-access-log", default=False, show_default=True, help="Log each request.")
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    type=click.Choice(["critical", "error", "warning", "info", "debug"]),
    help="What the server logs.",
)
@click.option(
    "--shutdown-timeout",
    default=30,
    show_default=True,
    type=click.IntRange(0),
    metavar="SECONDS",
    help="How long running requests may take to finish.",
)
def run(target: str | None, app: str | None, **options: Any) -> None:
    """Serve an application."""
    cert, key, password = (options.pop(name) for name in ("ssl_cert", "ssl_key", "ssl_key_password"))
    if (cert is None) != (key is None):
        raise click.UsageError("--ssl-cert and --ssl-key belong together")
    if cert is not None:
        from nacre.server import TLS

        options["ssl"] = TLS(cert, key, password)
    _serve(target or app, debug=False, options=options)


@main.command()
@_takes_app
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="The port to listen on.")
@click.option("--reload/--no-reload", default=True, show_default=True, help="Restart when a file changes.")
def dev(target: str | None, app: str | None, port: int, *, reload: bool) -> None:
    """Serve an application for its developer: debug on, restarted when a file changes, on this machine only."""
    _serve(target or app, debug=True, options={"host": "127.0.0.1", "port": port, "reload": reload, "access_log": True})


def _serve(given: str | None, *, debug: bool, options: dict[str, Any]) -> None:
    from nacre.server import run as serve

    target = find_target(given)
    reference = serve_from_here(target, debug=debug)
    if not options.get("reload"):
        compile_app(target)  # what is wrong is shown here, once, and not by each worker
    if options.get("uds") is None:
        _check_address(options["host"], options["port"])
    try:
        serve(reference, **options)
    except MissingExtra as error:
        way_out = "; or add --no-reload" if debug else ""
        raise click.ClickException(f"{error}{way_out}") from None


def _check_address(host: str, port: int) -> None:
    """Say in one line what the server would say in a backtrace."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            if sys.platform != "win32":  # there it would mean to share the port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise click.ClickException(f"can't listen on {host}:{port}: {error.strerror or error}") from None


# Looking.


@main.command()
@_takes_app
@_as_json
def routes(target: str | None, app: str | None, *, as_json: bool) -> None:
    """List the routes."""
    description = _describe(target or app)
    if as_json:
        echo_json({"routes": description.as_dict()["routes"]})
        return
    if not description.routes:
        click.echo("no routes")
        return
    rows = [row for route in description.routes for row in _rows(route)]
    echo_table(("METHOD", "PATH", "NAME", "HANDLER", "LAYERS", "DECLARED"), rows)


def _rows(route: RouteDescription) -> list[tuple[str, ...]]:
    path = f"{route.host or ''}{route.path}"
    return [
        (chain.method, path, route.name or "", chain.handler, str(len(chain.layers)), str(route.where or ""))
        for chain in route.chains
    ]


@main.command()
@click.argument("method", required=False)
@click.argument("url", metavar="[URL]", required=False)
@click.option("--app", metavar="MODULE:APP", help=_APP_HELP)
@click.option("--source", is_flag=True, help="Show the code that was written to bind parameters and run hooks, too.")
@_as_json
def chain(method: str | None, url: str | None, app: str | None, *, source: bool, as_json: bool) -> None:
    """Show what a request passes through, in order, and why.

    METHOD is GET if only a path is given. The path is a concrete one, such as /users/42; with a whole URL its host
    counts too. Without any, all chains are listed in short.
    """
    if method is not None and url is None:
        if not _is_target(method):
            raise click.UsageError(f"{method} of what? Give a path too, e.g. `nacre chain {method.upper()} /users/42`")
        method, url = "GET", method
    if url is not None and not _is_target(url):
        raise click.UsageError(f"{url} is neither a path nor a URL; a path begins with a slash: /{url}")
    nacre = compile_app(find_target(app))
    if method is None or url is None:
        description = nacre.describe()
        if as_json:
            echo_json(description.as_dict())
        else:
            echo_all_chains(description)
        return
    path, host = _split(url)
    explanation = nacre.explain(method, path, host)
    if as_json:
        echo_json(explanation.as_dict())
    else:
        echo_explanation(explanation, source=source)


def _is_target(text: str) -> bool:
    return text.startswith("/") or "://" in text or text == "*"


def _split(url: str) -> tuple[str, str | None]:
    """The path as `request.path` has it, and the host of a whole URL."""
    host = None
    if "://" in url:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise click.UsageError(f"{url} is no URL: {error}") from None
        host, url = parts.netloc.rpartition("@")[2], parts.path or "/"
    raw = url.partition("?")[0].partition("#")[0]
    try:
        return decode_path(raw.encode()), host
    except ValueError:
        return "\ufffd", host  # what servers make of it


@main.command()
@_takes_app
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), help="Where to; without it, here.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "yaml"]),
    help="The form; by default that of the file's ending, or JSON.  [yaml needs nacre[yaml]]",
)
@click.option("--title", help="The title, if it isn't the one of OpenAPI(…) in the application, or its name.")
@click.option("--version", help="The version of what is described, likewise.")
def openapi(
    target: str | None,
    app: str | None,
    output: str | None,
    form: Literal["json", "yaml"] | None,
    title: str | None,
    version: str | None,
) -> None:
    """Write the OpenAPI 3.1 document.

    With the title, servers and all else that OpenAPI(…) says, if the application includes one.
    """
    from nacre.cli.documents import write_document

    write_document(compile_app(find_target(target or app)), output, form, title, version)


@main.command()
@_takes_app
@click.option("--deploy", is_flag=True, help="Look for what is unsafe in public, too.")
@_as_json
def check(target: str | None, app: str | None, *, deploy: bool, as_json: bool) -> None:
    """Check the configuration; exit status 1 if something is wrong with it.

    With --deploy also if it is unsafe to be deployed so: each finding says what to change. Those called low are advice.
    """
    try:
        nacre = compile_app(find_target(target or app))
        description = nacre.describe()
    except Misconfigured as error:
        if not as_json:
            raise
        echo_json({"ok": False, "routes": None, "layers": None, "problems": plain(error.problems)})
        raise click.exceptions.Exit(error.exit_code) from None
    counts = {"routes": len(description.routes), "layers": _count_layers(description)}
    risks = nacre.find_risks() if deploy else ()
    if as_json:
        echo_json(
            {"ok": True, **counts, "problems": [], **({"risks": [as_data(risk) for risk in risks]} if deploy else {})}
        )
    else:
        words = (f"{count} {name if count != 1 else name[:-1]}" for name, count in counts.items())
        click.echo(f"{click.style('ok', fg='green', bold=True)}: {', '.join(words)}")
        if deploy:
            echo_risks(risks)
    if is_unsafe(risks):
        raise click.exceptions.Exit(1)


def _describe(given: str | None) -> AppDescription:
    return compile_app(find_target(given)).describe()


def _count_layers(description: AppDescription) -> int:
    chains = [*description.chains, *(chain for chains in description.fallbacks.values() for chain in chains)]
    layers = [layer for chain in chains for layer in (*chain.layers, *chain.skipped)]
    return len({(layer.name, layer.style, layer.scope, layer.where) for layer in layers})
