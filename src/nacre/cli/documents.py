"""The OpenAPI document of an application, written to a file or printed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from nacre import ConfigurationError, Nacre
from nacre.cli.discovery import Misconfigured
from nacre.errors import MissingExtra
from nacre.openapi.document import Heading, draw_document
from nacre.openapi.group import Format, encode, find_openapi, require_yaml
from nacre.openapi.schema import Schema


def write_document(app: Nacre, output: str | None, form: Format | None, title: str | None, version: str | None) -> None:
    """Write the document; `form` follows from the ending of `output` unless given."""
    form = form or ("yaml" if output is not None and output.endswith((".yaml", ".yml")) else "json")
    try:
        if form == "yaml":
            require_yaml()
        text = encode(_draw(app, title, version), form)
    except MissingExtra as error:
        raise click.ClickException(str(error)) from None
    except ConfigurationError as error:
        raise Misconfigured(error.problems) from None
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_bytes(text)
    except OSError as error:
        raise click.ClickException(f"can't write {output}: {error.strerror or error}") from None


def _draw(app: Nacre, title: str | None, version: str | None) -> Schema:
    group = find_openapi(app)
    heading = group.heading if group is not None else Heading(app.name or "Nacre application")
    heading = replace(heading, title=title or heading.title, version=version or heading.version)
    return draw_document(app.describe(), heading, amend=group.amend if group is not None else None)
