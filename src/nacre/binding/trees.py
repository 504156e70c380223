"""What msgspec knows of a type: whether it can be served, what is in it, and the tree of `faults` for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect
from msgspec.structs import replace

from nacre.binding.faults import ListNode, MappingNode, Node, ObjectNode, RowNode, UnionNode
from nacre.binding.kinds import field_types, unwrap
from nacre.binding.leaves import InstanceNode, find_leaf
from nacre.binding.limits import Limit, constraints_of, limits_of
from nacre.binding.marks import Constraints
from nacre.binding.parser import Unsupported

# PERF: trying the items of a collection in runs means to go over all that is in them once more, so that many levels of
# collections would take quadratic time. Items without parts are no such level.
_RUNS = 4
_ALL = 1_000_000

_CONTAINERS: dict[type[inspect.Type], type] = {
    inspect.ListType: list,
    inspect.SetType: set,
    inspect.FrozenSetType: frozenset,
    inspect.VarTupleType: tuple,
}


def inspected(type_: Any) -> inspect.Type:
    """What msgspec knows of a type; raises Unsupported, saying why, for one that it can't decode."""
    try:
        return inspect.type_info(type_)
    except NameError as error:
        raise Unsupported(
            f"the name `{error.name}` in an annotation can't be found where its class is defined"
        ) from error
    except Exception as error:  # a user's class may fail in any way when it is looked at
        raise Unsupported(str(error) or type(error).__name__) from error


def parts_of(info: inspect.Type) -> dict[str, inspect.Type]:
    """The types in a type, each with its place in words."""
    match info:
        case inspect.Metadata():
            return {"": info.type}
        case inspect.UnionType():
            return {str(index): one for index, one in enumerate(info.types)}
        case inspect.TupleType():
            return {f"[{index}]": one for index, one in enumerate(info.item_types)}
        case inspect.CollectionType():
            return {"[…]": info.item_type}
        case inspect.DictType() | inspect.FrozenDictType():
            return {"the keys": info.key_type, "[…]": info.value_type}
        case inspect.StructType() | inspect.TypedDictType() | inspect.DataclassType() | inspect.NamedTupleType():
            return {f"`{_name(info.cls)}.{one.name}`": one.type for one in info.fields}
        case _:
            return {}


def _name(cls: Any) -> str:
    return str((get_origin(cls) or cls).__qualname__)


def check_json(info: inspect.Type) -> None:
    """Raise Unsupported if there is a type in this one that JSON has no form for; names the field that has it."""
    seen: set[int] = set()
    open_: list[tuple[str, inspect.Type]] = [("", info)]
    while open_:
        place, one = open_.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, inspect.CustomType | inspect.ExtType):
            what = f"`{_name(one.cls)}`" if isinstance(one, inspect.CustomType) else "`Ext`"
            raise Unsupported(f"JSON has no form for {what}{f', the type of {place}' if place else ''}")
        open_ += [(name if name.startswith("`") else place, part) for name, part in parts_of(one).items()]


def check_metadata(info: inspect.Type) -> None:
    """Raise Unsupported for a field with a constraint that msgspec would pass over in silence, such as `Gt(0)`."""
    seen: set[int] = set()
    open_ = [info]
    while open_:
        one = open_.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        open_ += parts_of(one).values()
        if isinstance(one, inspect.StructType | inspect.TypedDictType | inspect.DataclassType | inspect.NamedTupleType):
            for name, type_ in _field_types(one.cls).items():
                if _has_foreign_constraints(type_):
                    what = f"the constraint on `{_name(one.cls)}.{name}` isn't msgspec's, which would ignore it"
                    raise Unsupported(f"{what}; write it as `msgspec.Meta(…)`")


def _field_types(cls: Any) -> Mapping[str, Any]:
    try:
        return field_types(cls)
    except (NameError, TypeError):
        return {}  # msgspec has found the names in another way


def _has_foreign_constraints(type_: Any) -> bool:
    bare = unwrap(type_)
    foreign = tuple(one for one in bare.metadata if not isinstance(one, msgspec.Meta))
    if foreign and constraints_of(replace(bare, metadata=foreign)):
        return True
    return get_origin(bare.type) is not Literal and any(map(_has_foreign_constraints, get_args(bare.type)))


def holds(info: inspect.Type, test: Callable[[inspect.Type], bool]) -> bool:
    """Whether a type, or one of those that are in it, passes a test."""
    seen: set[int] = set()
    open_ = [info]
    while open_:
        one = open_.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if test(one):
            return True
        open_ += parts_of(one).values()
    return False


def is_decimal(info: inspect.Type) -> bool:
    """Whether a type is Decimal."""
    return isinstance(info, inspect.DecimalType)


def is_raw(info: inspect.Type) -> bool:
    """Whether a type is msgspec's Raw."""
    return isinstance(info, inspect.RawType)


# Nodes.


def tree(info: inspect.Type) -> Node:
    """The node for a type."""
    return _Tree().node(info)


class _Tree:
    """Nodes that are made already, by class: a class may have itself in its fields."""

    def __init__(self) -> None:
        self._known: dict[int, Node] = {}

    def node(self, info: inspect.Type) -> Node:
        leaf = find_leaf(info)
        if leaf is not None:
            return leaf
        match info:
            case inspect.Metadata():
                return self.node(info.type)
            case inspect.UnionType():
                return UnionNode([self.node(one) for one in info.types])
            case inspect.TupleType():
                return self._tuple(info)
            case inspect.CollectionType():
                return self._collection(info)
            case inspect.DictType() | inspect.FrozenDictType():
                runs = 0 if holds(info.key_type, is_decimal) else _runs(info.value_type)
                return MappingNode(self.node(info.key_type), self.node(info.value_type), _counts(info), runs)
            case inspect.CustomType():
                return InstanceNode(info.cls)
            case inspect.StructType() | inspect.TypedDictType() | inspect.DataclassType() | inspect.NamedTupleType():
                return self._known.get(id(info)) or self._class(info)
            case _:
                raise Unsupported(f"JSON has no form for `{type(info).__name__}`")

    def _tuple(self, info: inspect.TupleType) -> Node:
        items = [self.node(one) for one in info.item_types]
        type_: Any = tuple
        row = RowNode(type_[tuple(item.type for item in items)])
        row.items, row.required = items, len(items)
        return row

    def _collection(self, info: inspect.CollectionType) -> Node:
        make = _CONTAINERS[type(info)]
        return ListNode(self.node(info.item_type), make, _counts(info), _runs(info.item_type))

    def _class(
        self, info: inspect.StructType | inspect.TypedDictType | inspect.DataclassType | inspect.NamedTupleType
    ) -> Node:
        struct = info if isinstance(info, inspect.StructType) else None
        if isinstance(info, inspect.NamedTupleType) or (struct is not None and struct.array_like):
            row = RowNode(info.cls, struct.tag if struct is not None else None)
            self._known[id(info)] = row
            row.items = [self.node(one.type) for one in info.fields]
            row.required = sum(one.required for one in info.fields)
            row.is_open = struct is not None and not struct.forbid_unknown_fields
            return row
        made = ObjectNode(info.cls, struct.tag_field if struct else None, struct.tag if struct else None)
        self._known[id(info)] = made
        made.is_closed = struct is not None and struct.forbid_unknown_fields
        made.fields = {one.encode_name: (self.node(one.type), one.required) for one in info.fields}
        return made


def _runs(info: inspect.Type) -> int:
    """How deep items of this type are tried many at a time."""
    if holds(info, is_decimal):
        return 0  # msgspec takes decimals that we don't
    return _RUNS if find_leaf(info) is None else _ALL


def _counts(info: Any) -> tuple[Limit, ...]:
    return limits_of({"items"}, [Constraints(min_length=info.min_length, max_length=info.max_length)], "")
