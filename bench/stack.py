"""The view `stack`: what a request costs behind the layers of a real site.

Sessions in a signed cookie, tokens against forged requests, CORS, authentication, request ids and an access log, around
the same small site (`apps/stack_*.py`). It is asked as its pages ask it: they read a cart, change it, send preflights,
and are refused where nobody is known.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import wrk
from bench.apps.stack_site import BEARER, CART, LOG_VARIABLE, ORIGIN, REQUEST_ID
from bench.child import Child
from bench.drivers import driver_for
from bench.effort import Effort
from bench.goals import STACK
from bench.machine import version_of
from bench.measure import calibrate
from bench.servers import GRANIAN_ASGI, GRANIAN_RSGI, UVICORN, Server, Serving
from bench.tables import Table, at_least, ns, percent, ratio
from bench.targets import Target
from bench.workloads import Answer, Call, Setting, Workload, WrongAnswer

NACRE_ASGI = Target("nacre asgi", "bench.apps.stack_nacre", "asgi")
NACRE_RSGI = Target("nacre rsgi", "bench.apps.stack_nacre", "rsgi")
STARLETTE = Target("starlette", "bench.apps.stack_starlette", "asgi", needs="starlette")
STARLETTE_HTTP = Target("starlette, BaseHTTPMiddleware", "bench.apps.stack_starlette_http", "asgi", needs="starlette")
FASTAPI = Target("fastapi", "bench.apps.stack_fastapi", "asgi", needs="fastapi")
LITESTAR = Target("litestar", "bench.apps.stack_litestar", "asgi", needs="litestar")
BY_HAND = Target("by hand", "bench.apps.stack_by_hand", "rsgi")
TARGETS = {
    target.name: target for target in (NACRE_RSGI, NACRE_ASGI, BY_HAND, STARLETTE, STARLETTE_HTTP, FASTAPI, LITESTAR)
}

SERVINGS = (
    *(Serving(target, GRANIAN_RSGI) for target in (NACRE_RSGI, BY_HAND)),
    *(Serving(target, GRANIAN_ASGI) for target in (NACRE_ASGI, STARLETTE, STARLETTE_HTTP, FASTAPI, LITESTAR)),
    *(Serving(target, UVICORN) for target in (NACRE_ASGI, STARLETTE, LITESTAR)),
)

_NOTE = """\
`read`: a cart is shown, to a page of another origin, with session, bearer token and `Origin`. `change`: the session is
changed by a POST with a token against forgery. `preflight`: the OPTIONS before it. `refused`: a 401. `mix`: six of the
first to two, one and one of the others. Each request has an id and a line in the access log. Starlette has no layers
for ids, logs and tokens: in one row they are ASGI classes by hand, in the other they derive from `BaseHTTPMiddleware`,
which its documentation begins with. All requests are one client's, so its cookie is one that Nacre remembers. Litestar
has Starlette's sessions, and the layers by hand. *By hand* is one function on RSGI that does the same for this site and
could do it for no other: what is left are `logging`, a signature, a digest and JSON."""

BEGIN = Call("GET", "/begin", "", b"", None)
"""Begins a session; the answer holds the cookie and the token that the other calls need."""

_MIX = ("read", "read", "change", "read", "preflight", "read", "refused", "read", "change", "read")
KINDS = ("read", "change", "preflight", "refused", "mix")


def site_calls(begun: Answer) -> dict[str, tuple[Call, ...]]:
    """What is asked of the site with the session that an answer to `BEGIN` has begun, by kind."""
    cookie = next(value for name, value in begun.headers if name == "set-cookie").partition(";")[0]
    token = json.loads(begun.body)["token"]
    page = ("origin", ORIGIN)
    known = (page, ("cookie", cookie), ("authorization", f"Bearer {BEARER}"))
    changed = {"cart": [*CART, 77]}
    preflight = (
        page,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-csrf-token"),
    )
    proof = (("x-csrf-token", token), ("x-request-id", REQUEST_ID))
    calls = {
        "read": Call("GET", "/cart", "", b"", {"name": "Ada", "cart": list(CART)}, fields=known),
        "change": Call("POST", "/cart", "", b'{"item":77}', changed, fields=(*known, *proof)),
        "preflight": Call("OPTIONS", "/cart", "", b"", None, fields=preflight),
        "refused": Call("GET", "/cart", "", b"", None, status=401, fields=(page,)),
    }
    return {**{kind: (call,) for kind, call in calls.items()}, "mix": tuple(calls[kind] for kind in _MIX)}


def check_site(call: Call, answer: Answer) -> None:
    """Raises WrongAnswer unless the answer has what every layer must do for this call."""

    def demand(is_right: bool, what: str) -> None:
        if not is_right:
            raise WrongAnswer(f"{call.method} {call.path}: {what}: {answer}")

    fields = dict(answer.headers)
    demand(answer.status == call.status or (call.method == "OPTIONS" and answer.status == 204), "status")
    if call.answer is not None:
        demand(json.loads(answer.body) == call.answer, "body")
    demand(bool(fields.get("x-request-id")), "no request id")
    demand(("x-request-id", REQUEST_ID) not in call.fields or fields["x-request-id"] == REQUEST_ID, "another id")
    demand((call is BEGIN or call.method == "POST") == ("set-cookie" in fields), "set-cookie")
    if ("origin", ORIGIN) in call.fields:
        demand(fields.get("access-control-allow-origin") == ORIGIN, "origin")
        demand(fields.get("access-control-allow-credentials") == "true", "credentials")
        demand("origin" in fields.get("vary", "").lower(), "vary")
    if call.method == "OPTIONS":
        demand("POST" in fields.get("access-control-allow-methods", ""), "methods")
        demand("x-csrf-token" in fields.get("access-control-allow-headers", "").lower(), "header fields")


def check_line(call: Call, lines: Sequence[str]) -> None:
    """Raises WrongAnswer unless the log has one line, about this call."""
    found = [json.loads(line) for line in lines]
    user = "7" if call.method != "OPTIONS" and call.status == 200 and call is not BEGIN else None
    about = [(one["method"], one["path"], one["outcome"], one.get("user")) for one in found]
    if about != [(call.method, call.path, "complete", user)] or not found[0]["request_id"]:
        raise WrongAnswer(f"{call.method} {call.path}: the log has {lines}")


def begin_and_check(
    answer: Callable[[Call], Answer], take_lines: Callable[[], Sequence[str]]
) -> dict[str, tuple[Call, ...]]:
    """Begin a session and check an answer of each kind, with its line in the log; the calls that were checked."""
    begun = answer(BEGIN)
    check_site(BEGIN, begun)
    check_line(BEGIN, take_lines())
    calls = site_calls(begun)
    for kind in KINDS[:-1]:
        for call in calls[kind]:
            check_site(call, answer(call))
            check_line(call, take_lines())
    return calls


class LogFile:
    """The access log of an application that is about to be built or started, and what was written since."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0

    def take(self) -> list[str]:
        """The lines that have come since the last call; a request's is written after its answer, within a second."""
        limit = time.monotonic() + 1
        while len(text := self.path.read_text(encoding="utf-8")) == self._read and time.monotonic() < limit:
            time.sleep(0.005)
        new, self._read = text[self._read :], len(text)
        return new.splitlines()


@dataclass(frozen=True)
class LoggedSetting(Setting):
    """A setting for a process that writes its access log to a file."""

    log: str = ""

    def environment(self) -> dict[str, str]:
        return {**Setting().environment(), LOG_VARIABLE: self.log}


# In process.


class StackRounds:
    """The measuring end for one target."""

    def __init__(self, name: str) -> None:
        target = TARGETS[name]
        self._driver = driver_for(target.protocol)
        self._app = target.build(Setting())
        begun = self._driver.answer(self._app, BEGIN)
        self._calls = site_calls(begun)
        self._counts: dict[str, int] = {}
        for kind in KINDS[:-1]:
            for call in self._calls[kind]:
                check_site(call, self._driver.answer(self._app, call))

    def __call__(self, question: dict[str, Any]) -> float:
        """One round of a kind: nanoseconds per request."""
        kind = question["kind"]
        if kind not in self._counts:
            self._counts[kind] = calibrate(lambda count: self.run(kind, count), question["seconds"])
        return self.run(kind, self._counts[kind]) / self._counts[kind]

    def run(self, kind: str, count: int) -> int:
        """Make so many calls of a kind: nanoseconds."""
        return self._driver.run(self._app, self._calls[kind], count)


def _measure_in_process(effort: Effort) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(effort.generations):
        with ExitStack() as stack:
            children = {
                name: stack.enter_context(Child("stack", name, core=effort.core))
                for name, target in TARGETS.items()
                if target.present
            }
            for kind in KINDS:
                for _ in range(effort.rounds):
                    for name, child in children.items():
                        taken = child.ask(kind=kind, seconds=effort.seconds)
                        found.setdefault(name, {}).setdefault(kind, []).append(taken)
    return found


# On a server.


def _measure_on_servers(effort: Effort) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        running: list[tuple[Server, Workload]] = []
        for number, serving in enumerate(_servings(effort)):
            log = LogFile(Path(folder) / f"{number}.log")
            server = stack.enter_context(Server(serving, LoggedSetting(log=str(log.path)), effort.core))
            mix = begin_and_check(server.answer, log.take)["mix"]
            running.append((server, _workload(mix)))
        for _ in range(effort.server_rounds):
            for server, workload in running:
                before = server.cpu_seconds
                done = wrk.load(server.port, workload, effort.server_seconds, effort.load_core)
                taken = (server.cpu_seconds - before) / done.requests * 1e6
                found.setdefault(server.serving.name, []).append(taken)
    return found


def _workload(calls: tuple[Call, ...]) -> Workload:
    return Workload("stack", lambda: calls)


def _servings(effort: Effort) -> list[Serving]:
    present = [one for one in SERVINGS if one.target.present and version_of(one.kind.package) is not None]
    if effort.all_servers:
        return present
    return [one for one in present if one.kind is not UVICORN and one.target in (NACRE_RSGI, NACRE_ASGI, STARLETTE)]


def measure(effort: Effort) -> dict[str, Any]:
    """Rounds in process, in nanoseconds by target and kind, and on servers, in microseconds by target on its server."""
    data: dict[str, Any] = {"inproc_ns": _measure_in_process(effort)}
    if not wrk.is_present():
        print(wrk.HOW_TO_GET, file=sys.stderr)
        return {**data, "missing": wrk.HOW_TO_GET}
    return {**data, "cpu_us": _measure_on_servers(effort)}


# Tables.


def tables(data: dict[str, Any]) -> list[Table]:
    """Both kinds of figures."""
    first = _in_process(data["inproc_ns"])
    if "missing" in data:
        return [first, Table("The stack on a server", ("not measured",), [[data["missing"]]])]
    return [first, _on_servers(data["cpu_us"])]


def _in_process(data: Mapping[str, Mapping[str, Sequence[float]]]) -> Table:
    rows = []
    for name, kinds in data.items():
        cells = [f"{ns(min(rounds))} ({ns(statistics.median(rounds))})" for rounds in kinds.values()]
        by_nacre = min(kinds["mix"]) / min(data[NACRE_ASGI.name]["mix"])
        rows.append([name, *cells, ratio(by_nacre)])
    columns = ("", *KINDS, "mix by nacre asgi")
    return Table("The stack in process: ns per request, least (median)", columns, rows, _NOTE)


def _on_servers(data: Mapping[str, Sequence[float]]) -> Table:
    rows = []
    for serving in SERVINGS:
        if serving.name not in data:
            continue
        own = data[serving.name]
        base = Serving(NACRE_ASGI, serving.kind).name
        by_nacre = None
        goal = None
        if base in data:
            by_nacre = statistics.median(own) / statistics.median(data[base])
            goal = STACK.get(serving.target.name)
        wanted = at_least(by_nacre or 0.0, goal)
        spread = percent(max(own) / min(own) - 1)
        rows.append(
            [
                serving.name,
                f"{statistics.median(own):.1f} us",
                "" if by_nacre is None else ratio(by_nacre),
                *wanted,
                spread,
            ]
        )
    note = (
        "CPU time per request of the mix, median of the rounds, and by that of Nacre on the same server and protocol."
    )
    return Table("The stack on a server", ("", "CPU time", "by nacre asgi", "target", "met", "spread"), rows, note)
