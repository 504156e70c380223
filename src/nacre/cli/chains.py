"""Chains in words: what a request passes through, in order, and why each layer is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from nacre.binding import MISSING
from nacre.cli.tables import echo_table, heading, size
from nacre.describe import (
    AppDescription,
    ChainDescription,
    Explanation,
    HookDescription,
    InputDescription,
    LayerDescription,
    Outcome,
    RouteDescription,
)
from nacre.errors import Location

_STATUSES: dict[Outcome, str] = {
    "not_found": "404",
    "wrong_method": "405",
    "options": "204",
    "redirect": "308",
    "refused": "400",
}


def echo_explanation(explanation: Explanation, *, source: bool = False) -> None:
    """Print what one request comes to and passes through; with `source` also the code that was written for it."""
    host = f" on {explanation.host}" if explanation.host else ""
    click.echo(heading(f"{explanation.method} {explanation.path}{host}"))
    for line in _outcome(explanation):
        click.echo(line)
    click.echo()
    _echo_chain(explanation.chain)
    for binder in explanation.chain.binders if source else ():
        _echo_part(f"binder of {binder.by}", binder.source.splitlines())
    for row in explanation.chain.rows if source else ():
        _echo_part(f"the hooks of {row.names}, as one function", row.source.splitlines())


def _outcome(explanation: Explanation) -> Iterator[str]:
    chain, route = explanation.chain, explanation.route
    match explanation.outcome:
        case "route" if route is not None:
            also = ", which answers HEAD too" if (explanation.method, chain.method) == ("HEAD", "GET") else ""
            name = f", named {route.name}" if route.name else ""
            yield f"goes to {chain.method} {_path(route)}{name} ({route.where}){also}"
            if explanation.path_params:
                yield "with " + ", ".join(f"{name}={value!r}" for name, value in explanation.path_params.items())
        case "wrong_method":
            yield f"is answered with 405: the path takes {', '.join(explanation.allowed)}"
        case "options":
            yield f"is answered with 204 and the methods: {', '.join(explanation.allowed)}"
        case "redirect":
            yield f"is sent to {explanation.redirect} with 308"
        case "refused":
            yield f"is refused with {explanation.refusal_status}: {explanation.refusal}"
        case _:
            yield "is answered with 404: no route has this path"
            near = [f"{', '.join(route.methods)} {_path(route)} ({route.where})" for route in explanation.nearest]
            yield from (f"  {'nearest:' if at == 0 else '        '} {text}" for at, text in enumerate(near))


def _path(route: RouteDescription) -> str:
    return f"{route.host or ''}{route.path}"


def _echo_chain(chain: ChainDescription) -> None:
    rows = [*_layer_rows(chain), *_inner_rows(chain)]
    echo_table(("", "LAYER", "STYLE", "SCOPE", "DECLARED", "WHY"), rows)
    if chain.inputs:
        click.echo()
        click.echo(heading("takes of the request"))
        rows = [(one.source, one.key, type_name(one.type), _needed(one), one.by) for one in chain.inputs]
        echo_table(("FROM", "NAME", "TYPE", "", "FOR"), rows)
    if chain.finalizers:
        _echo_part("finalizers, in the order they run", map(_hook_words, chain.finalizers))
    hooks = [hook for hook in chain.hooks if hook.kind == "after_error"]
    if hooks:
        _echo_part("after an error", map(_hook_words, hooks))
    if chain.error_handlers:
        words = [f"{one.key}: {one.name} ({_joined(one.scope, one.where)})" for one in chain.error_handlers]
        _echo_part("error handlers, innermost first", words)
    if chain.skipped:
        _echo_part("skipped", (f"{one.name} ({_joined(one.scope, one.where)}): {one.skipped}" for one in chain.skipped))
    loop = "no event loop needed" if chain.runs_inline else "needs an event loop, as something in it is async"
    click.echo()
    click.echo(f"body limit: {size(chain.max_body)}")
    click.echo(f"under WSGI: {loop}")


def _needed(one: InputDescription) -> str:
    if one.required:
        return "required"
    return "optional" if one.default is MISSING else f"default {one.default!r}"


def type_name(kind: object) -> str:
    """An annotation as it may be written."""
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")


def _echo_part(title: str, lines: Iterable[str]) -> None:
    click.echo()
    click.echo(heading(title))
    for line in lines:
        click.echo(f"  {line}")


def _layer_rows(chain: ChainDescription) -> Iterator[Sequence[str]]:
    for number, layer in enumerate(chain.layers, 1):
        why = "; ".join(_reasons(layer, chain.layers[: number - 1]))
        yield str(number), layer.name, _spoken(layer.style, layer.dialect), layer.scope, str(layer.where or ""), why


def _spoken(word: str, dialect: str | None) -> str:
    """A word with the dialect that something is written in."""
    return word if dialect is None else f"{word} ({dialect})"


def _reasons(layer: LayerDescription, outside: Sequence[LayerDescription]) -> Iterator[str]:
    if layer.raw:
        yield "raw: before routing, sees every request"
    elif layer.only:
        yield f"only={', '.join(layer.only)}"
    elif layer.skip:
        yield f"skip={', '.join(layer.skip)} does not cover this"
    if layer.provides:
        yield f"provides {', '.join(layer.provides)}"
    for need in layer.requires:
        giver = next((one for one in outside if need in one.provides or need == one.name), None)
        yield f"requires {need}" + (f" (of {giver.name})" if giver is not None else "")
    if layer.before:
        yield f"before {', '.join(layer.before)}"
    if layer.after:
        yield f"after {', '.join(layer.after)}"
    if layer.parts:
        yield f"has {', '.join(layer.parts)}"


def _inner_rows(chain: ChainDescription) -> Iterator[Sequence[str]]:
    """What stands inside of all layers, in the order it runs."""
    for kind in ("before_request", "", "after_request"):
        if not kind:
            style = _spoken("handler" if chain.outcome == "route" else "answer", chain.dialect)
            yield "→", chain.handler, style, "route" if chain.outcome == "route" else "", str(chain.where or ""), ""
        for hook in chain.hooks:
            if hook.kind == kind:
                yield "", hook.name, _spoken(hook.kind, hook.dialect), hook.scope, str(hook.where or ""), ""


def _hook_words(hook: HookDescription) -> str:
    return f"{_spoken(hook.name, hook.dialect)} ({_joined(hook.scope, hook.where)})"


def _joined(scope: str, where: Location | None) -> str:
    return f"{scope}, {where}" if where is not None else scope


def echo_all_chains(app: AppDescription) -> None:
    """Print every chain in one line: the names of its layers, outermost first, and what is inside."""
    first = [*app.chains, *_all_fallbacks(app)][:1]
    raw = [_layer_name(layer) for chain in first for layer in chain.layers if layer.raw]
    if raw:
        click.echo(f"before routing: {' > '.join(raw)}")
        click.echo()
    rows = [
        (chain.method, f"{route.host or ''}{route.path}", _line(chain))
        for route in app.routes
        for chain in route.chains
    ]
    for prefix, chains in sorted(app.fallbacks.items()):
        by_layers: dict[str, list[str]] = {}
        for chain in chains:
            names = " > ".join(_layer_name(layer) for layer in chain.layers if not layer.raw) or "no layers"
            by_layers.setdefault(names, []).append(_STATUSES[chain.outcome])
        rows += [("*", f"{prefix}/*", f"{names} > {', '.join(statuses)}") for names, statuses in by_layers.items()]
    echo_table(("METHOD", "PATH", "CHAIN"), rows)


def _all_fallbacks(app: AppDescription) -> Iterator[ChainDescription]:
    for chains in app.fallbacks.values():
        yield from chains


def _line(chain: ChainDescription) -> str:
    names = [_layer_name(layer) for layer in chain.layers if not layer.raw]
    return " > ".join([*names, _spoken(chain.handler, chain.dialect)])


def _layer_name(layer: LayerDescription) -> str:
    return _spoken(layer.name, layer.dialect)
