"""One program and one script of requests, put to the original and to the dialect: every difference is explained.

Each system's `differential.py` holds the data: `PROGRAMS` (files in its `programs`), `REQUESTS`, `HEADERS` (those that
are compared), `DIFFERENCES` (by the id of a request: why its answers differ) and `MASKS` (expressions for what differs
each time, such as a signature, and why).
"""

import base64
import importlib
import json
import os
import re
import subprocess
import sys

import pytest
from bench.originals import HOW_TO_GET, python_of

from dialects.program import FOLDER, path_of, write

ROOT = FOLDER.parents[1]
KINDS = {"microdot": "own", "madara": "wsgi", "flama": "asgi", "blacksheep": "asgi", "rapidy": "aiohttp"}
MODULES = {
    "microdot": ["dialects.microdot.differential", "dialects.microdot.differential_ext"],
    "madara": ["dialects.madara.differential"],
    "flama": ["dialects.flama.differential"],
    "blacksheep": ["dialects.blacksheep.differential"],
    "rapidy": ["dialects.rapidy.differential"],
}


def scripts(system):
    return [importlib.import_module(name) for name in MODULES[system]]


def asked(python, kind, program, requests, **environment):
    result = subprocess.run(
        [str(python), "-P", str(FOLDER / "asking.py"), kind, str(program)],  # -P: no folder of ours hides a package
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=program.parent,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return {answer["id"]: answer for answer in json.loads(result.stdout)}


def shown(answer, script):
    """What is compared of an answer, with what differs each time masked."""
    body = base64.b64decode(answer["body"]).decode("utf-8", "backslashreplace")
    headers = {name: sorted(value for key, value in answer["headers"] if key == name) for name in script.HEADERS}
    text = json.dumps([answer["status"], headers, body], indent=1)
    for expression in getattr(script, "MASKS", {}):
        text = re.sub(expression, "…", text)
    return text


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("system", "program"),
    [(system, program) for system in KINDS for script in scripts(system) for program in script.PROGRAMS],
)
def test_the_dialect_answers_as_the_original_but_for_what_is_explained(system, program, tmp_path):
    script = next(one for one in scripts(system) if program in one.PROGRAMS)
    requests = [one for one in script.REQUESTS if one.get("program", script.PROGRAMS[0]) == program]
    python = python_of(system)
    assert python is not None, HOW_TO_GET
    path = path_of(system, program)
    original = asked(python, KINDS[system], path, requests, PYTHONPATH=str(path.parent))
    dialect = asked(
        sys.executable,
        "wsgi" if KINDS[system] == "wsgi" else "asgi",
        write(system, program, tmp_path),
        requests,
        PYTHONPATH=os.pathsep.join([str(ROOT / "src"), str(path.parent)]),
    )
    unexplained, gone = [], []
    for request in requests:
        name = request["id"]
        theirs, ours = shown(original[name], script), shown(dialect[name], script)
        if theirs != ours and name not in script.DIFFERENCES:
            unexplained.append(f"{name}: {request['method']} {request['path']}\noriginal {theirs}\ndialect {ours}")
        elif theirs == ours and name in script.DIFFERENCES:
            gone.append(name)
    assert not unexplained, "\n".join(unexplained)
    assert not gone, f"explained, but they don't differ: {', '.join(gone)}"


@pytest.mark.parametrize("system", KINDS)
def test_a_script_has_sixty_requests_and_explains_only_those_it_makes(system):
    requests = [request["id"] for script in scripts(system) for request in script.REQUESTS]
    assert len(requests) >= 60
    assert len(set(requests)) == len(requests)
    for script in scripts(system):
        assert set(script.DIFFERENCES) <= {request["id"] for request in script.REQUESTS}
        assert all(script.DIFFERENCES.values())
