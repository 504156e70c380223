"""Which operations a document has: their paths, servers and ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nacre.describe import AppDescription, ChainDescription, RouteDescription
from nacre.openapi.schema import Schema
from nacre.routing import ANY_METHOD, HostVariable, parse_host
from nacre.websocket import WEBSOCKET

METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")
"""Those of the Path Item Object, in its order (OpenAPI Specification 3.1.0 §4.8.9)."""

_VARIABLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One route and method at its place in the document.

    `names` are those of the path's variables here: a path that two routes share has one name for each place.
    """

    route: RouteDescription
    chain: ChainDescription
    path: str
    names: Mapping[str, str]
    id: str = ""

    @property
    def method(self) -> str:
        return self.chain.method


def operations_of(app: AppDescription, prefix: str = "") -> list[Operation]:
    """The operations of all routes under a prefix that aren't hidden; what is mounted and no Nacre has none."""
    shapes: dict[str, str] = {}
    found: list[Operation] = []
    for route in app.routes:
        path = _below(route.template, prefix)
        if route.documentation.hidden or path is None:
            continue
        shared = shapes.setdefault(_VARIABLE.sub("{}", path), path)
        names = dict(zip(_VARIABLE.findall(path), _VARIABLE.findall(shared), strict=True))
        # OpenAPI 3.1 has no form for WebSockets.
        chains = (chain for chain in route.chains if chain.method not in (ANY_METHOD, WEBSOCKET))
        found += (Operation(route, chain, shared, names) for chain in chains)
    return _with_ids(found)


def _below(template: str, prefix: str) -> str | None:
    if not prefix:
        return template
    return template.removeprefix(prefix) or "/" if f"{template}/".startswith(f"{prefix}/") else None


# Ids.


def _with_ids(operations: Sequence[Operation]) -> list[Operation]:
    """Give each an id: what its route says, or its name; with the method, and the path, where that isn't enough."""
    counts = Counter(_name(one) for one in operations if not one.route.documentation.operation_id)
    taken: set[str] = set()
    found: dict[int, Operation] = {}
    # What an author gave is kept, whatever comes before it.
    for number in sorted(range(len(operations)), key=lambda at: not operations[at].route.documentation.operation_id):
        one = operations[number]
        name = next(candidate for candidate in _candidates(one, counts) if candidate not in taken)
        taken.add(name)
        found[number] = replace(one, id=name)
    return [found[number] for number in range(len(operations))]


def _candidates(one: Operation, counts: Mapping[str, int]) -> Iterator[str]:
    method = one.method.lower()
    given = one.route.documentation.operation_id
    base = given or _name(one)
    # The same for all that share a name, so that none depends on which was declared first.
    if given or counts[base] == 1:
        yield base
    yield f"{base}_{method}"
    full = f"{base}_{method}_{_as_name(one.path)}"
    yield full
    number = 2
    while True:
        yield f"{full}_{number}"
        number += 1


def _name(one: Operation) -> str:
    """The route's name; a class's method is named after its class, and a function without a name after its path."""
    *groups, name = (one.route.name or "").split(":")
    owner, _, function = one.chain.handler.rpartition(".")
    if name == function and function.upper() == one.method and owner and not owner.endswith("<locals>"):
        name = f"{owner.rpartition('.')[2]}_{function}"
    return _as_name("_".join([*groups, name])) if name.strip("<>") not in ("", "lambda") else _by_path(one)


def _by_path(one: Operation) -> str:
    return f"{one.method.lower()}_{_as_name(one.path) or 'root'}"


def _as_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


# Servers.


def servers_of(host: str | None, root_path: str) -> Schema:
    """The `servers` of an operation that only some host has; nothing for one that all have."""
    if host is None:
        return {}
    pattern = parse_host(host)
    labels = ["{subdomain}"] if pattern.any_subdomain else []
    labels += [f"{{{one.name}}}" if isinstance(one, HostVariable) else one for one in pattern.labels]
    server: Schema = {"url": f"//{'.'.join(labels)}{root_path}"}
    names = [*(("subdomain",) if pattern.any_subdomain else ()), *pattern.variables]
    if names:
        server["variables"] = {name: {"default": name} for name in names}
    return {"servers": [server]}


def tags_of(operations: Iterable[Operation]) -> list[str]:
    """The tags that are used, in the order in which their groups and routes are declared."""
    return list(dict.fromkeys(tag for one in operations for tag in one.route.tags))


def place(paths: dict[str, Schema], operation: Operation, drawn: Schema) -> None:
    """Put an operation into its Path Item Object.

    A method that OpenAPI 3.1 doesn't know stands where OpenAPI 3.2 has it, with `x-` in front. A path can have one
    operation of a method: a second one, for another host or another kind of variable, is an alternative of the first.
    """
    item = paths[operation.path]
    method = operation.method.lower()
    if operation.method not in METHODS:
        item.setdefault("x-additionalOperations", {}).setdefault(operation.method, drawn)
    elif method not in item:
        item[method] = drawn
    else:
        item[method].setdefault("x-alternatives", []).append({"x-path": operation.route.template, **drawn})


def in_order(item: Schema) -> Schema:
    """A Path Item Object with its methods in the specification's order."""
    keys = [method.lower() for method in METHODS]
    return dict(sorted(item.items(), key=lambda pair: keys.index(pair[0]) if pair[0] in keys else len(keys)))
