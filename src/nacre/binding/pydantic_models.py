"""Parsers of types that pydantic validates, its models and types that hold them; imported only where one is annotated.

pydantic's own rules hold, which are laxer about texts than those of `scalars`, and its own words, except for one
message that quotes what the client sent. Bodies must be JSON by RFC 8259, so that NaN and Infinity are refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from types import GenericAlias
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec.structs import replace
from pydantic import AliasChoices, FailFast, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError
from pydantic.fields import FieldInfo

from nacre.binding.collisions import COLLISION, HARMLESS, collide, containers
from nacre.binding.faults import INVALID, NOT_JSON, TOO_DEEP, shorten
from nacre.binding.kinds import kind_of, members_of, unwrap
from nacre.binding.limits import MAX_ERRORS, bounded, families_of, limits_of
from nacre.binding.marks import MISSING, Constraints
from nacre.binding.parser import FAILURES, GroupField, GroupParser, Parser, Unsupported
from nacre.binding.untyped import decode_untyped
from nacre.errors import BadRequest, ErrorItem

# Reads over a JSON text without making anything of it.
_skim = msgspec.json.Decoder(msgspec.Raw).decode
_decoder = json.JSONDecoder()


def json_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of a JSON body; its `explain` raises BadRequest for what isn't JSON."""
    strict = constraints.strict or None
    adapter = _adapter(type_, constraints)
    explain_all = adapter.validate_json
    validate = _adapter(_failing_fast(type_), constraints).validate_json
    is_risky = _fills_sets(adapter.core_schema)

    def parse(raw: bytes) -> Any:
        _skim(raw)
        if is_risky and len(raw) > HARMLESS and _may_collide(raw):
            raise ValueError
        return validate(raw, strict=strict)

    def judge(raw: bytes) -> list[ErrorItem]:
        try:
            _skim(raw)
        except RecursionError:
            raise BadRequest(TOO_DEEP) from None
        except FAILURES:
            raise BadRequest(NOT_JSON) from None
        if is_risky and len(raw) > HARMLESS and _may_collide(raw):
            return [{**COLLISION}]
        return _judge(partial(explain_all, strict=strict), raw)

    return Parser(parse, lambda raw: judge(raw) or [INVALID], judge=judge)


# Which sets and dicts have keys that a client can make collide, by the types of pydantic's core schemas.
_SAFE_KEYS = frozenset(
    ("str", "bytes", "bool", "none", "enum", "literal", "float", "date", "datetime", "time", "timedelta", "url")
)
_KEYS = {"set": "items_schema", "frozenset": "items_schema", "dict": "keys_schema"}


def _fills_sets(schema: Any) -> bool:
    """Whether there is a set or dict in a core schema whose items or keys may collide (see `collisions`)."""
    open_ = [schema]
    while open_:
        one = open_.pop()
        if isinstance(one, dict):
            keys = _KEYS.get(str(one.get("type")))
            # A dict of any keys has texts.
            if keys is not None and one.get(keys, _NO_KEYS[keys]).get("type") not in _SAFE_KEYS:
                return True
            open_ += one.values()
        elif isinstance(one, list | tuple):
            open_ += one
    return False


_NO_KEYS: Mapping[str, Mapping[str, Any]] = {"items_schema": {}, "keys_schema": {"type": "str"}}


def _may_collide(raw: bytes) -> bool:
    """Whether a list or object anywhere in a body has items or keys that collide, taken for numbers or UUIDs.

    It isn't known which of them becomes a set. Items that are objects aren't looked at: sets of models need a
    `max_length`.
    """
    try:
        data = decode_untyped(raw)
    except BadRequest:
        return False  # pydantic says what is wrong with it
    return any(collide([number for item in one for number in _numbers(item)]) for one in containers(data))


_SHORTEST = 19  # characters of a number: shorter ones of one hash are few


def _numbers(item: Any) -> Sequence[Any]:
    """The values that an item of a set may become, if that is something whose hash can be chosen."""
    if isinstance(item, int | float):
        return (item,)
    if isinstance(item, list):
        return () if any(isinstance(part, list | dict) for part in item) else (tuple(item),)
    if not isinstance(item, str) or len(item) < _SHORTEST:
        return ()
    found: list[Any] = []
    for make in (UUID, Decimal):
        try:
            found.append(make(item))
        except (ValueError, ArithmeticError):
            pass
    return found


def value_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of a Python value."""
    validate = _adapter(type_, constraints).validate_python
    return _parser(validate, constraints)


def text_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of one text."""
    if kind_of(type_) != "text":
        raise Unsupported(f"`{type_}` can't be read from a text")
    return _parser(_adapter(type_, constraints).validate_strings, constraints)


def texts_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of a list of texts."""
    if kind_of(type_) != "texts":
        raise Unsupported(f"`{type_}` can't be read from a list of texts")
    counts = Constraints(min_length=constraints.min_length, max_length=constraints.max_length)
    of_items = _given(replace(constraints, min_length=None, max_length=None))
    outer = unwrap(type_)
    inner: Any = unwrap(members_of(outer.type)[0]).type
    if of_items:
        args = [arg if arg is Ellipsis else _annotated(arg, of_items) for arg in get_args(inner)]
        type_ = GenericAlias(get_origin(inner), tuple(args))
    return _parser(_adapter(type_, counts).validate_python, constraints)


def group_parser(type_: Any, constraints: Constraints) -> GroupParser:
    """The parser of a model that takes all fields of a source, by their aliases, and by name where the model allows it.

    Raises Unsupported for a model with a field that texts can't hold, and for one without fields of its own.
    """
    fields = tuple(_fields(type_))
    plain = _parser(_adapter(type_, constraints).validate_python, Constraints())
    return GroupParser(plain.parse, plain.explain, judge=plain.judge, fields=fields)


def _adapter(type_: Any, constraints: Constraints) -> TypeAdapter[Any]:
    families = families_of(type_)
    if families or kind_of(type_) == "model":
        limits_of(families, [constraints], f"`{type_}`")
    given = _given(constraints)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(_annotated(type_, given) if given else type_)
        if not adapter.pydantic_complete:
            # A model that names what was defined later, or never.
            adapter.rebuild(raise_errors=True)
        return adapter
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError) as error:
        raise Unsupported(error.message) from error
    except (TypeError, ValueError, NameError) as error:
        raise Unsupported(str(error)) from error


def _given(constraints: Constraints) -> dict[str, Any]:
    limits = {name: getattr(constraints, name) for name in Constraints.__struct_fields__ if name != "strict"}
    return {name: value for name, value in limits.items() if value is not None}


def _annotated(type_: Any, given: dict[str, Any]) -> Any:
    annotation: Any = Annotated
    return annotation[type_, Field(**given)]


def _failing_fast(type_: Any) -> Any:
    """A type whose outermost list stops at the first item that is wrong."""
    bare = unwrap(type_)
    if (get_origin(bare.type) or bare.type) not in (list, set, frozenset, tuple):
        return type_
    annotation: Any = Annotated
    return annotation[type_, FailFast()]


def _parser(validate: Callable[..., Any], constraints: Constraints) -> Parser:
    parse = partial(validate, strict=True) if constraints.strict else validate
    judge = partial(_judge, parse)
    return Parser(parse, lambda raw: judge(raw) or [INVALID], judge=judge)


def _judge(parse: Callable[[Any], Any], raw: Any) -> list[ErrorItem]:
    """What is wrong with a value."""
    try:
        parse(raw)
    except ValidationError as error:
        listed = _listed(error)
        if listed[0]["type"] == "json_invalid" and not listed[0]["loc"]:
            raise BadRequest(_unreadable(str(listed[0].get("ctx", {}).get("error", "")))) from None
        return bounded([_item(one) for one in listed])
    except FAILURES:
        return [INVALID]
    return []


def _listed(error: ValidationError) -> Sequence[Mapping[str, Any]]:
    """The errors that are shown, and one more if there are more."""
    if error.error_count() > MAX_ERRORS:
        try:
            return _first_of(error.json(include_url=False, include_input=False), MAX_ERRORS + 1)
        except ValueError:
            pass  # the user's own error has something in its context that JSON doesn't hold
    return error.errors(include_url=False, include_input=False)[: MAX_ERRORS + 1]


def _first_of(array: str, count: int) -> list[Mapping[str, Any]]:
    """The first elements of a JSON array.

    SECURITY: a body of 1 MB may have half a million errors, and pydantic writes them as text in a tenth of the time
    that it takes for a dict of each.
    """
    found: list[Mapping[str, Any]] = []
    at = 1
    while len(found) < count:
        one, at = _decoder.raw_decode(array, at)
        found.append(one)
        at += 1  # a comma
    return found


def _unreadable(reason: str) -> str:
    """Our words for what pydantic's JSON parser says of a body that it can't read."""
    if "recursion limit" in reason:
        return TOO_DEEP
    return "the body has a number that is out of range" if "number out of range" in reason else NOT_JSON


def _item(error: Mapping[str, Any]) -> ErrorItem:
    loc: list[str | int] = [shorten(one) if isinstance(one, str) else one for one in error["loc"]]
    item: ErrorItem = {"loc": loc, "msg": error["msg"], "type": error["type"]}
    ctx = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    if error["type"] == "union_tag_invalid":
        # The only message that quotes the input.
        ctx.pop("tag", None)
        item["msg"] = f"Input tag does not match any of the expected tags: {ctx.get('expected_tags', '')}"
    if ctx:
        item["ctx"] = ctx
    return item


def _plain(value: Any) -> Any:
    """A value that any JSON encoder takes."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return str(value)


# The fields of a group.


def _fields(type_: Any) -> list[GroupField]:
    members = members_of(unwrap(type_).type)
    model = unwrap(members[0]).type
    cls: Any = get_origin(model) or model
    fields: Mapping[str, FieldInfo] | None = getattr(model, "__pydantic_fields__", None)
    if len(members) != 1 or fields is None or getattr(cls, "__pydantic_root_model__", False):
        raise Unsupported(f"`{type_}` has no fields that could take those of a request")
    config: Mapping[str, Any] = getattr(cls, "model_config", None) or getattr(cls, "__pydantic_config__", None) or {}
    found: list[GroupField] = []
    for name, field in fields.items():
        kind = kind_of(field.annotation)
        if kind not in ("text", "texts"):
            raise Unsupported(f"its field `{cls.__qualname__}.{name}` can't be read from a text")
        keys = _keys(name, field, config)
        default = MISSING if field.is_required() or field.default_factory is not None else field.default
        for key in keys:
            required = field.is_required() and len(keys) == 1
            found.append(GroupField(name, key, field.annotation, kind == "texts", required, default))
    return found


def _keys(name: str, field: FieldInfo, config: Mapping[str, Any]) -> list[str]:
    """The names under which a field may be sent."""
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [] if alias is None else [alias]
    keys = [choice for choice in choices if isinstance(choice, str)]
    by_alias = config.get("validate_by_alias", True) is not False
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    if not by_alias or not keys:
        return [name]
    return list(dict.fromkeys([*keys, name])) if by_name else keys
