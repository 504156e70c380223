"""`python -m bench.instructions --check`: that a request takes no more instructions than it was recorded to.

Times can't guard anything on a machine that does other things too; instructions can: two runs differ by less than a
two-hundredth. They belong to an interpreter, though. Where the raw ASGI application, which knows nothing of Nacre,
takes as many as it was recorded to, the counts are compared; where it doesn't, what they are by its count.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench import callgrind
from bench.machine import version_of
from bench.targets import NACRE_ASGI, NACRE_RSGI, NACRE_WSGI, RAW_ASGI, TARGETS, Target

BASELINE = Path(__file__).with_suffix(".json")
LIMIT = 0.05
RECORD = "make bench-record (or python -m bench.instructions --record)"

_SAME = 0.01
"""Two counts of the control further apart than this come from different interpreters."""

_PLAIN = ("plain", "json", "params", "body", "error")
_STYLES = {
    NACRE_ASGI: ("onion", "after hook", "ASGI class inside"),
    NACRE_RSGI: ("onion", "after hook", "ASGI class inside"),
    NACRE_WSGI: ("onion, plain def", "after hook", "Django class"),
}
_CONTROL = ("plain", "json", "params", "body", "layers20")
_TIMES = 100

Counts = dict[str, float]


@dataclass
class Verdict:
    """What a comparison found: lines to print, and the workloads that cost too much."""

    lines: list[str] = field(default_factory=list)
    dearer: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is recorded; fail where it costs more")
    parser.add_argument("--record", action="store_true", help="record the counts of this interpreter")
    parser.add_argument("--count", metavar="TARGET", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.count:
        _count_target(TARGETS[options.count])
    elif not callgrind.is_present():
        print(f"Instructions: not checked, {callgrind.HOW_TO_GET}.")
    elif options.check:
        sys.exit(_check())
    else:
        counts = _counts()
        print("\n".join(f"{name:44} {value:10,.0f}" for name, value in counts.items()))
        if options.record:
            _record(counts)


def interpreter() -> dict[str, str]:
    """What counts belong to."""
    packages = {name: version_of(name) or "none" for name in ("msgspec", "uvloop")}
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        **packages,
    }


def _counts() -> Counts:
    targets = (NACRE_RSGI, NACRE_ASGI, NACRE_WSGI, RAW_ASGI)
    return callgrind.count("bench.instructions", [("--count", target.name) for target in targets])


def _count_target(target: Target) -> None:
    """Count each workload of one target, in this process."""
    from bench.drivers import driver_for
    from bench.workloads import WORKLOADS, check

    with closing(driver_for(target.protocol)) as driver:
        for name, style in _cases(target):
            workload = WORKLOADS[name]
            setting = workload.under(target.setting)
            if style:
                setting = replace(setting, style=style)
            app = target.build(setting)
            for call in workload.calls:
                check(call, setting, driver.answer(app, call))
            label = f"{target.name}, {name}" + (f" of {style}" if style else "")
            callgrind.counted(label, partial(driver.run, app, workload.calls), _TIMES)
    if target in (NACRE_RSGI, NACRE_ASGI):
        _count_stack(target)


def _count_stack(target: Target) -> None:
    """Count each kind of request behind the layers of the view `stack`."""
    from bench.stack import KINDS, StackRounds

    rounds = StackRounds(target.name)
    for kind in KINDS[:-1]:
        callgrind.counted(f"{target.name}, the stack's {kind}", partial(rounds.run, kind), _TIMES)


def _cases(target: Target) -> Iterator[tuple[str, str]]:
    """Workloads, and the style of layers where it is chosen."""
    if target is RAW_ASGI:
        yield from ((name, "") for name in _CONTROL)
        return
    yield from ((name, "") for name in _PLAIN)
    yield from (("layers20", style) for style in _STYLES[target])
    if target is NACRE_ASGI:
        yield "routes", ""  # protocols have no part in it, and 500 routes take long to compile here


def _record(counts: Counts) -> None:
    from bench.costs import count_parts

    held = {"interpreter": interpreter(), "instructions": _rounded(counts), "parts": _rounded(count_parts())}
    BASELINE.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {BASELINE.name}")


def _rounded(counts: Counts) -> dict[str, int]:
    return {name: round(value) for name, value in counts.items()}


def _check() -> int:
    """Print what is found, and with a workload that costs more which of its parts do; the exit code."""
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    here = interpreter()
    if not may_compare(baseline["interpreter"], here):
        recorded = _named(baseline["interpreter"])
        print(f"Instructions: not checked. They are recorded for {recorded}; here is {_named(here)}.")
        return 0
    found = _counts()
    verdict = compare(baseline, here, found)
    print("\n".join(verdict.lines))
    if verdict.dearer:
        from bench.costs import count_parts

        protocols = sorted({name.partition(",")[0].split()[-1] for name in verdict.dearer})
        scale = _scale(baseline, here, found)[0]
        print("\n".join(dearer_parts(baseline["parts"], count_parts(protocols), scale)))
    return 1 if verdict.dearer else 0


def may_compare(recorded: Mapping[str, str], here: Mapping[str, str]) -> bool:
    """Whether counts of these two say anything about each other: the same minor version on the same kind of machine."""
    return recorded["system"] == here["system"] and _minor(recorded) == _minor(here)


def _minor(interpreter: Mapping[str, str]) -> str:
    return interpreter["python"].rpartition(".")[0]


def _named(interpreter: Mapping[str, str]) -> str:
    packages = [f"{name} {version}" for name, version in interpreter.items() if name not in ("python", "system")]
    return ", ".join([interpreter["python"], interpreter["system"], *packages])


def compare(baseline: Mapping[str, Any], here: Mapping[str, str], found: Mapping[str, float]) -> Verdict:
    """Counts against those recorded, or their ratios to the control's where the interpreter is another one."""
    scale, words = _scale(baseline, here, found)
    verdict = Verdict([words] if words else [])
    recorded = {name: value * scale for name, value in baseline["instructions"].items() if not _is_control(name)}
    own = {name: value for name, value in found.items() if not _is_control(name)}
    cheaper = 0
    for name, was in recorded.items():
        if name not in own:
            verdict.lines.append(f"{name}: recorded, but no longer measured; record anew: {RECORD}")
            continue
        change = own[name] / was - 1
        figures = f"{was:,.0f} instructions recorded, {own[name]:,.0f} now ({change:+.1%})"
        if change > LIMIT:
            verdict.dearer.append(name)
            verdict.lines.append(f"{name} costs more: {figures}")
        elif change < -LIMIT:
            cheaper += 1
            verdict.lines.append(f"{name} costs less: {figures}")
    verdict.lines += [f"{name}: not recorded yet" for name in own if name not in recorded]
    verdict.lines.append(_conclusion(len(own), len(verdict.dearer), cheaper))
    return verdict


def _is_control(name: str) -> bool:
    return name.startswith(f"{RAW_ASGI.name}, ")


def _scale(baseline: Mapping[str, Any], here: Mapping[str, str], found: Mapping[str, float]) -> tuple[float, str]:
    """By what recorded counts are multiplied for this interpreter, and what to say about it."""
    names = [name for name in found if _is_control(name) and name in baseline["instructions"]]
    recorded = sum(baseline["instructions"][name] for name in names)
    control = sum(found[name] for name in names) / recorded
    if baseline["interpreter"] == dict(here) and abs(control - 1) <= _SAME:
        return 1.0, ""
    what = (
        f"They are recorded for {_named(baseline['interpreter'])}; here is {_named(here)}."
        if baseline["interpreter"] != dict(here)
        else "This interpreter was built otherwise than the one they are recorded for."
    )
    factor = f"Raw ASGI takes {control:.3f} times as many instructions here"
    return control, f"{what} {factor}, so the recorded ones are multiplied by that."


def _conclusion(count: int, dearer: int, cheaper: int) -> str:
    if dearer:
        return (
            f"Instructions: {dearer} of {count} workloads cost more than {LIMIT:.0%} above what is recorded. "
            f"If that is wanted: {RECORD}"
        )
    if cheaper:
        return f"Instructions: {cheaper} of {count} workloads cost more than {LIMIT:.0%} less. Keep that: {RECORD}"
    return f"Instructions: {count} workloads cost what is recorded, within {LIMIT:.0%}."


def dearer_parts(recorded: Mapping[str, float], found: Mapping[str, float], scale: float = 1.0) -> list[str]:
    """What grew among the parts of a request, the most grown first."""
    grown = {
        name: value - recorded[name] * scale
        for name, value in found.items()
        if name in recorded and not name.endswith((": whole", ": driver"))
    }
    rows = sorted(grown, key=lambda name: -grown[name])
    lines = [
        f"  {name}: {recorded[name] * scale:,.0f} recorded, {found[name]:,.0f} now (+{grown[name]:,.0f})"
        for name in rows
        if grown[name] > max(100.0, recorded[name] * scale * LIMIT)
    ]
    if not lines:
        return ["None of the parts that bench/costs.py knows grew by itself: look at what stands between them."]
    return ["The parts that grew, of those that bench/costs.py knows:", *lines]


if __name__ == "__main__":
    main()
