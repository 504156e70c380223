"""Which fields of a value leave, under which names, and what stands for values that JSON doesn't know."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from nacre.shaping.fields import Field, fields_of, is_array, nearest
from nacre.shaping.models import is_pydantic, type_adapter
from nacre.shaping.names import EACH, Tree
from nacre.shaping.options import ResponseOptions, TypeEncoders

Rule = Callable[[Any, Tree | None, Tree | None], Any]
"""Makes plain data of a value, of which some fields are included (None: all) and some excluded."""


class Selection:
    """Makes plain data of values, as the options say; a value is walked only as far as an option reaches.

    What isn't walked stays as it is, for the encoder.
    """

    def __init__(self, options: ResponseOptions) -> None:
        self._include = options.include_fields
        self._exclude = options.exclude_fields
        self._by_alias = options.by_alias
        self._defaults = options.exclude_defaults
        self._none = options.exclude_none
        self._encoders: TypeEncoders = options.custom_encoder or {}
        self._everywhere = (
            self._by_alias is not None
            or options.exclude_unset
            or self._defaults
            or self._none
            or options.custom_encoder is not None
        )
        self._models = _Models(options)
        self._rules: dict[type, Rule] = {}

    def __call__(self, value: Any) -> Any:
        """The part of a value that leaves. Raises TypeError for names where there are none."""
        return self._select(value, self._include, self._exclude)

    def through(self, adapter: Any) -> Callable[[Any], Any]:
        """The same for values of a type that pydantic has an adapter for: what the type lacks doesn't leave."""
        return lambda value: self._models.dump(value, self._include, self._exclude, adapter)

    def _select(self, value: Any, include: Tree | None, exclude: Tree | None) -> Any:
        if include is None and exclude is None and not self._everywhere:
            return value
        kind = value.__class__
        rule = self._rules.get(kind)
        if rule is None:
            rule = self._rules[kind] = self._rule_for(kind)
        return rule(value, include, exclude)

    def _rule_for(self, kind: type) -> Rule:
        encoder = nearest(self._encoders, kind)
        if encoder is not None:
            return lambda value, include, exclude: encoder(value)
        if is_array(kind):
            return self._array(kind)
        if issubclass(kind, dict):
            return self._mapping
        if issubclass(kind, list | tuple | set | frozenset):
            return self._items
        if is_pydantic(kind):
            adapter = type_adapter(kind)
            return lambda value, include, exclude: self._models.dump(value, include, exclude, adapter)
        fields = fields_of(kind)
        return _as_it_is if fields is None else self._object(kind, fields)

    def _object(self, kind: type, fields: Iterable[Field]) -> Rule:
        fields = tuple(fields)
        config = getattr(kind, "__struct_config__", None)
        tag = {} if config is None or config.tag is None else {config.tag_field: config.tag}
        leaves_defaults = self._defaults or (config is not None and config.omit_defaults)
        by_name = self._by_alias is False

        def select(value: Any, include: Tree | None, exclude: Tree | None) -> Any:
            found: dict[str, Any] = dict(tag)
            for field in fields:
                name = field.name
                if (include is not None and name not in include) or _is_whole(exclude, name):
                    continue
                item = getattr(value, name, msgspec.UNSET)
                if item is msgspec.UNSET or (item is None and self._none):
                    continue
                if leaves_defaults and field.is_default(item):
                    continue
                key = name if by_name else field.key
                below = None if include is None else include[name]
                found[key] = self._select(item, below, None if exclude is None else exclude.get(name))
            return found

        return select

    def _mapping(self, value: Mapping[Any, Any], include: Tree | None, exclude: Tree | None) -> dict[Any, Any]:
        each = include is not None and EACH in include
        return {
            key: self._select(item, _below(include, key), _below(exclude, key))
            for key, item in value.items()
            if (include is None or each or key in include)
            and not _is_whole(exclude, key)
            and not (item is None and self._none)
        }

    def _items(self, value: Iterable[Any], include: Tree | None, exclude: Tree | None) -> list[Any]:
        if _is_whole(exclude, EACH):
            return []
        include, exclude = _of_items(include), _of_items(exclude)
        return [self._select(item, include, exclude) for item in value]

    def _array(self, kind: type) -> Rule:
        config = getattr(kind, "__struct_config__", None)
        tag = [] if config is None or config.tag is None else [config.tag]

        def select(value: Any, include: Tree | None, exclude: Tree | None) -> list[Any]:
            if include is not None or exclude is not None:
                raise TypeError(_NAMELESS.format(kind.__name__))
            items = value if isinstance(value, tuple) else msgspec.structs.astuple(value)
            return tag + [self._select(item, None, None) for item in items]

        return select


class _Models:
    """Dumps what pydantic knows, by its own rules, and puts what `custom_encoder` makes in its place."""

    def __init__(self, options: ResponseOptions) -> None:
        self._encoders: TypeEncoders = options.custom_encoder or {}
        self._options: dict[str, Any] = {
            "exclude_unset": options.exclude_unset,
            "exclude_defaults": options.exclude_defaults,
            "exclude_none": options.exclude_none,
        }
        if options.by_alias is not None:
            self._options["by_alias"] = options.by_alias
        if self._encoders:
            self._options["fallback"] = self._encode_unknown

    def dump(self, value: Any, include: Tree | None, exclude: Tree | None, adapter: Any) -> Any:
        dumped = adapter.dump_python(
            value,
            mode="json",
            include=None if include is None else _paths(value, include),
            exclude=None if exclude is None else _paths(value, exclude),
            **self._options,
        )
        return self._encoded(value, dumped) if self._encoders else dumped

    def _encode_unknown(self, value: Any) -> Any:
        encoder = nearest(self._encoders, type(value))
        if encoder is None:
            raise TypeError(f"{type(value).__qualname__} has no JSON form; name it in `custom_encoder`")
        return encoder(value)

    def _encoded(self, value: Any, dumped: Any) -> Any:
        """What was dumped, with the encoders' results for those values that have one."""
        value = _content(value)
        encoder = nearest(self._encoders, value.__class__)
        if encoder is not None:
            return encoder(value)
        if isinstance(dumped, dict):
            return dumped | {
                key: self._encoded(item, dumped[key]) for key, item in self._items_of(value) if key in dumped
            }
        is_list = isinstance(dumped, list) and isinstance(value, list | tuple | set | frozenset | deque)
        if is_list and len(dumped) == len(value):
            return [self._encoded(item, one) for item, one in zip(value, dumped, strict=True)]
        return dumped

    def _items_of(self, value: Any) -> Iterable[tuple[str, Any]]:
        """The parts of a value with the keys they were dumped under."""
        if isinstance(value, dict):
            return ((str(key), item) for key, item in value.items())
        known = getattr(value.__class__, "__pydantic_fields__", None)
        if known is None:
            return ((field.name, getattr(value, field.name)) for field in fields_of(value.__class__) or ())
        return (
            (key, getattr(value, name))
            for name, field in known.items()
            for key in (name, field.serialization_alias)
            if key is not None
        )


_NAMELESS = "a {} is sent as an array, so no field can be picked by name"


def _paths(value: Any, tree: Tree) -> dict[Any, Any]:
    """A tree of names as pydantic takes it, which wants the items of each list by their numbers, of sets by none."""
    value = _content(value)
    if is_array(value.__class__) or isinstance(value, Iterator):
        raise TypeError(_NAMELESS.format(value.__class__.__name__))
    if isinstance(value, list | tuple | deque):
        below = _of_items(tree)
        return {at: True if below is None else _paths(item, below) for at, item in enumerate(value)}
    if isinstance(value, set | frozenset):
        below = _of_items(tree) or {}
        return {key: path for item in value for key, path in _paths(item, below).items()}
    if isinstance(value, dict):
        pairs = [(key, value[key]) for key in value if key in tree or EACH in tree]
    else:
        pairs = [(name, getattr(value, name, None)) for name in tree]
    return {key: True if (below := _below(tree, key)) is None else _paths(item, below) for key, item in pairs}


def _content(value: Any) -> Any:
    """What a root model is around; any other value itself."""
    return value.root if getattr(value.__class__, "__pydantic_root_model__", False) else value


def _below(tree: Tree | None, name: Any) -> Tree | None:
    return None if tree is None else tree[name] if name in tree else tree.get(EACH)


def _is_whole(tree: Tree | None, name: Any) -> bool:
    if tree is None:
        return False
    return tree[name] is None if name in tree else EACH in tree and tree[EACH] is None


def _of_items(tree: Tree | None) -> Tree | None:
    return tree[EACH] if tree is not None and EACH in tree else tree


def _as_it_is(value: Any, include: Tree | None, exclude: Tree | None) -> Any:
    return value
