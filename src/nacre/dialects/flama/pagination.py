"""Handlers that return a whole list, of which clients ask for one page."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

import nacre
from nacre.callables import is_async
from nacre.dialects.flama.schemas import result_type
from nacre.errors import ConfigurationError, Location, Problem
from nacre.results import return_annotation

Style = Literal["page_number", "limit_offset"]

_STYLES: Mapping[str, Mapping[str, tuple[Any, int]]] = {
    "page_number": {"page": (nacre.Query(ge=1), 1), "page_size": (nacre.Query(ge=1), 10)},
    "limit_offset": {"limit": (nacre.Query(ge=0), 10), "offset": (nacre.Query(ge=0), 0)},
}


def paginated(function: Callable[..., Any], style: str) -> tuple[Callable[..., Any], Any]:
    """The handler that answers with one page of what a function returns, and the type of its answer, None for any.

    It is `{"meta": …, "data": …}`; `count`, for clients that ask for it, is how many items there are in all. Raises
    ConfigurationError for a style that isn't known.
    """
    if style not in _STYLES:
        what = f"pagination={style!r} isn't known"
        raise ConfigurationError(Problem(what, Location.of_caller(), 'write "page_number" or "limit_offset"'))
    signature = inspect.signature(function)
    parameters = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    added = [
        *(_parameter(name, Annotated[int, mark], default) for name, (mark, default) in _STYLES[style].items()),
        _parameter("count", bool, False),
    ]
    names = [one.name for one in added]

    def split(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        return {name: values.pop(name) for name in names}, values

    @functools.wraps(function)
    async def on_loop(**values: Any) -> Any:
        asked, given = split(values)
        return _page(await function(**given), asked)

    @functools.wraps(function)
    def plain(**values: Any) -> Any:
        asked, given = split(values)
        return _page(function(**given), asked)

    page: Callable[..., Any] = on_loop if is_async(function) else plain
    vars(page)["__signature__"] = signature.replace(parameters=[*parameters, *added])
    return page, _type_of_page(result_type(return_annotation(function)))


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _page(items: Any, asked: dict[str, Any]) -> Any:
    if isinstance(items, nacre.Response):
        return items
    all_items: Sequence[Any] = list(items)
    first, size = _range(asked)
    meta = {**asked, "count": len(all_items) if asked["count"] else None}
    return {"meta": meta, "data": all_items[first : first + size]}


def _range(asked: dict[str, Any]) -> tuple[int, int]:
    """The first item of the page that was asked for, and how many there are on it."""
    if "page" in asked:
        return (asked["page"] - 1) * asked["page_size"], asked["page_size"]
    return asked["offset"], asked["limit"]


def _type_of_page(items: Any) -> Any:
    if items is None:
        return None
    import pydantic  # the schema is one of its models

    item: Any = get_args(items)[0] if get_args(items) else items
    fields: dict[str, Any] = {"meta": (dict[str, int | None], ...), "data": (list.__class_getitem__(item), ...)}
    return pydantic.create_model(f"{item.__name__}Page", **fields)
