"""A process that measures, and the parent's end of it.

Each target has a process of its own, pinned to one core and kept for several rounds: the parent asks one process after
the other for a round. A request is a line of JSON on the standard input, its answer one on the standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from bench.drivers import driver_for
from bench.machine import environment, on_core
from bench.measure import calibrate
from bench.targets import TARGETS, Target
from bench.workloads import WORKLOADS, Setting, check

Serve = Callable[[dict[str, Any]], Any]


class Child:
    """The parent's end."""

    def __init__(self, *arguments: str, core: int, python: str = sys.executable) -> None:
        self._name = " ".join(arguments)
        with on_core(core):
            self._process = subprocess.Popen(
                [python, "-m", "bench.child", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment(),
            )

    def ask(self, **question: Any) -> Any:
        """Have it do something. Raises RuntimeError when it died of that; its traceback is on the standard error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the measuring process of {self._name} ended early")
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class TargetRounds:
    """The measuring end for one target: applications are built, checked and calibrated when first asked for."""

    def __init__(self, name: str) -> None:
        self._target = _target(name)
        self._driver = driver_for(self._target.protocol)
        self._apps: dict[Setting, Any] = {}
        self._counts: dict[str, int] = {}

    def __call__(self, question: dict[str, Any]) -> float:
        """One round of a workload: nanoseconds per request."""
        workload = WORKLOADS[question["workload"]]
        app = self._app(workload.under(self._target.setting))
        count = self._counts.get(workload.name)
        if count is None:
            setting = workload.under(self._target.setting)
            for call in workload.calls:
                check(call, setting, self._driver.answer(app, call))
            count = calibrate(lambda count: self._driver.run(app, workload.calls, count), question["seconds"])
            self._counts[workload.name] = count
        return self._driver.run(app, workload.calls, count) / count

    def _app(self, setting: Setting) -> Any:
        if setting not in self._apps:
            self._apps[setting] = self._target.build(setting)
        return self._apps[setting]


def _target(name: str) -> Target:
    if name in TARGETS:
        return TARGETS[name]
    from bench import peers

    return peers.in_process()[name]


def _serve(role: str, arguments: list[str]) -> Serve:
    # Only what this process measures is imported: the rest would take its share of the caches.
    match role:
        case "target":
            return TargetRounds(*arguments)
        case "stack":
            from bench.stack import StackRounds

            return StackRounds(*arguments)
        case "layers":
            from bench.layers import measure_styles

            return lambda question: measure_styles(*arguments, **question)
        case "growth":
            from bench.growth import measure_growth

            return lambda question: measure_growth(**question)
        case "costs":
            from bench.costs import measure_costs

            return lambda question: measure_costs(*arguments, **question)
        case "memory":
            from bench.memory import serve_memory

            return lambda question: serve_memory(*arguments, **question)
        case _:
            from bench.parts import measure_parts

            return lambda question: measure_parts(**question)


def main() -> None:
    serve = _serve(sys.argv[1], sys.argv[2:])
    # What an application prints must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), file=answers, flush=True)
    # Threads that serve an event loop beside would hold the process up.
    os._exit(0)


if __name__ == "__main__":
    main()
