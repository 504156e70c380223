"""The page of an exception, for the developer: what it is, the way it took through the chain, and the code.

SECURITY: shown with debug on only. It executes nothing, shows no local variables and hides values that are likely to be
secrets, but source code and messages are secrets of their own: debug is for one's own machine.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from nacre.describe import FailureDescription, LayerDescription
from nacre.errors import reason_phrase
from nacre.pages.frames import ErrorView, FrameView, Relation, SourceLine, view_error
from nacre.pages.markup import escape, html_response, shorten, visible
from nacre.request import Request
from nacre.response import PlainTextResponse, Response

_log = logging.getLogger("nacre")

_HEADERS_MAX = 100
_VALUE_MAX = 400
_TITLE_MAX = 120
_OPEN_MAX = 3
_HIDDEN = "••••••"
_SECRET_WORDS = (
    "auth",
    "cookie",
    "token",
    "secret",
    "key",
    "password",
    "passwd",
    "session",
    "csrf",
    "signature",
    "jwt",
)

_RELATIONS: dict[Relation, str] = {
    "cause": "was raised from",
    "context": "was raised while this was being handled",
    "member": "is a group, and this is in it",
}


def debug_page(request: Request, error: BaseException, failure: FailureDescription | None) -> Response:
    """Show an exception: a page for clients that accept HTML, else plain text. Never raises."""
    try:
        view = view_error(error)
        if request.accepts("text/plain", "application/json", "text/html") == "text/html":
            title = f"{view.type}: {shorten(view.message, _TITLE_MAX)}" if view.message else view.type
            response: Response = html_response(title, _page(request, view, failure), 500, wide=True)
        else:
            response = PlainTextResponse("\n".join(_text(request, view, failure)), 500)
            response.headers.set("x-content-type-options", "nosniff")
            response.headers.set("cache-control", "no-store")
    except Exception:
        _log.exception("the debug page of an exception could not be made")
        response = PlainTextResponse("an exception was raised, and its debug page could not be made: see the log", 500)
    response.headers.add("vary", "Accept")
    return response


# The request.


def _request_line(request: Request) -> tuple[str, str]:
    """The method, and the path with its query; values of fields that look secret are hidden."""
    target = request.root_path + request.path
    fields = [_field(field) for field in request.query_string.split("&")] if request.query_string else []
    return request.method, shorten(target + ("?" + "&".join(fields) if fields else ""), _VALUE_MAX)


def _field(field: str) -> str:
    name, equals, _ = field.partition("=")
    return f"{name}={_HIDDEN}" if equals and _is_secret(name) else field


def _headers(request: Request) -> Iterator[tuple[str, str]]:
    for name, value in itertools.islice(request.headers.items(), _HEADERS_MAX):
        yield name, _HIDDEN if _is_secret(name) else shorten(_without_query(name, value), _VALUE_MAX)


def _without_query(name: str, value: str) -> str:
    """A `Referer` may hold in its query what is hidden above."""
    if name != "referer" or "?" not in value:
        return value
    try:
        return urlsplit(value)._replace(query=_HIDDEN, fragment="").geturl()
    except ValueError:
        return _HIDDEN


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)


# The chain.


def _steps(failure: FailureDescription) -> Iterator[tuple[LayerDescription | None, str, str]]:
    """Each layer from the outermost to the innermost, then None for the handler, with its part in the story."""
    raised_inside = failure.raised is None and not failure.in_error_handler
    for index, layer in enumerate(failure.chain.layers):
        if index == failure.raised:
            yield layer, "raised", "raised in its finalizer" if failure.in_finalizer else "raised here"
        elif index == failure.converted:
            yield layer, "answered", "got the response"
        elif index in failure.passed:
            yield layer, "passed", "passed"
        else:
            yield layer, "", ""
    yield None, "raised" if raised_inside else "", "raised in here" if raised_inside else ""


def _end(failure: FailureDescription) -> str:
    if failure.in_error_handler:
        return "it was raised while an error was being answered, so no error handler was asked, and it became this page"
    if failure.converted is None:
        return "no error handler took it, and at the end of the chain it became this page"
    layer = failure.chain.layers[failure.converted]
    return f"inside of {layer.name}, a Django-style layer, in which nothing raises, it became this page"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _inside(failure: FailureDescription) -> str:
    """What stands inside all layers: the handler, with its hooks in front."""
    hooks = [hook.name for hook in failure.chain.hooks if hook.kind == "before_request"]
    return ", ".join([*hooks, failure.chain.handler])


# As a page.


def _page(request: Request, view: ErrorView, failure: FailureDescription | None) -> str:
    method, target = _request_line(request)
    route = f" · route <code>{escape(request.route.path)}</code>" if request.route is not None else ""
    version = escape(f"HTTP/{request.http_version}")
    parts = [
        "<main>",
        f'<p class="request"><b>{escape(method)}</b> <code>{escape(target)}</code> <span>{version}</span>{route}</p>',
        _headline(view, 1),
        _chain(failure) if failure is not None else "",
        "<h2>Traceback, most recent call first</h2>",
        _traceback(view),
        *(_related(relation, other) for relation, other in view.related),
        _table("Request headers", _headers(request)),
        f"<footer>500 {escape(reason_phrase(500))}. You see this page because debug is on; with it off, clients get "
        "only the status. Local variables and values that may be secrets are left out.</footer>",
        "</main>",
    ]
    return "\n".join(parts)


def _headline(view: ErrorView, level: int) -> str:
    message = f'<p class="message">{escape(view.message)}</p>' if view.message else ""
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in view.notes)
    return f'<h{level} class="type">{escape(view.type)}</h{level}>{message}{notes}'


def _chain(failure: FailureDescription) -> str:
    rows = []
    for layer, kind, words in _steps(failure):
        badge = f'<span class="badge">{escape(words)}</span>'
        if layer is None:
            cells = _cells(_inside(failure), "handler", "route", failure.chain.where)
        else:
            cells = _cells(layer.name, layer.style, "head, before routing" if layer.raw else layer.scope, layer.where)
        rows.append(f'<li class="{kind}">{cells}{badge}</li>')
    return (
        "<h2>Its way through the chain, outermost first</h2>"
        f'<ol class="chain card">{"".join(rows)}</ol><p class="soft">'
        f"{escape(_sentence(_end(failure)))}</p>"
    )


def _cells(name: str, style: str, scope: str, where: object) -> str:
    return (
        f'<span class="name">{escape(name)}</span><span class="soft">{escape(style)}</span>'
        f'<span class="soft">{escape(scope)}</span><code class="place soft">{escape(where or "")}</code>'
    )


def _traceback(view: ErrorView) -> str:
    """The innermost frames of the application open, runs of others folded together."""
    frames = list(view.frames)
    middle = len(frames) // 2 if view.omitted else None
    parts = []
    opened = itertools.count()
    groups = itertools.groupby(reversed(list(enumerate(frames))), key=lambda pair: pair[1].kind == "app")
    for is_app, group in groups:
        members = list(group)
        shown = [_frame(frame, is_open=is_app and next(opened) < _OPEN_MAX) for _, frame in members]
        if middle is not None and any(at < middle for at, _ in members):
            shown.append(f'<p class="soft">… {view.omitted:,} more frames …</p>')
            middle = None
        parts.append("".join(shown) if is_app else _folded([frame for _, frame in members], shown))
    return f'<div class="frames">{"".join(parts)}</div>' if parts else '<p class="soft">It has no traceback.</p>'


def _folded(frames: Sequence[FrameView], shown: Iterable[str]) -> str:
    owners = sorted({"Nacre" if frame.kind == "nacre" else "libraries" for frame in frames})
    count = f"{len(frames)} frame{'s' if len(frames) > 1 else ''} of {' and '.join(owners)}"
    return (
        f'<details class="card library"><summary>{count}</summary><div class="frames">{"".join(shown)}</div></details>'
    )


def _frame(frame: FrameView, *, is_open: bool) -> str:
    lines = "".join(_line(line) for line in frame.source)
    # It scrolls sideways, so it has to be reachable by keyboard.
    source = f'<pre tabindex="0">{lines}</pre>' if lines else '<p class="soft">&nbsp; The source is not to be had.</p>'
    state = " open" if is_open else ""
    return (
        f'<details class="card"{state}><summary><span class="name">{escape(frame.function)}</span> '
        f'<code class="place">{escape(frame.file)}:{frame.line}</code></summary>{source}</details>'
    )


def _line(line: SourceLine) -> str:
    if line.is_current and line.start is not None:
        before, marked, after = line.text[: line.start], line.text[line.start : line.end], line.text[line.end :]
        text = f"{escape(before)}<mark>{escape(marked)}</mark>{escape(after)}"
    else:
        text = escape(line.text)
    kind = ' class="here"' if line.is_current else ""
    return f"<span{kind}><i>{line.number}</i>{text}</span>"


def _related(relation: Relation, view: ErrorView) -> str:
    further = "".join(_related(one, other) for one, other in view.related)
    return (
        f'<section class="nested"><p class="soft">The exception above {_RELATIONS[relation]}:</p>'
        f"{_headline(view, 3)}{_traceback(view)}{further}</section>"
    )


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th><td><code>{escape(value)}</code></td></tr>'
        for name, value in rows
    )
    return f'<h2>{title}</h2><div class="card"><table><tbody>{body}</tbody></table></div>' if body else ""


# As text, for terminals.


def _text(request: Request, view: ErrorView, failure: FailureDescription | None) -> Iterator[str]:
    method, target = _request_line(request)
    yield visible(f"{view.type}: {view.message}" if view.message else view.type)
    yield from (visible(note) for note in view.notes)
    yield ""
    yield visible(f"{method} {target}")
    if failure is not None:
        yield from _chain_text(failure)
    yield from _traceback_text(view)


def _chain_text(failure: FailureDescription) -> Iterator[str]:
    yield ""
    yield "Its way through the chain, outermost first:"
    steps = [
        (
            layer.name if layer is not None else _inside(failure),
            layer.where if layer is not None else failure.chain.where,
            words,
        )
        for layer, _, words in _steps(failure)
    ]
    width = max(len(name) for name, _, _ in steps)
    for name, where, words in steps:
        yield visible(f"  {name:<{width}}  {words:<24} {where or ''}").rstrip()
    yield visible(f"  ({_end(failure)})")


def _traceback_text(view: ErrorView) -> Iterator[str]:
    yield ""
    yield "Traceback, most recent call last:"
    for index, frame in enumerate(view.frames):
        if view.omitted and index == len(view.frames) // 2:
            yield f"  … {view.omitted:,} more frames …"
        yield visible(f"  {frame.file}:{frame.line} in {frame.function}")
        yield from (f"    {visible(line.text.strip())}" for line in frame.source if line.is_current)
    yield visible(f"{view.type}: {view.message}" if view.message else view.type)
    yield from (visible(note) for note in view.notes)
    for relation, other in view.related:
        yield ""
        yield f"The exception above {_RELATIONS[relation]}:"
        yield from _traceback_text(other)
