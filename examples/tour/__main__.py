"""Serve the tour: `python -m examples.tour`, with `--memory` or `--data DIRECTORY` to say where the notes are kept."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

TRY = [
    ("one document", "curl -i {url}/api/rfcs/9110"),
    ("a search", "curl '{url}/api/rfcs?area=TLS&q=version'"),
    (
        "a note; sent again it is a 409",
        "curl -i {url}/api/rfcs/9110/notes -H 'content-type: application/json'"
        """ -d '{{"reader": "Ada", "text": "Read section 15 twice."}}'""",
    ),
    ("deleting it needs the key", "curl -i -X DELETE {url}/api/rfcs/9110/notes/1 -H 'x-api-key: mother-of-pearl'"),
    (
        "all that is wrong with a document, at once",
        "curl -i {url}/api/rfcs -H 'x-api-key: mother-of-pearl' -H 'content-type: application/json'"
        """ -d '{{"number": 0, "title": "HTTP/4", "month": "April", "year": 2040.5}}'""",
    ),
    ("all documents, streamed", "curl -N {url}/api/export.ndjson"),
    ("a bug, and what the client sees of it", "curl -i {url}/broken"),
]

CHAINS = [
    "{python} -m nacre chain GET /rfc/9110 --app examples.tour.app:app",
    "{python} -m nacre chain DELETE /api/rfcs/9110/notes/1 --app examples.tour.app:app",
    "{python} -m nacre chain --app examples.tour.app:app",
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.tour", description="A tour of Nacre.")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--memory", action="store_true", help="keep the database in memory")
    place.add_argument("--data", type=Path, help="keep the database in this directory, beyond the end of the tour")
    options = parser.parse_args()
    if options.memory:
        serve("", options.port)
    elif options.data:
        options.data.mkdir(parents=True, exist_ok=True)
        serve(str(options.data / "library.sqlite"), options.port)
    else:
        with tempfile.TemporaryDirectory(prefix="nacre-tour-") as directory:
            serve(str(Path(directory, "library.sqlite")), options.port)


def serve(database: str, port: int) -> None:
    from examples.tour.app import build
    from examples.tour.layout import has_docs

    app = build(database)
    print(introduction(f"http://127.0.0.1:{port}", docs="/docs" if has_docs(app) else "/openapi.json"), flush=True)
    app.run(port=port, log_level="error")


def introduction(url: str, *, docs: str = "/docs") -> str:
    python = os.path.relpath(sys.executable)  # the one that has Nacre, .venv/bin/python after `make demo`
    lines = [f"\nThe reading room: {url}   (admin: admin, nacre; stop with Ctrl+C)"]
    lines += [f"Its API: {url}{docs}   (key: mother-of-pearl)", "", "Try:"]
    lines += [line for what, command in TRY for line in (f"  # {what}", f"  {command.format(url=url)}")]
    lines += ["", "See what a request passes through:", *(f"  {command.format(python=python)}" for command in CHAINS)]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
