"""A dialect is small, and stands on what every user of Nacre can stand on: public modules and public names."""

import ast
import importlib
import inspect
import textwrap
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "nacre"
# Lines of code and text, names that are only listed (enums, exceptions) among them. What grows beyond that lacks an
# extension point in the core.
MOST_LINES = {"microdot": 2950, "madara": 1850, "flama": 2800, "blacksheep": 3800, "rapidy": 3200}
DIALECTS = list(MOST_LINES)


def files(dialect):
    return sorted((PACKAGE / "dialects" / dialect).rglob("*.py"))


def trees(paths):
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def is_private(name):
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_imports_no_private_name_and_no_other_dialect(dialect):
    wrong = []
    for path, tree in trees(files(dialect)):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nacre"):
                own = (node.module or "").startswith(f"nacre.dialects.{dialect}")
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                if not own and (any(map(is_private, names)) or "dialects" in names):
                    wrong.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    assert not wrong


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_touches_no_private_attribute_of_the_core(dialect):
    defined, used = set(), []
    for path, tree in trees(files(dialect)):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.Attribute) and is_private(node.attr):
                if isinstance(node.ctx, ast.Store):
                    defined.add(node.attr)
                used.append((f"{path.name}:{node.lineno}", node.attr))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                defined.add(node.target.id)
            elif isinstance(node, ast.Assign):
                defined |= {one.id for one in node.targets if isinstance(one, ast.Name)}
    foreign = [(place, name) for place, name in used if name not in defined]
    assert not foreign
    # A name of its own may not be one of a core class: a subclass would share the attribute.
    assert not {name for _, name in used} & inherited_private_names(dialect)


def inherited_private_names(dialect):
    """The private attributes of the core's classes that a dialect's classes derive from."""
    module = importlib.import_module(f"nacre.dialects.{dialect}")
    found = set()
    for one in vars(module).values():
        if inspect.isclass(one) and one.__module__.startswith("nacre.dialects"):
            for base in one.__mro__:
                if base.__module__.startswith("nacre.") and not base.__module__.startswith("nacre.dialects"):
                    found |= {name for name in (*vars(base), *_set_by(base)) if is_private(name)}
    return found


def _set_by(cls):
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_is_small(dialect):
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files(dialect)) <= MOST_LINES[dialect]
