"""The public names are the reviewed ones, and each says what it is."""

import ast
import difflib
import inspect
import itertools
import sys
from pathlib import Path

import pytest

import nacre

LIST = Path(__file__).with_name("public_names.txt")


def documented_assignments(path: Path) -> set[str]:
    """Names that a file assigns at its top level with a docstring right under the assignment."""
    names: set[str] = set()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for statement, below in itertools.pairwise(body):
        if not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)):
            continue
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(below.value.value, str):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def has_docstring(name: str) -> bool:
    """Whether a class or function has one of its own, or an alias or constant has one under its assignment."""
    value = getattr(nacre, name)
    if inspect.isclass(value):
        return bool(vars(value).get("__doc__"))
    if inspect.isroutine(value) or inspect.ismodule(value):
        return bool(value.__doc__)
    # An alias or an instance does not know where it was assigned: any module of the package may say it.
    files = [module.__file__ for key, module in sys.modules.items() if key.partition(".")[0] == "nacre"]
    return any(name in documented_assignments(Path(file)) for file in files if file)


def test_public_names_are_the_reviewed_ones():
    reviewed = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    difference = difflib.unified_diff(reviewed, sorted(nacre.__all__), LIST.name, "nacre.__all__", n=0, lineterm="")
    assert not (lines := list(difference)), "\n".join(["the public names differ from the reviewed list:", *lines])


@pytest.mark.parametrize("name", [name for name in nacre.__all__ if not name.startswith("__")])
def test_public_name_has_a_docstring(name):
    assert has_docstring(name), f"nacre.{name} has no docstring (an alias has it as a string under its assignment)"
