"""JSON Schema (2020-12) of the types in a document, each class once under a name of its own.

msgspec describes what it can encode, pydantic its own models; a type that neither knows is any value, `{}`.
"""

from __future__ import annotations

import copy
import inspect
import re
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import inspect as shapes

from nacre.binding import MISSING
from nacre.binding.kinds import is_pydantic

Schema: TypeAlias = dict[str, Any]
Mode = Literal["input", "output"]

FILE: Schema = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
"""Bytes as they are. `format` is OpenAPI 3.0's way to say so, by which pages still know that a file is to be chosen."""

_REF = "#/components/schemas/"
_ANYTHING = "any value"


class Schemas:
    """The schemas of one document.

    What a class is called depends on what else there is: two classes of one name are told apart by their modules. So a
    document asks for all its schemas, calls `settle`, and asks again; before that it is given empty ones.
    """

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        self._makers: dict[Any, Callable[[], Schema]] = {}
        self._leaves: list[Any] = []
        self._models: list[tuple[Any, Mode]] = []
        self._schemas: dict[str, Schema] = {}
        """By token: what stands in for a reference until names are given."""
        self._is_settled = False

    def of(self, kind: Any, mode: Mode) -> Schema:
        """The schema of a type as it is read (`input`) or written; the caller may change it."""
        maker = self._makers.get(_key(kind, mode))
        if maker is None:
            maker = self._makers[_key(kind, mode)] = self._plan(kind, mode)
        return maker() if self._is_settled else {}

    def properties(self, kind: Any) -> dict[str, Schema]:
        """The properties of a model that is read, by their names on the wire; none for what isn't an object."""
        schema = self.of(kind, "input")
        found = self.components.get(str(schema.get("$ref", "")).removeprefix(_REF), schema)
        properties: dict[str, Schema] = copy.deepcopy(found.get("properties", {}))
        return properties

    def add(self, name: str, schema: Schema) -> Schema:
        """Put a schema of our own among the components, under this name if no type has it; returns a reference."""
        if not self._is_settled:
            return {}
        while self.components.setdefault(name, schema) != schema:
            name += "_"
        return {"$ref": _REF + name}

    # Before the names are given: how each schema will be made.

    def _plan(self, kind: Any, mode: Mode) -> Callable[[], Schema]:
        if kind in (Any, object, MISSING, inspect.Parameter.empty):
            return dict
        if is_upload(kind):
            return lambda: dict(FILE)
        if is_pydantic(kind) and _pydantic().knows(kind):
            token = self._add_model(kind, mode)
            return lambda: self._named({"$ref": token})
        if not holds_upload(kind) and _is_known(kind):
            token = f"type:{len(self._leaves)}"
            self._leaves.append(kind)
            return lambda: self._named({"$ref": token})
        return self._plan_parts(kind, mode)

    def _plan_parts(self, kind: Any, mode: Mode) -> Callable[[], Schema]:
        """What a back end refuses as a whole may be known in parts: a union of two dataclasses, a list of files."""
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin is Annotated:
            return self._plan(arguments[0], mode)
        if origin in (typing.Union, UnionType):
            options = [self._plan(one, mode) for one in arguments]
            return lambda: {"anyOf": [make() for make in options]}
        if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
            values = self._plan(arguments[1], mode)
            return lambda: {"type": "object", "additionalProperties": values()}
        if isinstance(origin, type) and issubclass(origin, Sequence | set | frozenset) and arguments:
            items = self._plan(arguments[0], mode)
            return lambda: {"type": "array", "items": items()}
        return dict

    def _add_model(self, kind: Any, mode: Mode) -> str:
        if (kind, mode) not in self._models:
            self._models.append((kind, mode))
        return f"model:{self._models.index((kind, mode))}"

    # When all types are known.

    def settle(self) -> None:
        """Give the names; from now on `of` answers schemas, and `components` holds those they refer to."""
        classes: dict[Any, _Class] = {}
        for number, kind in enumerate(self._leaves):
            self._schemas[f"type:{number}"] = self._describe(kind, classes)
        models: dict[str, Schema] = {}
        if self._models:
            schemas, models = _pydantic().describe(self._models, "pydantic:{model}")
            self._schemas |= {f"model:{number}": schema for number, schema in enumerate(schemas)}
        found = [*classes.values(), *(_Class(f"pydantic:{name}", name, name, models[name]) for name in models)]
        names = _give_names(found)
        self._schemas |= {one.token: {"$ref": _REF + names[one.token]} for one in found}
        self.components |= {names[one.token]: self._named(one.schema) for one in found}
        self._is_settled = True

    def _describe(self, kind: Any, classes: dict[Any, _Class]) -> Schema:
        """The schema of a type; its classes are put into `classes`, and references are their tokens."""
        infos = dict(_classes_in(shapes.type_info(kind)))
        schemas, components = msgspec.json.schema_components(
            [kind, *infos], schema_hook=self._describe_foreign, ref_template="{name}"
        )
        tokens: dict[str, str] = {}
        for cls, schema in zip(infos, schemas[1:], strict=True):
            component = components[schema["$ref"]]
            if cls not in classes:
                title = str(component.get("title", "Type"))
                classes[cls] = _Class(f"class:{len(classes)}", title, _long_name(cls, title))
            tokens[schema["$ref"]] = classes[cls].token
            if "description" in component:  # a docstring; to Markdown, lines that stay indented are code
                component["description"] = inspect.cleandoc(component["description"])
            _add_formats(component, infos[cls])
        for cls, schema in zip(infos, schemas[1:], strict=True):
            component = components[schema["$ref"]]
            classes[cls].schema = _rewritten(component, lambda name: {"$ref": tokens.get(name, name)})
        _add_formats(schemas[0], shapes.type_info(kind))
        described: Schema = _rewritten(schemas[0], lambda name: {"$ref": tokens.get(name, name)})
        return described

    def _describe_foreign(self, cls: type) -> Schema:
        """For a class within another one that msgspec leaves to the application."""
        if is_upload(cls):
            return dict(FILE)
        if is_pydantic(cls) and _pydantic().knows(cls):
            return {"$ref": self._add_model(cls, "input")}
        return {"$comment": _ANYTHING}  # an empty one would be an error

    def _named(self, schema: Schema) -> Schema:
        """A schema with the tokens replaced by references to components, or by what they stand for."""

        def resolve(token: str) -> Schema:
            target = self._schemas.get(token)
            if target is None:
                return {"$ref": token}
            return dict(target) if token.startswith(("class:", "pydantic:")) else self._named(target)

        named: Schema = _rewritten(schema, resolve)
        return named


@dataclass(slots=True)
class _Class:
    """One class that gets a name."""

    token: str
    short: str
    long: str
    schema: Schema = field(default_factory=dict[str, Any])


def _key(kind: Any, mode: Mode) -> Any:
    try:
        hash(kind)
    except TypeError:  # `Annotated` with something that can't be hashed
        return repr(kind), mode
    return kind, mode


def is_upload(kind: Any) -> bool:
    """Whether a type is that of an uploaded file."""
    return isinstance(kind, type) and kind.__name__ == "UploadFile" and kind.__module__ == "nacre.uploads"


def holds_upload(kind: Any) -> bool:
    """Whether a type is that of an uploaded file, or of several."""
    return is_upload(kind) or any(map(holds_upload, typing.get_args(kind)))


def _pydantic() -> Any:
    from nacre.openapi import models

    return models


def _is_known(kind: Any) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            msgspec.json.schema(kind, schema_hook=lambda cls: {"$comment": _ANYTHING})
    except Exception:  # of all sorts, for what nobody expects in an annotation
        return False
    return True


# Names.


def _give_names(found: Sequence[_Class]) -> dict[str, str]:
    """A name for each token: the short one unless others have it too."""
    shorts = [_as_key(one.short) for one in found]
    names: dict[str, str] = {}
    for one, short in zip(found, shorts, strict=True):
        name = wanted = short if shorts.count(short) == 1 else _as_key(one.long)
        number = 2
        while name in names.values():
            name, number = f"{wanted}_{number}", number + 1
        names[one.token] = name
    return names


def _as_key(name: str) -> str:
    """A name as `components` takes it (OpenAPI Specification 3.1.0 §4.8.7)."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).rstrip("_") or "Type"


def _long_name(cls: Any, title: str) -> str:
    name = cls.__qualname__ if isinstance(cls, type) else title
    return f"{cls.__module__}.{name.replace('<locals>.', '')}"


# What msgspec leaves out.

_CLASSES = (shapes.StructType, shapes.DataclassType, shapes.TypedDictType, shapes.NamedTupleType, shapes.EnumType)


def _classes_in(info: Any, seen: set[Any] | None = None) -> Iterator[tuple[Any, Any]]:
    """The classes that become components, each with its description, in the order they are met."""
    seen = set() if seen is None else seen
    if isinstance(info, _CLASSES):
        if info.cls in seen:
            return
        seen.add(info.cls)
        yield info.cls, info
    for part in _parts_of(info):
        yield from _classes_in(part, seen)


def _parts_of(info: Any) -> Iterator[Any]:
    for name in ("type", "item_type", "key_type", "value_type"):
        if hasattr(info, name):
            yield getattr(info, name)
    yield from getattr(info, "item_types", ())
    yield from getattr(info, "types", ())
    yield from (one.type for one in getattr(info, "fields", ()))


# With an exponent, since that is how Python writes the large ones.
_DECIMAL = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"


def _add_formats(schema: Schema, info: Any) -> None:
    """Say `date-time` and `time` for values with or without a zone, where msgspec says it for those with one only.

    A decimal gets a pattern, since `format: decimal` is nothing that JSON Schema knows.
    """
    if not schema or "$ref" in schema:
        return
    match info:
        case shapes.Metadata():
            _add_formats(schema, info.type)
        case shapes.DateTimeType(tz=None):
            schema.setdefault("format", "date-time")
        case shapes.TimeType(tz=None):
            schema.setdefault("format", "time")
        case shapes.DecimalType():
            schema.setdefault("pattern", _DECIMAL)
        case shapes.UnionType():
            for option, one in _pairs(schema, info):
                _add_formats(option, one)
        case shapes.NamedTupleType() | shapes.StructType(array_like=True):
            for part, one in zip(schema.get("prefixItems", ()), info.fields, strict=False):
                _add_formats(part, one.type)
        case shapes.StructType() | shapes.DataclassType() | shapes.TypedDictType():
            for one in info.fields:
                _add_formats(schema.get("properties", {}).get(one.encode_name, {}), one.type)
        case shapes.TupleType():
            for part, one in zip(schema.get("prefixItems", ()), info.item_types, strict=False):
                _add_formats(part, one)
        case shapes.CollectionType():
            _add_formats(schema.get("items", {}), info.item_type)
        case shapes.DictType():
            _add_formats(schema.get("additionalProperties", {}), info.value_type)
        case _:
            pass


def _pairs(schema: Schema, info: shapes.UnionType) -> Iterator[tuple[Schema, Any]]:
    """The options of a union beside their descriptions: it has one text and one array at most, and one plain dict."""
    texts = (shapes.DateTimeType, shapes.TimeType, shapes.DecimalType)
    kinds = {"string": texts, "array": shapes.CollectionType, "object": shapes.DictType}
    for option in schema.get("anyOf", ()):
        kind: Any = kinds.get(option.get("type"), ())
        for one in info.types:
            if isinstance(one.type if isinstance(one, shapes.Metadata) else one, kind):
                yield option, one


_ENUM_TYPES: Mapping[Any, str] = {str: "string", int: "integer", NoneType: "null"}


def _rewritten(node: Any, resolve: Callable[[str], Schema]) -> Any:
    """A copy of a schema with its references resolved, and with what msgspec's schemas lack."""
    if isinstance(node, list):
        return [_rewritten(one, resolve) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("$comment") == _ANYTHING:
        return {}
    found = {key: _rewritten(value, resolve) for key, value in node.items() if key != "$ref"}
    reference = node.get("$ref")
    if isinstance(reference, str):
        return {**resolve(reference), **found}
    if reference is not None:  # a property of this name
        found["$ref"] = _rewritten(reference, resolve)
    mapping = node.get("discriminator", {}).get("mapping") if isinstance(node.get("discriminator"), dict) else None
    if isinstance(mapping, dict):
        found["discriminator"]["mapping"] = {tag: resolve(name).get("$ref", name) for tag, name in mapping.items()}
    values = node.get("enum")
    if isinstance(values, list) and "type" not in node:
        kinds = list(dict.fromkeys(_ENUM_TYPES.get(type(value)) for value in values))
        if None not in kinds:
            found = {"type": kinds[0] if len(kinds) == 1 else kinds, **found}
    return found
