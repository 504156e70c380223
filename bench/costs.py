"""The view `costs`: what each part of a request costs, and how they add up to the whole.

Each part is Nacre's own function, called as the transport or the chain calls it, with what it is called with; a part
that needs what others leave (a match needs a request) is measured together with these, and they are taken off. What is
left of the whole stands in the table as `rest`: the transport's own coroutine and what it looks at.

`_Given` knows how a transport enters each part. A change there is a change here.
"""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, get_type_hints

from bench.child import Child
from bench.drivers import Driver, cpu_time, driver_for
from bench.effort import Effort
from bench.measure import TimeRun, alternate
from bench.tables import Table, ns
from bench.targets import NACRE_ASGI, NACRE_RSGI, NACRE_WSGI, Target
from bench.workloads import ITEM, TEXT, WORKLOADS, Call

TARGETS: Mapping[str, Target] = {target.protocol: target for target in (NACRE_ASGI, NACRE_RSGI, NACRE_WSGI)}
_WORKLOADS = ("plain", "json", "params", "body")
_STYLES = {
    "asgi": ("onion", "after hook", "finalizer", "Django class, async", "ASGI class inside"),
    "rsgi": ("onion", "after hook", "finalizer", "Django class, async", "ASGI class inside"),
    "wsgi": ("onion, plain def", "after hook", "finalizer", "Django class"),
}
_LAYERS = 20
_TIMES = 100

PARTS = (
    "request object",
    "match",
    "chain",
    "binding",
    "handler",
    "result to response",
    "encode",
    "headers",
    "send",
    "rest",
)
"""In the order they run. The driver, which stands for the server, is no part of Nacre."""

Costs = Mapping[str, float]
"""By the name of a run, what it takes once, in nanoseconds or instructions."""

_NOTE = """\
Nanoseconds and, in brackets, instructions. `match` is of a path without variables for `plain`, `json` and `body`,
of one with two for `params`; `chain` is what stands between the match and the handler when there is no layer; `headers`
is what makes the response's fields; `driver` builds what a server would give. A layer adds a header; its figure is
(20 layers − none) / 20. The instructions are those recorded in `instructions.json`."""


def measure(effort: Effort) -> dict[str, Any]:
    """Nanoseconds by protocol and run, least of the rounds; instructions as `instructions.json` records them."""
    found = {}
    for protocol in TARGETS:
        with Child("costs", protocol, core=effort.core) as child:
            found[protocol] = child.ask(rounds=effort.layer_rounds, seconds=effort.seconds)
    return {"ns": found, "instructions": _recorded()}


def measure_costs(protocol: str, *, rounds: int, seconds: float) -> dict[str, float]:
    """The same for one protocol, in this process."""
    with _Given(protocol) as given:
        return {name: found.least for name, found in alternate(given.runs(), rounds, seconds).items()}


def count_parts(protocols: Iterable[str] = TARGETS) -> dict[str, float]:
    """Instructions of each part, by "protocol, workload: part"."""
    from bench import callgrind

    counts = callgrind.count("bench.costs", [(protocol,) for protocol in protocols])
    found = {}
    for protocol in protocols:
        own = _of_protocol(counts, protocol)
        for workload in _WORKLOADS:
            found.update({f"{protocol}, {workload}: {part}": cost for part, cost in parts(own, workload).items()})
        found.update({f"{protocol}: one layer, {style}": layer(own, style) for style in _STYLES[protocol]})
    return found


def _of_protocol(counts: Costs, protocol: str) -> dict[str, float]:
    prefix = f"{protocol} "
    return {name.removeprefix(prefix): count for name, count in counts.items() if name.startswith(prefix)}


def _recorded() -> dict[str, float]:
    """What `bench/instructions.py` has recorded of the parts."""
    import json

    from bench.instructions import BASELINE

    if not BASELINE.exists():
        return {}
    found: dict[str, float] = json.loads(BASELINE.read_text(encoding="utf-8"))["parts"]
    return found


class _Given:
    """What one protocol's transport is given and calls, for one call of each workload."""

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self._target = TARGETS[protocol]
        self._driver = driver_for(protocol)
        self._blocking = protocol == "wsgi"

    def __enter__(self) -> _Given:
        return self

    def __exit__(self, *error: object) -> None:
        self._driver.close()

    def runs(self) -> dict[str, TimeRun]:
        """All that is measured, by name."""
        runs: dict[str, TimeRun] = {"nothing": _sync(lambda: None)}
        app = self._target.build(self._target.setting)
        for name in _WORKLOADS:
            runs.update({f"{name}: {part}": run for part, run in self._of_workload(app, name).items()})
        json = WORKLOADS["json"]
        for style in _STYLES[self.protocol]:
            setting = replace(self._target.setting, layers=_LAYERS, style=style)
            runs[f"layers: {style}"] = self._whole(self._target.build(setting), json.calls[0])
        return runs

    def _of_workload(self, app: Any, name: str) -> dict[str, TimeRun]:
        call = WORKLOADS[name].calls[0]
        given, request, matched = self._makers(app, call)

        def handled() -> Any:
            made, pipeline = matched()
            return (pipeline.inline if self._blocking else pipeline.handle)(made)

        route = matched()[0].route
        chain = next(chain for chain in app._ready().chains if chain.route is route)
        handler, arguments, value = _handler(name, chain.route.endpoint, request)
        convert = app.tools.results.compile(get_type_hints(handler)["return"])
        response = convert(value)
        runs = {
            "driver": self._whole(_NULL[self.protocol], call),
            "given": _sync(given),
            "request": _sync(request),
            "matched": _sync(matched),
            "handled": self._called(handled),
            "handler": self._called(partial(handler, *arguments)),
            "converted": _sync(partial(convert, value)),
            "headers": _sync(partial(_FRAME[self.protocol](), response)),
            "send": self._send(response),
            "whole": self._whole(app, call),
        }
        if not isinstance(value, str):
            runs["encoded"] = _sync(partial(app.tools.results.encode, value))
        if chain.bounds and chain.bounds[-1][1].function is not handler:
            runs["bound"] = self._bound(chain, app, matched)
        return runs

    def _bound(self, chain: Any, app: Any, matched: Callable[[], tuple[Any, Any]]) -> TimeRun:
        """The handler with its binder, as the chain calls it."""
        call, awaited = chain.bounds[-1][1].call(app.tools.threads, inline=True).step(blocking=self._blocking)

        def bound() -> Any:
            return call(matched()[0])

        return self._awaited(bound) if awaited else _sync(bound)

    def _makers(self, app: Any, call: Call) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
        """What makes the server's side of a request, a request of that, and one that was matched, with its pipeline."""
        from nacre import Request

        carrier, given = _carrier_of(self.protocol), partial(_RAW[self.protocol](call), call.body)
        method, path, admit = call.method, call.path, app._admit
        host = b"127.0.0.1:8000" if self.protocol == "asgi" else "127.0.0.1:8000"

        def request() -> Request:
            raw, channel = given()
            return Request(carrier, raw, channel, method, path)

        def matched() -> Any:
            raw, channel = given()
            return admit(carrier, raw, channel, method, path, host, None)

        return given, request, matched

    def _called(self, make: Callable[[], Any]) -> TimeRun:
        """What is awaited on a loop, and plain code in a thread that may block."""
        return _sync(make) if self._blocking else self._awaited(make)

    def _awaited(self, make: Callable[[], Awaitable[Any]]) -> TimeRun:
        driver: Any = self._driver

        async def drive(count: int) -> None:
            for _ in range(count):
                await make()

        return lambda count: cpu_time(lambda: driver.finish(drive(count)))

    def _whole(self, app: Any, call: Call) -> TimeRun:
        driver: Driver = self._driver
        return lambda count: driver.run(app, (call,), count)

    def _send(self, response: Any) -> TimeRun:
        """The driver's side of handing a response over."""
        status, body = response.status, response.body
        fields = [*response.raw_headers, ("content-length", str(len(body)))]
        if self.protocol == "wsgi":
            return _sync(lambda: _start_response(f"{status} OK", fields))
        if self.protocol == "rsgi":
            return _sync(lambda: _RSGIReceiver.response_bytes(status, fields, body))

        async def send() -> None:
            await _asgi_send({"type": "http.response.start", "status": status, "headers": fields})
            await _asgi_send({"type": "http.response.body", "body": body, "more_body": False})

        return self._awaited(send)


def _sync(part: Callable[[], object]) -> TimeRun:
    def work(count: int) -> None:
        for _ in range(count):
            part()

    return lambda count: cpu_time(lambda: work(count))


def _handler(
    name: str, handler: Callable[..., Any], request: Callable[[], Any]
) -> tuple[Callable[..., Any], tuple[Any, ...], Any]:
    """The handler of a workload, what it is called with, and what it returns."""
    if name == "params":
        return handler, (42, "some-slug", 10), dict(WORKLOADS[name].calls[0].answer)
    if name == "body":
        import msgspec

        from bench.apps.items import Item

        item = msgspec.convert(ITEM, Item)
        return handler, (item,), item
    return handler, (request(),), TEXT.decode() if name == "plain" else dict(WORKLOADS[name].calls[0].answer)


# How each protocol gives a request, and takes a response.


def _carrier_of(protocol: str) -> Any:
    from nacre.transports import asgi, rsgi, wsgi

    return {"asgi": asgi, "rsgi": rsgi, "wsgi": wsgi}[protocol].CARRIER


def _asgi_raw(call: Call) -> Callable[[bytes], tuple[Any, Any]]:
    from bench.drivers import _asgi_scope

    scope = _asgi_scope(call)

    def raw(body: bytes) -> tuple[Any, Any]:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        return scope, receive

    return raw


def _rsgi_raw(call: Call) -> Callable[[bytes], tuple[Any, Any]]:
    from bench.drivers import _RSGIProtocol, _RSGIScope

    scope = _RSGIScope(call)
    return lambda body: (scope, _RSGIProtocol(body))


def _wsgi_raw(call: Call) -> Callable[[bytes], tuple[Any, Any]]:
    from bench.drivers import _environ

    environ = _environ(call)

    def raw(body: bytes) -> tuple[Any, Any]:
        own = dict(environ)
        own["wsgi.input"] = io.BytesIO(body)
        return own, SimpleNamespace(visit=None)

    return raw


def _asgi_frame() -> Callable[[Any], object]:
    from nacre.transports.asgi import _start_of_whole

    return _start_of_whole


def _other_frame() -> Callable[[Any], object]:
    from nacre.transports.completion import framed

    return partial(framed, head=False)


_RAW = {"asgi": _asgi_raw, "rsgi": _rsgi_raw, "wsgi": _wsgi_raw}
_FRAME = {"asgi": _asgi_frame, "rsgi": _other_frame, "wsgi": _other_frame}


async def _asgi_null(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})


async def _rsgi_null(scope: Any, protocol: Any) -> None:
    pass


def _wsgi_null(environ: Any, start_response: Any) -> list[bytes]:
    return [b""]


_NULL: dict[str, Callable[..., Any]] = {"asgi": _asgi_null, "rsgi": _rsgi_null, "wsgi": _wsgi_null}


async def _asgi_send(message: Any) -> None:
    if message["type"] == "http.response.body" and not message.get("more_body"):
        pass


class _RSGIReceiver:
    @staticmethod
    def response_bytes(status: int, headers: Any, body: bytes) -> None:
        pass


def _start_response(status: str, headers: Any) -> None:
    pass


# What the runs say.


def parts(costs: Costs, workload: str) -> dict[str, float]:
    """The parts of one workload's request, by name, and `driver` and `whole` with them."""
    nothing = costs["nothing"]

    def run(name: str) -> float:
        return costs.get(f"{workload}: {name}", 0.0)

    given = run("given") - nothing
    request = run("request") - nothing
    matched = run("matched") - nothing
    handler = run("handler")
    binding = run("bound") - matched - handler if run("bound") else 0.0
    encode = run("encoded") - nothing if run("encoded") else 0.0
    convert = run("converted") - nothing - encode
    found = {
        "request object": request - given,
        "match": matched - request,
        "chain": run("handled") - matched - binding - handler - convert - encode,
        "binding": binding,
        "handler": handler,
        "result to response": convert,
        "encode": encode,
        "headers": run("headers") - nothing,
        "send": run("send"),
    }
    rest = run("whole") - run("driver") - sum(found.values())
    return {**found, "rest": rest, "driver": run("driver"), "whole": run("whole")}


def layer(costs: Costs, style: str) -> float:
    """One layer of a style."""
    return (costs[f"layers: {style}"] - costs["json: whole"]) / _LAYERS


def tables(data: Mapping[str, Any]) -> list[Table]:
    return [table for protocol in TARGETS if protocol in data["ns"] for table in [_table(protocol, data)]]


def _table(protocol: str, data: Mapping[str, Any]) -> Table:
    costs, counts = data["ns"][protocol], data["instructions"]
    columns = [parts(costs, workload) for workload in _WORKLOADS]
    rows = []
    for part in (*PARTS, "driver", "whole"):
        cells = [
            _cell(found[part], counts.get(f"{protocol}, {workload}: {part}"))
            for workload, found in zip(_WORKLOADS, columns, strict=True)
        ]
        rows.append([part, *cells])
    for style in _STYLES[protocol]:
        count = counts.get(f"{protocol}: one layer, {style}")
        rows.append([f"one layer: {style}", "", _cell(layer(costs, style), count), "", ""])
    title = f"The parts of a request on {protocol.upper()}"
    return Table(title, ("", *_WORKLOADS), rows, _NOTE if protocol == "asgi" else "")


def _cell(cost: float, count: float | None) -> str:
    if not cost and not count:
        return ""
    return ns(cost) + (f" ({count:,.0f})" if count is not None else "")


def _count(protocol: str) -> None:
    """Count each run of a protocol, in this process."""
    from bench import callgrind

    with _Given(protocol) as given:
        for name, run in given.runs().items():
            callgrind.counted(f"{protocol} {name}", run, _TIMES)


if __name__ == "__main__":
    import sys

    _count(sys.argv[1])
