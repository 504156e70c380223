"""Programs written for other frameworks, run on their dialect: the import lines are rewritten, nothing else."""

import itertools
import sys
from pathlib import Path
from types import ModuleType

from bench.originals import in_dialect

FOLDER = Path(__file__).parent
_numbers = itertools.count()


def path_of(system: str, name: str) -> Path:
    return FOLDER / system / "programs" / f"{name}.py"


def load(system: str, name: str) -> ModuleType:
    """Run a program afresh, so that no test sees what another one left in it.

    Its file's folder can be imported from, for programs that import what stands beside them.
    """
    path = path_of(system, name)
    module = ModuleType(f"{system}_{name}_{next(_numbers)}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # annotations and dotted names are looked up there
    code = compile(in_dialect(path.read_text(encoding="utf-8"), system), str(path), "exec")
    exec(code, vars(module))  # noqa: S102 - a program of ours
    return module


def write(system: str, name: str, folder: Path) -> Path:
    """The rewritten program as a file, for real servers to import."""
    path = folder / f"{name}.py"
    path.write_text(in_dialect(path_of(system, name).read_text(encoding="utf-8"), system), encoding="utf-8")
    return path
