"""Small functions that Madara's programs may import."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import TracebackType
from typing import Any, NoReturn

from nacre.dialects.madara.responses import Response, as_madara, json_response

text_type = str


def jsonify(*args: Any, **kwargs: Any) -> Response:
    """A JSON response of the one argument, of the list of several, or of the keywords.

    Raises TypeError for arguments and keywords together, and for data that has no JSON form.
    """
    if args and kwargs:
        raise TypeError("jsonify() takes positional arguments or keywords, not both at once")
    return as_madara(json_response(args[0] if len(args) == 1 else args or kwargs))


def import_string(dotted_path: str) -> Any:
    """What a name such as "package.module.Name" stands for. Raises ImportError if that isn't there."""
    module_path, _, name = dotted_path.rpartition(".")
    if not module_path:
        raise ImportError(f"{dotted_path!r} is no dotted name; write it as 'package.module.Name'")
    module = import_module(module_path)
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise ImportError(f"module {module_path!r} has no {name!r}") from error


def load_config(kw: Mapping[Any, Any]) -> dict[Any, Any]:
    """The same configuration, each key that is a str as it is written and in lower case."""
    config: dict[Any, Any] = {}
    for key, value in kw.items():
        config[key] = value
        if isinstance(key, str):
            config[key.lower()] = value
    return config


def reraise(tp: type[BaseException], value: BaseException, tb: TracebackType | None = None) -> NoReturn:
    """Raise an exception with another traceback."""
    raise value.with_traceback(tb)
