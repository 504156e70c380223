"""The names by which users pick fields: as they are written, read, and compared with the fields there are."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from nacre.shaping.annotations import unaliased
from nacre.shaping.fields import item_type, names_of

Names: TypeAlias = Iterable[str] | Mapping[str, Any]
"""What users write: names, or a mapping from names to True (the whole field) or to names further in."""

Tree: TypeAlias = dict[str, "Tree | None"]
"""What they are read to: None is the whole field."""

EACH = "__all__"
"""Stands for every item of a list and every value of a dict; names alone hold for the items of a list too."""


def parse_names(value: Any) -> Tree:
    """Read names as users write them. Raises TypeError for anything else."""
    tree = _parse(value)
    if tree is None:
        raise TypeError(f"it is a set of names, or a mapping from names to those further in, not {value!r}")
    return tree


def _parse(value: Any) -> Tree | None:
    if value is True or value is ...:
        return None
    items: Iterable[tuple[Any, Any]]
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, set | frozenset | list | tuple):
        items = [(name, True) for name in value]
    elif isinstance(value, str):
        raise TypeError(f"{value!r} is a str; write {{{value!r}}}")
    else:
        raise TypeError(f"names are given in a set or a mapping, not as {value!r}")
    tree: Tree = {}
    for name, below in items:
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is no name; {EACH!r} stands for each item of a list")
        tree[str.__str__(name)] = _parse(below)
    return tree


def unknown_names(tree: Tree, annotation: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names in a tree that no value of this type has, each with the names there are."""
    known = names_of(annotation)
    for name, below in tree.items():
        if name == EACH:
            inner = item_type(annotation)
            if below is not None and inner is not None:
                yield from unknown_names(below, inner)
        elif known is not None and name not in known:
            yield name, tuple(known)
        elif known is not None and below is not None:
            yield from unknown_names(below, known[name])


def meant_for_each(tree: Tree, annotation: Any) -> Iterator[str]:
    """The names given for the keys of a dict that are names of its values' fields."""
    annotation = unaliased(annotation)
    origin = typing.get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        yield from (name for name in tree if name in (names_of(item_type(annotation)) or ()))
