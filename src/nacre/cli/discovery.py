"""Finding the application a command is about, and importing it.

Looked at in this order: what the command line says, the variable NACRE_APP, `[tool.nacre] app` of `pyproject.toml`, and
then `app.py`, `main.py`, `asgi.py` and `wsgi.py` for an `app` or `application`. All of it in the working directory,
which is where imports begin too.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import os
import sys
import tomllib
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import click

from nacre import ConfigurationError, Nacre
from nacre.errors import Problem

VARIABLE = "NACRE_APP"

_MODULES = ("app", "main", "asgi", "wsgi")
_ATTRIBUTES = ("app", "application")
_PACKAGE = str(Path(__file__).parents[1])


class NoApplication(click.ClickException):
    """There is no application where one was looked for; exit status 2."""

    exit_code = 2


class Misconfigured(click.ClickException):
    """The application is there and can't start: its problems are shown; exit status 1."""

    exit_code = 1

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def show(self, file: IO[Any] | None = None) -> None:
        for problem in self.problems:
            place = f"{problem.where}: " if problem.where is not None else ""
            click.echo(f"{click.style('error', fg='red', bold=True)}: {place}{problem.what}", file=file, err=True)
            if problem.fix is not None:
                click.echo(f"  {problem.fix}", file=file, err=True)


class UserError(click.ClickException):
    """The user's code raised: its traceback is shown as Python shows it, without our frames; exit status 1."""

    exit_code = 1

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__} while the application was loaded")
        self.error = error

    def show(self, file: IO[Any] | None = None) -> None:
        step = self.error.__traceback__
        while step is not None and _is_ours(step.tb_frame.f_code.co_filename):
            step = step.tb_next
        text = "".join(traceback.format_exception(type(self.error), self.error, step))
        click.echo(text.rstrip(), file=file, err=True)


def _is_ours(file: str) -> bool:
    return file.startswith((_PACKAGE, "<frozen importlib")) or file == importlib.__file__


# Finding.


def find_target(given: str | None) -> str:
    """The application's reference, `module:attribute`. Raises NoApplication if there is none."""
    target = given or os.environ.get(VARIABLE) or _from_project() or _from_files()
    if target is not None:
        return target
    raise NoApplication(
        "no application found: name it as module:attribute (e.g. `nacre routes app:app`), set NACRE_APP, put "
        '`app = "module:attribute"` under [tool.nacre] in pyproject.toml, or call it `app` in app.py'
    )


def _from_project() -> str | None:
    path = Path("pyproject.toml")
    if not path.is_file():
        return None
    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except ValueError as error:
        raise NoApplication(f"pyproject.toml can't be read: {error}") from None
    target = tools.get("nacre", {}).get("app")
    if target is not None and not isinstance(target, str):
        raise NoApplication('[tool.nacre] app in pyproject.toml must be a string, e.g. app = "app:app"')
    return target


def _from_files() -> str | None:
    for module in _MODULES:
        for path in (Path(f"{module}.py"), Path(module, "__init__.py")):
            attribute = _application_in(path) if path.is_file() else None
            if attribute is not None:
                return f"{module}:{attribute}"
    return None


def _application_in(path: Path) -> str | None:
    """The name an application has in a file, read without running it."""
    try:
        names = set(_names_bound_in(ast.parse(path.read_text(encoding="utf-8"))))
    except (SyntaxError, ValueError):
        return _ATTRIBUTES[0]  # its import will say what is wrong with it
    return next((name for name in _ATTRIBUTES if name in names), None)


def _names_bound_in(tree: ast.Module) -> Iterable[str]:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                yield name
            case ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case _:
                pass


# Importing.


def import_app(target: str) -> Nacre:
    """Import an application, or have its factory make it.

    Raises NoApplication where there is none, Misconfigured for what it declares wrongly, and UserError for any other
    exception of its own code.
    """
    module_name, _, attribute = target.partition(":")
    module_name = _checked_module(target, module_name)
    cwd = str(Path.cwd())
    if cwd not in sys.path:
        sys.path.insert(0, cwd)
    module = _running(lambda: _import(module_name))
    value = _find(module, module_name, attribute)
    if not isinstance(value, Nacre):
        found = value.__name__ if isinstance(value, type) else f"a {type(value).__name__}"
        raise NoApplication(f"{target} is {found}, not a Nacre application")
    return value


def compile_app(target: str) -> Nacre:
    """Import an application and check its configuration; raises what `import_app` does."""
    app = import_app(target)
    _running(app.compile)
    return app


def _running(code: Callable[[], Any]) -> Any:
    """Run code of the user's."""
    try:
        return code()
    except click.ClickException:
        raise
    except ConfigurationError as error:
        raise Misconfigured(error.problems) from None
    except Exception as error:
        raise UserError(error) from None


def _checked_module(target: str, module_name: str) -> str:
    if module_name.endswith(".py") or "/" in module_name or os.sep in module_name:
        dotted = ".".join(Path(module_name).with_suffix("").parts)
        raise NoApplication(f"{target} is no module:attribute; did you mean {target.replace(module_name, dotted, 1)}?")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise NoApplication(f"{target} is no module:attribute; one looks like app:app or shop.web:create_app()")
    return module_name


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A module that is there and misses another one is the user's to see with its traceback.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise NoApplication(f"there is no module {error.name}{_suggest(error.name, _modules_beside(name))}") from None


def _modules_beside(name: str) -> Iterable[str]:
    *parents, _ = name.split(".")
    folder = Path(*parents)
    found = [path.stem for path in folder.glob("*.py")] + [path.parent.name for path in folder.glob("*/__init__.py")]
    return [".".join([*parents, stem]) for stem in found if not stem.startswith("__")]


def _find(module: Any, module_name: str, attribute: str) -> Any:
    if not attribute:
        attribute = next((name for name in _ATTRIBUTES if hasattr(module, name)), _ATTRIBUTES[0])
    is_called = attribute.endswith("()")
    value = module
    for name in attribute.removesuffix("()").split("."):
        if not hasattr(value, name):
            hint = _suggest(name, _applications_in(module, value), prefix=f"{module_name}:")
            raise NoApplication(f"module {module_name} has no attribute {name}{hint}")
        value = getattr(value, name)
    if not is_called and not inspect.isfunction(value):
        return value
    return _make(value, f"{module_name}:{attribute.removesuffix('()')}")


def _make(factory: Any, reference: str) -> Any:
    if not callable(factory) or isinstance(factory, Nacre):
        raise NoApplication(f"{reference} is no function; leave out the parentheses")
    if inspect.iscoroutinefunction(factory):
        raise NoApplication(f"{reference} is async; a factory is a plain function without arguments")
    try:
        inspect.signature(factory).bind()
    except TypeError:
        wanted = inspect.signature(factory)
        raise NoApplication(f"{reference} takes {wanted}; a factory is called without arguments") from None
    return _running(factory)


def _applications_in(module: Any, holder: Any) -> list[str]:
    """Names worth suggesting, applications first."""
    names = [name for name in vars(holder) if not name.startswith("_")] if hasattr(holder, "__dict__") else []
    apps = [name for name in names if isinstance(getattr(holder, name, None), Nacre)]
    return apps or names if holder is module else names


def _suggest(name: str, known: Iterable[str], prefix: str = "") -> str:
    choices = list(known)
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    if not near and prefix and len(choices) == 1:
        near = choices
    return f"; did you mean {prefix}{near[0]}?" if near else ""
