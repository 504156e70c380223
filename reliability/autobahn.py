"""R2: the Autobahn test suite's client against an echo server, cases 1 to 7 and 10, and in the full form 12 and 13.

The suite (autobahntestsuite 25.10.1) runs under Python 2.7 only, which is looked for as `python2.7` on the path, among
pyenv's versions, and as the environment variable PYTHON27. It is installed with what it needs into `.cache/autobahn`,
once. Without a Python 2.7 nothing is measured, and that is a failure; `tests/servers/test_websocket_frames.py` has the
cases that need no suite.

No case may fail, and the log may hold no traceback. On Granian two cases may be NON-STRICT: 6.4.3 and 6.4.4, where bad
UTF-8 must be noticed within a frame that is still arriving. On uvicorn 14 may: it closes for a wrong frame before the
application has answered the messages in front of it. `--baseline` echoes by the bare application, which tells what is
the server's own doing.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reliability.experiment import Finding, Options
from reliability.servers import ASYNC, ROOT, Server

GOAL = "0 cases failed, 2 not strict at most (14 on uvicorn), 0 tracebacks"

_FOLDER = ROOT / ".cache" / "autobahn"
_SUITE = "autobahntestsuite==25.10.1"
# What the suite's 25.10.1 asks for, except that Twisted is the last one that has a wheel for Python 2.7.
_NEEDED = (
    *("autobahn==0.10.9", "Twisted==20.3.0", "txaio==2.1.0", "setuptools==44.1.1", "wsaccel==0.6.2", "ujson==2.0.3"),
    *("pyOpenSSL==19.1.0", "cryptography==3.3.2", "service_identity==18.1.0", "klein==17.10.0", "Werkzeug==1.0.1"),
    *("jinja2==2.11.3", "markupsafe==1.1.1", "unittest2==1.1.0"),
)
_CASES = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
_CASES_OF_DEFLATE = ("12.*", "13.*")
_NOT_STRICT = 2
_NOT_STRICT_ON_UVICORN = 14
_LIMIT = 7200.0


def run(options: Options) -> Iterator[Finding]:
    python = _python()
    if python is None:
        yield Finding("autobahn", "there is no Python 2.7 to run it with: put python2.7 on the path", False)
        return
    _install(python)
    cases = (*_CASES, *_CASES_OF_DEFLATE) if options.full else _CASES
    for kind in options.chosen((*ASYNC, "uvicorn-wsproto")):
        with Server(kind, baseline=options.baseline) as server, tempfile.TemporaryDirectory() as folder:
            results = _examine(python, server, cases, Path(folder))
            yield _judge(server, results, whole=True)
            for group in sorted({name.partition(".")[0] for name in results}, key=int):
                of_group = {name: found for name, found in results.items() if name.partition(".")[0] == group}
                if not (finding := _judge(server, of_group, whole=False)).passed:
                    yield finding


def _python() -> str | None:
    """A Python 2.7 of this machine."""
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    installed = sorted(glob.glob(f"{root}/versions/2.7.*/bin/python2.7"))
    for candidate in (os.environ.get("PYTHON27"), *installed, shutil.which("python2.7")):
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def _install(python: str) -> None:
    if (_FOLDER / "autobahntestsuite").is_dir():
        return
    for packages in (_NEEDED, ("--no-deps", _SUITE)):
        command = [python, "-W", "ignore", "-m", "pip", "install", "--quiet", "--target", str(_FOLDER), *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{_SUITE} could not be installed:\n{done.stderr[-2000:]}")


def _examine(python: str, server: Server, cases: tuple[str, ...], folder: Path) -> dict[str, dict[str, Any]]:
    """What the suite says of each case."""
    about = {
        "outdir": str(folder),
        "servers": [{"agent": "server", "url": f"ws://127.0.0.1:{server.port}/echo"}],
        "cases": list(cases),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    specification = folder / "specification.json"
    specification.write_text(json.dumps(about), encoding="ascii")
    # `addsitedir` reads the .pth file that a namespace package of Twisted's needs, which a plain path wouldn't.
    program = f"import site; site.addsitedir({str(_FOLDER)!r}); from autobahntestsuite import wstest; wstest.run()"
    command = [python, "-W", "ignore", "-c", program, "-m", "fuzzingclient", "-s", str(specification)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_LIMIT, check=False)
    index = folder / "index.json"
    if not index.is_file():
        raise RuntimeError(f"the suite gave no report:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    found: dict[str, dict[str, Any]] = json.loads(index.read_text(encoding="utf-8"))["server"]
    return found


def _judge(server: Server, results: dict[str, dict[str, Any]], *, whole: bool) -> Finding:
    behaviours = Counter(str(found["behavior"]) for found in results.values())
    closings = Counter(str(found["behaviorClose"]) for found in results.values())
    failed = [name for name, found in results.items() if "FAILED" in (found["behavior"], found["behaviorClose"])]
    lax = [name for name, found in results.items() if found["behavior"] == "NON-STRICT"]
    wrong = [name for name, found in results.items() if found["behaviorClose"] in ("WRONG CODE", "UNCLEAN")]
    said = ", ".join(f"{number} {name}" for name, number in behaviours.most_common())
    for what, names in (("failed", failed), ("not strict", lax), ("closed wrongly", wrong)):
        if names:
            said += f"; {what}: {', '.join(sorted(names, key=_order)[:12])}" + (" …" if len(names) > 12 else "")
    tracebacks = server.log().count("Traceback") if whole else 0
    if tracebacks:
        said += f"; {tracebacks} tracebacks"
    group = "all" if whole else f"group {next(iter(results)).partition('.')[0]}"
    allowed = _NOT_STRICT_ON_UVICORN if server.kind.startswith("uvicorn") else _NOT_STRICT
    passed = not failed and len(lax) <= allowed and not closings["WRONG CODE"] and not tracebacks
    return Finding(f"{server.kind}, {group}, {len(results)} cases", said, passed)


def _order(name: str) -> list[int]:
    return [int(part) for part in name.split(".")]
