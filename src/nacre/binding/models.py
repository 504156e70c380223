"""Parsers of models and other data: JSON bodies, Python values, and models that take all fields of a source.

JSON is read strictly, as it has types of its own: the text `"1"` is no number, and 1 is not true. Of equal keys the
last one counts, but the value of each must fit. Decimals are finite and bounded, like those of `scalars`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, get_args, get_origin

import msgspec

from nacre.binding.collisions import EQUAL_KEYS, HARMLESS, Check, check_of, has_equal_keys
from nacre.binding.faults import (
    BAD,
    INVALID,
    TOO_DEEP,
    Node,
    collect,
    place_in,
    shorten,
    user_fault,
)
from nacre.binding.finishing import Step, finishing_of
from nacre.binding.kinds import (
    MAPPINGS,
    field_types,
    is_model,
    is_named_tuple,
    is_pydantic,
    is_typed_dict,
    kind_of,
    members_of,
    unwrap,
)
from nacre.binding.limits import Limit, bounded, check, constraints_of, families_of, fault, limits_of, passed, within
from nacre.binding.marks import MISSING, Constraints
from nacre.binding.parser import FAILURES, GroupField, GroupParser, Parser, Unsupported
from nacre.binding.readings import shown
from nacre.binding.scalars import text_parser, texts_parser
from nacre.binding.trees import check_json, check_metadata, holds, inspected, is_raw, tree
from nacre.binding.untyped import decode_untyped
from nacre.binding.uploads import are_files, file_parser, files_parser, is_upload
from nacre.errors import BadRequest, ErrorItem
from nacre.uploads import UploadFile


def json_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of a JSON body.

    Its `explain` raises BadRequest for a body that isn't JSON, or is nested too deeply. Raises Unsupported for a type
    that JSON has no form for, and for a constraint that doesn't fit it.
    """
    if is_pydantic(type_):
        from nacre.binding.pydantic_models import json_parser as pydantic_parser

        return pydantic_parser(type_, constraints)
    info = inspected(type_)
    check_json(info)
    check_metadata(info)
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(type_).decode
    if holds(info, is_raw):
        decode = _as_text(decode)
    check = check_of(info)
    if check is not None:
        decode = _without_collisions(decode, check)
    parse = _checked(decode, finishing_of(info), _outer_limits(type_, constraints))
    return Parser(parse, _Explanation(parse, type_, constraints, decode_untyped, check))


def _without_collisions(decode: Callable[[bytes], Any], check: Check) -> Callable[[bytes], Any]:
    """A decoder that refuses what `check` finds before it decodes."""

    def parse(raw: bytes) -> Any:
        if len(raw) > HARMLESS and _collision(check, raw, decode_untyped(raw)) is not None:
            raise ValueError
        return decode(raw)

    return parse


def _collision(check: Check, raw: bytes, data: Any) -> ErrorItem | None:
    return EQUAL_KEYS if has_equal_keys(raw, data) else check(data)


def _as_text(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """A decoder that looks at all of a body: what msgspec hands on as it is may be anything within its quotes."""

    def parse(raw: bytes) -> Any:
        if not raw.isascii():
            raw.decode()
        return decode(raw)

    return parse


def value_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of a Python value, by the rules of `msgspec.convert`; an instance of the type is taken as it is.

    Raises Unsupported for a type that msgspec doesn't know, and for a constraint that doesn't fit it.
    """
    if is_pydantic(type_):
        from nacre.binding.pydantic_models import value_parser as pydantic_parser

        return pydantic_parser(type_, constraints)
    info = inspected(type_)
    check_metadata(info)
    parse = _checked(
        partial(msgspec.convert, type=type_, str_keys=True), finishing_of(info), _outer_limits(type_, constraints)
    )
    return Parser(parse, _Explanation(parse, type_, constraints, lambda value: value))


def _outer_limits(type_: Any, constraints: Constraints) -> Sequence[Limit]:
    """The limits of a marker, and those in the metadata of the annotation that msgspec doesn't look at."""
    bare = unwrap(type_)
    metadata = tuple(one for one in bare.metadata if type(one) is not msgspec.Meta)
    others = msgspec.structs.replace(bare, metadata=metadata)
    return limits_of(families_of(bare.type), [*constraints_of(others), constraints], shown(bare.type))


def _checked(decode: Callable[[Any], Any], finish: Step | None, limits: Sequence[Limit]) -> Callable[[Any], Any]:
    """The decoder itself if nothing is left to check after it."""
    if finish is None and not limits:
        return decode

    def parse(raw: Any) -> Any:
        value = decode(raw)
        if finish is not None:
            finish(value)
        check(limits, value)
        return value

    return parse


class _Explanation:
    """What is wrong with a raw value; the tree that finds it is made when the first value is refused."""

    def __init__(
        self,
        parse: Callable[[Any], Any],
        type_: Any,
        constraints: Constraints,
        read: Callable[[Any], Any],
        check: Check | None = None,
    ) -> None:
        self._parse = parse
        self._check = check
        self._type = type_
        self._limits = _outer_limits(type_, constraints)
        self._read = read
        self._tree: Node | None = None

    def __call__(self, raw: Any) -> list[ErrorItem]:
        if self._tree is None:
            self._tree = tree(inspected(self._type))
        value = self._read(raw)
        if self._check is not None and len(raw) > HARMLESS:
            collision = _collision(self._check, raw, value)
            if collision is not None:
                return [{**collision}]
        try:
            found, made = collect(self._tree, value)
        except RecursionError:
            raise BadRequest(TOO_DEEP) from None
        if not found and made is not BAD:
            found = passed(self._limits, made)
        return found or [self._unexplained(raw)]

    def _unexplained(self, raw: Any) -> ErrorItem:
        """What is known of a value that only the decoder finds wrong, such as the first of two equal keys."""
        try:
            self._parse(raw)
        except RecursionError:
            raise BadRequest(TOO_DEEP) from None
        except FAILURES as error:
            return {**INVALID, "loc": place_in(str(error))}
        return INVALID


# Models that take all fields of a source.


def group_parser(type_: Any, constraints: Constraints) -> GroupParser:
    """The parser of a model, or dict, that takes all fields of a source; each is read by the rules of `scalars`.

    Fields go by the names that are sent (msgspec's `rename`). Fields that the model doesn't have are ignored, unless it
    forbids them. `dict`, `dict[str, X]` and `dict[str, list[X]]` take every field. Raises Unsupported for a field that
    texts can't hold.
    """
    bare = unwrap(type_)
    members = members_of(bare.type)
    model = unwrap(members[0]).type if len(members) == 1 else bare.type
    if is_pydantic(model):
        from nacre.binding.pydantic_models import group_parser as pydantic_parser

        return pydantic_parser(model, constraints)
    limits = limits_of(families_of(model), [*constraints_of(bare), constraints], shown(model))
    cls = get_origin(model) or model
    if cls in MAPPINGS:
        return _dict_group(get_args(model), limits)
    if not is_model(cls):
        raise Unsupported(f"{shown(model)} has no fields that could take those of a request")
    group = _Group(model)
    return GroupParser(group.parse, group.explain, fields=group.fields)


class _Group:
    """A model whose fields are read one by one."""

    def __init__(self, model: Any) -> None:
        cls = get_origin(model) or model
        self.fields = _fields(model)
        parsers = [(field, _field_parser(cls, field)) for field in self.fields]
        # PERF: first what `parse` needs of a field nearly always, then the rest.
        self._readers = [
            (field.key, field.name, _raw_type(field), parser.parse, field, parser) for field, parser in parsers
        ]
        self._build = _builder(model)
        config = getattr(cls, "__struct_config__", None)
        self._known = {field.key for field in self.fields} if getattr(config, "forbid_unknown_fields", False) else None

    def parse(self, raw: Mapping[str, Any]) -> Any:
        values: dict[str, Any] = {}
        for key, name, cls, read, field, parser in self._readers:
            one = raw.get(key)
            if one is not None:
                values[name] = read(one) if type(one) is cls else _parse_field(field, parser, one)
        if self._known is not None and not self._known.issuperset(raw):
            raise ValueError
        return self._build(values)

    def explain(self, raw: Mapping[str, Any]) -> list[ErrorItem]:
        found: list[ErrorItem] = []
        values: dict[str, Any] = {}
        for *_, field, parser in self._readers:
            one = raw.get(field.key)
            try:
                if one is not None:
                    values[field.name] = _parse_field(field, parser, one)
                elif field.required:
                    found.append({"loc": [field.key], "msg": "is missing", "type": "missing"})
            except FAILURES:
                found += within(field.key, _explain_field(field, parser, one))
        for key in raw:
            if self._known is not None and key not in self._known:
                found += within(shorten(key), [fault("extra_forbidden", "is not a known field")])
        return bounded(found) or [self._built(values)]

    def _built(self, values: dict[str, Any]) -> ErrorItem:
        try:
            self._build(values)
        except FAILURES as error:
            return user_fault(error)
        return INVALID


def _fields(model: Any) -> tuple[GroupField, ...]:
    info: Any = inspected(model)
    types = field_types(model)
    return tuple(_field(one, types.get(one.name, Any)) for one in info.fields)


def _field(info: Any, type_: Any) -> GroupField:
    is_file = is_upload(type_)
    many = are_files(type_) if is_file else kind_of(type_) == "texts"
    default = MISSING if info.default is msgspec.NODEFAULT else info.default
    return GroupField(info.name, info.encode_name, type_, many, info.required, default, is_file)


def _field_parser(cls: Any, field: GroupField) -> Parser:
    try:
        if field.is_file:
            return (files_parser if field.many else file_parser)(field.type, Constraints())
        return (texts_parser if field.many else text_parser)(field.type, Constraints())
    except Unsupported as error:
        raise Unsupported(f"its field `{cls.__qualname__}.{field.name}`: {error}") from None


def _builder(model: Any) -> Callable[[dict[str, Any]], Any]:
    """How an instance is made of parsed values, by the names of the fields; the model fills in what is left out."""
    cls: Any = get_origin(model) or model
    if is_typed_dict(cls):
        required = cls.__required_keys__
        return partial(_whole, required)
    if issubclass(cls, msgspec.Struct) or is_named_tuple(cls) or dataclasses.is_dataclass(cls):
        build: Any = cls
        return lambda values: build(**values)
    return partial(msgspec.convert, type=model)


def _whole(required: frozenset[str], values: dict[str, Any]) -> dict[str, Any]:
    if not required <= values.keys():
        raise ValueError
    return values


def _raw_type(field: GroupField) -> type:
    """The type of what a field is read from."""
    return list if field.many else UploadFile if field.is_file else str


def _parse_field(field: GroupField, parser: Parser, raw: Any) -> Any:
    """Parse what a field has; a path's converter may have made a value of its text already."""
    if isinstance(raw, str) and not field.many:
        return parser.parse(raw)
    if field.many:
        return parser.parse(raw if isinstance(raw, list) else [raw])
    return msgspec.convert(raw, field.type)


def _explain_field(field: GroupField, parser: Parser, raw: Any) -> list[ErrorItem]:
    if field.many:
        return parser.explain(raw if isinstance(raw, list) else [raw])
    return parser.explain(raw) if isinstance(raw, _raw_type(field)) else [INVALID]


def _dict_group(args: Sequence[Any], limits: Sequence[Limit]) -> GroupParser:
    """The parser of a dict with all fields; a field of a `dict[str, X]` is its first value, and that of a dict without
    a type its text, or a list of them where it is repeated."""
    key, item = args or (str, Any)
    if unwrap(key).type not in (str, Any):
        raise Unsupported(f"the keys of a dict with all fields are texts, not {shown(key)}")
    kind = kind_of(item)
    if unwrap(item).type is Any:
        read = Parser(lambda raw: raw if len(raw) > 1 else raw[0], lambda raw: [])
    elif kind == "text":
        one = text_parser(item, Constraints())
        read = Parser(lambda raw: one.parse(raw[0]), lambda raw: one.explain(raw[0]))
    elif kind == "texts":
        read = texts_parser(item, Constraints())
    else:
        raise Unsupported(f"{shown(item)} can't be read from a text")

    def parse(raw: Mapping[str, Any]) -> dict[str, Any]:
        made = {key: read.parse(one if isinstance(one, list) else [one]) for key, one in raw.items()}
        check(limits, made)
        return made

    def explain(raw: Mapping[str, Any]) -> list[ErrorItem]:
        found: list[ErrorItem] = []
        for key, one in raw.items():
            texts = one if isinstance(one, list) else [one]
            try:
                read.parse(texts)
            except FAILURES:
                found += within(shorten(key), read.explain(texts))
        return bounded(found + passed(limits, dict(raw)))

    return GroupParser(parse, explain)
