"""What credentials an operation needs: of each layer around it that asks, one scheme."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nacre.describe import AppDescription, ChainDescription, InputDescription, RouteDescription
from nacre.documentation import Security, check_security
from nacre.errors import ConfigurationError, Location, Problem
from nacre.openapi.schema import Schema

Requirement = dict[str, list[str]]


class SecuritySchemes:
    """The security schemes of one document; two that differ get different names.

    `declared` are those that layers and routes need only name.
    """

    def __init__(self, declared: Security, app: AppDescription) -> None:
        self.schemes: dict[str, Schema] = {}
        self._declared: dict[str, Schema] = {}
        given = [declared, *(one for route in app.routes for one in _asked(route))]
        for name, scheme in (pair for one in given for pair in one.items()):
            if scheme is not None:
                self._declared.setdefault(name, dict(scheme))

    def requirements(self, chain: ChainDescription, own: Security | None) -> list[Requirement] | None:
        """The Security Requirement Objects of an operation, each of which is enough; None if nobody asks for any.

        `own` is what the route itself says; without any scheme it says that none is needed. Raises ConfigurationError
        for a scheme that is no scheme, or is declared nowhere.
        """
        if own is not None and not own:
            return []
        choices: list[list[Requirement]] = []
        is_authorization_said = False
        for owner, where, security in _owners(chain, own):
            check_security(security, owner, where)
            schemes = {name: self._scheme(name, scheme, owner, where) for name, scheme in security.items() if name}
            choices.append([self._requirement(name, scheme) for name, scheme in schemes.items()])
            if "" in security:
                choices[-1].append({})
            is_authorization_said |= any(map(_is_authorization, schemes.values()))
        if not is_authorization_said:
            choices += self._undeclared(chain.inputs)
        if not choices:
            return None
        found: list[Requirement] = []
        for combination in itertools.product(*choices):
            requirement = {name: scopes for one in combination for name, scopes in one.items()}
            if requirement not in found:
                found.append(requirement)
        return found

    def _scheme(self, name: str, scheme: Mapping[str, Any] | None, owner: str, where: Location | None) -> Schema:
        if scheme is not None:
            return dict(scheme)
        if name not in self._declared:
            what = f"{owner} asks for the security scheme `{name}`, which is declared nowhere"
            fix = f"write OpenAPI(…, security_schemes={{{name!r}: {{'type': 'http', 'scheme': 'bearer'}}}}) or the like"
            raise ConfigurationError(Problem(what, where, fix))
        return self._declared[name]

    def _requirement(self, name: str, scheme: Schema) -> Requirement:
        plain = {key: value for key, value in scheme.items() if key != "scopes"}
        while self.schemes.setdefault(name, plain) != plain:
            name += "_"
        return {name: list(scheme.get("scopes", ()))}

    def _undeclared(self, inputs: Iterable[InputDescription]) -> Iterator[list[Requirement]]:
        """An `Authorization` field that somebody reads is no parameter in OpenAPI, so it is shown as a scheme."""
        readers = [one for one in inputs if (one.source, one.key.lower()) == ("header", "authorization")]
        if readers:
            pattern = next((one.constraints.pattern for one in readers if one.constraints.pattern), "")
            needed = self._requirement(*_guess(pattern))
            yield [needed] if any(one.required for one in readers) else [needed, {}]

    def covered(self, requirements: Sequence[Requirement] | None) -> list[tuple[str, str]]:
        """The fields that the schemes of an operation already speak of, so that they are no parameters besides."""
        names = dict.fromkeys(name for one in requirements or () for name in one)
        keys = (self.schemes[name] for name in names if self.schemes[name]["type"] == "apiKey")
        return [(scheme["in"], scheme["name"].lower()) for scheme in keys]


def _asked(route: RouteDescription) -> Iterator[Security]:
    if route.documentation.security:
        yield route.documentation.security
    yield from (layer.security for chain in route.chains for layer in chain.layers)


def _owners(chain: ChainDescription, own: Security | None) -> Iterator[tuple[str, Location | None, Security]]:
    """Who asks for credentials: how messages call it, where it is, and what it asks for."""
    for layer in chain.layers:
        if layer.security:
            yield f"layer `{layer.name}`", layer.where, layer.security
    if own:
        yield f"route `{chain.path}`", chain.where, own


def _guess(pattern: str) -> tuple[str, Schema]:
    """The scheme that the pattern of an `Authorization` field begins with (RFC 9110 §11.4)."""
    word = pattern.lstrip("^").lower()
    for scheme in ("bearer", "basic"):
        if word.startswith(scheme):
            return scheme, {"type": "http", "scheme": scheme}
    return "authorization", {"type": "apiKey", "in": "header", "name": "Authorization"}


def _is_authorization(scheme: Mapping[str, Any]) -> bool:
    """Whether a scheme's credentials are sent as `Authorization`."""
    if scheme["type"] == "apiKey":
        return (scheme["in"], scheme["name"].lower()) == ("header", "authorization")
    return bool(scheme["type"] != "mutualTLS")
