"""What credentials an operation needs: of each layer around it that asks, one scheme."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nacre.describe import ChainDescription, InputDescription
from nacre.documentation import Security
from nacre.openapi.schema import Schema

Requirement = dict[str, list[str]]


class SecuritySchemes:
    """The security schemes of one document; two that differ get different names."""

    def __init__(self) -> None:
        self.schemes: dict[str, Schema] = {}

    def requirements(self, chain: ChainDescription, own: Security | None) -> list[Requirement] | None:
        """The Security Requirement Objects of an operation, each of which is enough; None if nobody asks for any.

        `own` is what the route itself says; without any scheme it says that none is needed.
        """
        if own is not None and not own:
            return []
        asked = [layer.security for layer in chain.layers if layer.security]
        asked += [own] if own else []
        choices = [[self._requirement(name, scheme) for name, scheme in one.items()] for one in asked]
        if not any(names_authorization(one) for one in asked):
            choices += self._undeclared(chain.inputs)
        if not choices:
            return None
        found: list[Requirement] = []
        for combination in itertools.product(*choices):
            requirement = {name: scopes for one in combination for name, scopes in one.items()}
            if requirement not in found:
                found.append(requirement)
        return found

    def _requirement(self, name: str, scheme: Mapping[str, Any]) -> Requirement:
        plain = {key: value for key, value in scheme.items() if key != "scopes"}
        while self.schemes.setdefault(name, plain) != plain:
            name += "_"
        return {name: list(scheme.get("scopes", ()))}

    def _undeclared(self, inputs: Iterable[InputDescription]) -> Iterator[list[Requirement]]:
        """An `Authorization` field that somebody reads is no parameter in OpenAPI, so it is shown as a scheme."""
        readers = [one for one in inputs if (one.source, one.key.lower()) == ("header", "authorization")]
        if readers:
            pattern = next((one.constraints.pattern for one in readers if one.constraints.pattern), "")
            name, scheme = _guess(pattern)
            needed = self._requirement(name, scheme)
            yield [needed] if any(one.required for one in readers) else [needed, {}]


def _guess(pattern: str) -> tuple[str, Schema]:
    """The scheme that the pattern of an `Authorization` field begins with (RFC 9110 §11.4)."""
    word = pattern.lstrip("^").lower()
    for scheme in ("bearer", "basic"):
        if word.startswith(scheme):
            return scheme, {"type": "http", "scheme": scheme}
    return "authorization", {"type": "apiKey", "in": "header", "name": "Authorization"}


def names_authorization(security: Security) -> bool:
    """Whether one of the schemes is sent as `Authorization`."""
    return any(
        scheme["type"] in ("http", "oauth2", "openIdConnect") or ("header", "authorization") == place_of(scheme)
        for scheme in security.values()
    )


def place_of(scheme: Mapping[str, Any]) -> tuple[str, str] | None:
    """Source and lower-case name of the field that holds an API key; None for schemes of other types."""
    if scheme["type"] != "apiKey":
        return None
    return scheme["in"], scheme["name"].lower()


def covered_by(requirements: Sequence[Requirement] | None, schemes: Mapping[str, Schema]) -> list[tuple[str, str]]:
    """The fields that the schemes of an operation already speak of, so that they are no parameters besides."""
    names = dict.fromkeys(name for one in requirements or () for name in one)
    return [place for name in names if (place := place_of(schemes[name])) is not None]
