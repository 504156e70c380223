"""Imports point down, never in a circle, and `import nacre` costs only what every app needs.

Every import statement counts: those under `if TYPE_CHECKING` and those inside functions too.
"""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "nacre"

# Lowest first. A line is one level; a module imports from the levels under its own. Within a level, the modules of one
# string may import each other; between strings nothing is imported, unless SIDEWAYS says so. A folder's name stands for
# everything in it. The package itself stands above `app`: only dialects and tools may write `from nacre import …`.
LEVELS: dict[str, list[str]] = {
    "wire": [
        "errors headers cookies urls media codecs lazy fields urlencoded multipart filenames etags ranges disposition"
        " eventstream logline pieces codings signing risks"
    ],
    "messages": [
        "types state body request response route documentation streams threads callables forms uploads filebody"
        " websocket tasks marks session views"
    ],
    "core": ["routing", "binding", "results shaping", "chain"],
    # Each feature module is a string of its own.
    "edges": [
        *("transports", "sse", "files representations", "templates"),
        *("compression", "decompression", "conditional"),
        *("sessions", "auth", "security", "traffic"),
    ],
    "app": [
        "app groups declare collector compiler sites mounts placement ordering overrides lifespan describe server"
        " pages assessment",
        "static",
    ],
    "package": ["__init__"],
    "tools": ["testing", "cli __main__", "inspector", "openapi"],
    # Above the tools: a dialect has its original's test client and schema pages.
    "dialects": [
        "dialects.microdot",
        "dialects.madara",
        "dialects.flama",
        "dialects.blacksheep",
        "dialects.rapidy",
        "dialects",
    ],
}

# (importer, imported) between strings of one level, by their first word.
SIDEWAYS = {
    ("auth", "sessions"),  # a login is kept in a session
    ("static", "app"),  # a directory of files is a group
    ("chain", "results"),  # what a layer returns is made into a response
    ("cli", "openapi"),  # `nacre openapi` writes the document
    ("chain", "binding"),  # an onion layer's other parameters are bound like a handler's
}

# Loaded by what needs them, when it needs them.
NOT_WITH_NACRE = [
    "granian",
    "click",
    "multipart",
    "jinja2",
    "minijinja",
    "uvloop",
    "nacre_openapi_ui",
    "brotli",
    "isal",
    "backports.zstd",
    "itsdangerous",
    "cryptography",
    "joserfc",
    "authlib",
    "httpx2",
    "pwdlib",
    "webauthn",
    "limits",
    "pyotp",
    "werkzeug",
    "uvicorn",
    "pydantic",
]


def module_name(path: Path) -> str:
    """`src/nacre/routing/tree.py` → `routing.tree`; a folder's `__init__` is named after the folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported_names(path: Path) -> set[str]:
    """The dotted names that a file imports; relative imports are refused by the linter."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def find_module(name: str) -> str | None:
    """The module of the package that `name` (a module, or something in one) is in; None for names from elsewhere."""
    if name.partition(".")[0] != "nacre":
        return None
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in MODULES:
        parts.pop()
    return ".".join(parts) or "__init__"


def internal_imports(path: Path) -> set[str]:
    return {module for name in imported_names(path) if (module := find_module(name)) is not None}


GRAPH = {name: internal_imports(path) for name, path in MODULES.items()}


def find_place(module: str) -> tuple[int, str] | None:
    """The number of the module's level, and the first word of the string it stands in."""
    for level, strings in enumerate(LEVELS.values()):
        for words in map(str.split, strings):
            if any(module == word or module.startswith(f"{word}.") for word in words):
                return level, words[0]
    return None


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    place = find_place(module)
    assert place is not None, (
        f"the module {module!r} stands on no level: add it to LEVELS in {Path(__file__).name}, on a level above"
        f" everything it imports ({', '.join(sorted(GRAPH[module])) or 'nothing of ours'})"
    )
    level, string = place
    names = list(LEVELS)
    wrong = []
    for imported in sorted(GRAPH[module]):
        there = find_place(imported)
        if there is None:
            continue  # its own test says so
        if there[0] > level:
            wrong.append(f"{imported}, which is above it ({names[there[0]]})")
        elif there[0] == level and there[1] != string and (string, there[1]) not in SIDEWAYS:
            wrong.append(f"{imported}, which is beside it (put {(string, there[1])} into SIDEWAYS if that is wanted)")
    assert not wrong, f"{module} ({names[level]}) imports {'; '.join(wrong)}"


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.partition(".")[0] in ("cli", "inspector", "openapi")]
)
def test_tools_read_what_the_application_says_of_itself(module):
    """`describe()`, `explain()`, `find_risks()`, and not what they are made of."""
    inner = {"compiler", "collector", "chain", "placement", "ordering", "assessment"}
    assert not {name for name in GRAPH[module] if name.partition(".")[0] in inner}


def test_no_modules_import_each_other_in_a_circle():
    try:
        graphlib.TopologicalSorter(GRAPH).prepare()
    except graphlib.CycleError as error:
        # The sorter lists a module after what imports it.
        pytest.fail("import cycle: " + " → ".join(reversed(error.args[1])))


def test_importing_nacre_loads_no_server_parser_or_extra():
    program = f"import sys, nacre; print(*[name for name in {NOT_WITH_NACRE} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []
