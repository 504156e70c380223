"""All that is wrong with a value that msgspec has refused: msgspec itself names the first fault and stops.

A tree of nodes, one for each part of a type, goes over the value and collects. What fits is decided by msgspec: each
leaf is converted by `msgspec.convert`, and each object whose class checks itself is made once all its fields are right.
Locations are names as they are sent. No part of what the client sent is quoted, but keys and unknown fields stand in
locations, cut where they are long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import GenericAlias
from typing import Any, Final, Literal, Protocol, Union, get_origin

import msgspec

from nacre.binding.limits import MAX_ERRORS, Limit, bounded, fault, is_bounded, literal_fault, passed
from nacre.binding.parser import FAILURES
from nacre.errors import ErrorItem

Place = tuple[Any, str | int] | None
"""Where a value stands: the place around it, and its key or index there."""

JSONKind = Literal["object", "array", "string", "number", "boolean", "null"]

BAD: Final = object()
"""What a node returns for a value that is wrong."""

INVALID: Final = fault("value_error", "is not valid")
"""What is said where nothing better is known."""

NOT_JSON: Final = "the body is not valid JSON"
TOO_DEEP: Final = "the body is nested too deeply"

_LONGEST_KEY = 100
_LONGEST_TEXT = 300
_RUN = 500  # items that are tried at a time
_SHORT = 20  # collections that are walked item by item


class TooLarge:
    """A number of a JSON text that no float or int holds, as it was written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _Enough(Exception):
    """As many errors are known as are listed."""


class Found:
    """The errors found so far. `depth` counts the collections around the search whose items were tried in runs."""

    def __init__(self) -> None:
        self.items: list[ErrorItem] = []
        self.depth = 0

    def add(self, place: Place, *items: ErrorItem) -> None:
        """Note errors of the value at a place; raises `_Enough` if that is more than are listed."""
        if not items:
            return
        loc: list[str | int] = []
        while place is not None:
            place, key = place
            loc.append(shorten(key) if isinstance(key, str) else key)
        for item in items:
            if len(self.items) == MAX_ERRORS:
                raise _Enough
            self.items.append({**item, "loc": loc[::-1]})


def shorten(key: str) -> str:
    """A key as locations show it: a client may send any, of any length."""
    return f"{key[:_LONGEST_KEY]}…" if len(key) > _LONGEST_KEY else key


class Node(Protocol):
    """A part of a type. `type` is its annotation, `kinds` what in JSON holds a value of it, `words` what it is."""

    @property
    def type(self) -> Any: ...

    @property
    def kinds(self) -> frozenset[JSONKind]: ...

    @property
    def words(self) -> str: ...

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        """Return the converted value, or `BAD`, with what is wrong added to `found`."""


def collect(node: Node, value: Any) -> tuple[list[ErrorItem], Any]:
    """What is wrong with a value, and the converted value if nothing is."""
    found = Found()
    try:
        made = node.walk(value, None, found)
    except _Enough:
        return bounded(found.items, more=True), BAD
    return found.items, made


def place_in(message: str) -> list[str | int]:
    """The location in a message of msgspec's, `… - at `$.items[3].price``, as far as it is told."""
    _, found, path = message.rpartition(" - at `$")
    loc: list[str | int] = []
    while found and path not in ("", "`"):
        if path[0] == "[":
            index, _, path = path[1:].partition("]")
            if not index.isdecimal():
                break
            loc.append(int(index))
            continue
        end = min((at for at in (path.find(mark, 1) for mark in ".[`") if at > 0), default=len(path))
        loc.append(path[1:end][:_LONGEST_KEY])
        path = path[end:]
    return loc


# Collections.


class ListNode:
    """A list, set or tuple of equal items. Down to `runs` such collections deep they are first tried many at a time."""

    kinds: frozenset[JSONKind] = frozenset(("array",))
    words = "a list"

    def __init__(self, item: Node, make: Any, limits: Sequence[Limit], runs: int) -> None:
        self.type: Any = GenericAlias(make, (item.type, ...) if make is tuple else (item.type,))
        self._run: Any = GenericAlias(list, (item.type,))
        self._runs = runs
        self._item = item
        self._make = make
        self._limits = limits
        self._wrong = fault(f"{make.__name__}_type".replace("frozenset", "frozen_set"), "is not a list")

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        if not isinstance(value, list | tuple | set | frozenset):
            found.add(place, self._wrong)
            return BAD
        made = self._walk_items(list(value), place, found)
        try:
            # A set is counted when it is made; one that can't be made isn't counted.
            counted = self._make(made if made is not BAD else () if self._make in (set, frozenset) else value)
        except TypeError:
            found.add(place, fault("set_item_not_hashable", "has an item that can't be in a set"))
            return BAD
        if made is BAD and not counted:
            return BAD
        wrong = passed(self._limits, counted)
        found.add(place, *wrong)
        return BAD if wrong or made is BAD else counted

    def _walk_items(self, values: list[Any], place: Place, found: Found) -> Any:
        made: list[Any] = []
        in_runs = found.depth < self._runs and len(values) > _SHORT
        found.depth += in_runs
        for start in range(0, len(values), _RUN):
            run = values[start : start + _RUN]
            try:
                if in_runs:
                    made += msgspec.convert(run, self._run)
                    continue
            except FAILURES:
                pass
            made += [self._item.walk(one, (place, index), found) for index, one in enumerate(run, start)]
        found.depth -= in_runs
        return BAD if any(one is BAD for one in made) else made


class RowNode:
    """A tuple, NamedTuple or array-like Struct: an array with a meaning for each index."""

    kinds: frozenset[JSONKind] = frozenset(("array",))
    words = "a list"
    is_open = False
    """Whether more items are ignored."""

    def __init__(self, type_: Any, tag: str | int | None = None) -> None:
        self.type = type_
        self.tag = tag
        self.items: Sequence[Node] = ()
        self.required = 0
        self.checks_itself = _checks_itself(type_)
        self._is_made = _instance_test(type_)

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        if self._is_made(value):
            return value
        if not isinstance(value, list | tuple):
            found.add(place, fault("list_type", "is not a list"))
            return BAD
        head = value[: 0 if self.tag is None else 1]
        if self.tag is not None and head and head[0] != self.tag:
            found.add((place, 0), _wrong_tag([self.tag]))
            return BAD
        pairs = zip(self.items, value[len(head) :], strict=False)
        made = [*head, *(node.walk(one, (place, index), found) for index, (node, one) in enumerate(pairs, len(head)))]
        least, most = len(head) + self.required, len(head) + len(self.items)
        if len(value) < least:
            found.add(place, fault("too_short", f"must have at least {least} items", min_length=least))
            return BAD
        if len(value) > most and not self.is_open:
            found.add(place, fault("too_long", f"must have at most {most} items", max_length=most))
            return BAD
        return _made(self, made, place, found)


class MappingNode:
    """A dict, whose keys are texts in JSON."""

    kinds: frozenset[JSONKind] = frozenset(("object",))
    words = "an object"

    def __init__(self, key: Node, value: Node, limits: Sequence[Limit], runs: int) -> None:
        self.type: Any = GenericAlias(dict, (key.type, value.type))
        self._runs = runs
        self._key_type: Any = GenericAlias(dict, (key.type, Any))
        self._key, self._value = key, value
        self._limits = limits

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        if not isinstance(value, Mapping):
            found.add(place, fault("dict_type", "is not an object"))
            return BAD
        wrong = passed(self._limits, dict(value))
        found.add(place, *wrong)
        made = self._walk_items(list(value.items()), place, found)
        return BAD if wrong or BAD in made or any(one is BAD for one in made.values()) else made

    def _walk_items(self, items: list[tuple[Any, Any]], place: Place, found: Found) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        in_runs = found.depth < self._runs and len(items) > _SHORT
        found.depth += in_runs
        for start in range(0, len(items), _RUN):
            run = items[start : start + _RUN]
            try:
                if in_runs:
                    made |= msgspec.convert(dict(run), self.type, str_keys=True)
                    continue
            except FAILURES:
                pass
            for key, one in run:
                made[self._walk_key(key, place, found)] = self._value.walk(one, (place, _key(key)), found)
        found.depth -= in_runs
        return made

    def _walk_key(self, key: Any, place: Place, found: Found) -> Any:
        try:
            [made] = msgspec.convert({key: None}, self._key_type, str_keys=True)
            if isinstance(made, Decimal) and not is_bounded(made):
                raise ValueError
        except FAILURES:
            before = len(found.items)
            # pydantic too says by this last step that the key is meant.
            at = (place, _key(key)), "[key]"
            self._key.walk(key, at, found)
            if len(found.items) == before:
                found.add(at, INVALID)
            return BAD
        return made


def _key(key: Any) -> str | int:
    """A key of a dict as locations have it; only Python values have others than texts."""
    return key if isinstance(key, str | int) else str(key)


# Objects.


class ObjectNode:
    """A class with fields: `fields` has their nodes and whether they are required, by the names that are sent."""

    kinds: frozenset[JSONKind] = frozenset(("object",))
    words = "an object"

    def __init__(self, type_: Any, tag_field: str | None = None, tag: str | int | None = None) -> None:
        self.type = type_
        self.tag_field, self.tag = tag_field, tag
        self.fields: Mapping[str, tuple[Node, bool]] = {}
        self.is_closed = False
        self.checks_itself = _checks_itself(type_)
        self._is_made = _instance_test(type_)

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        if self._is_made(value):
            return value
        if not isinstance(value, Mapping):
            found.add(place, fault("model_type", "is not an object"))
            return BAD
        if self.tag_field is not None and value.get(self.tag_field, self.tag) != self.tag:
            found.add((place, self.tag_field), _wrong_tag([self.tag]))
            return BAD
        before = len(found.items)
        made: dict[str, Any] = {}
        for name, (node, required) in self.fields.items():
            if name in value:
                made[name] = node.walk(value[name], (place, name), found)
            elif required:
                found.add((place, name), fault("missing", "is missing"))
        if self.is_closed:
            for name in value:
                if name not in self.fields and name != self.tag_field:
                    found.add((place, str(name)), fault("extra_forbidden", "is not a known field"))
        if len(found.items) > before or any(one is BAD for one in made.values()):
            return BAD
        return _made(self, made, place, found)


def _made(node: ObjectNode | RowNode, made: Any, place: Place, found: Found) -> Any:
    """The instance of a class, now that all its fields are right."""
    if any(one is BAD for one in (made.values() if isinstance(made, dict) else made)):
        return BAD
    cls: Any = get_origin(node.type) or node.type
    try:
        # SECURITY: tuples and dicts have no class that says they are made, so msgspec would go over all that is in them
        # once more: a deep body would take quadratic time.
        if issubclass(cls, dict):
            return made
        if issubclass(cls, tuple):
            return tuple(made) if cls is tuple else cls(*made)
        return msgspec.convert(made, node.type, str_keys=True)
    except FAILURES as error:
        if node.checks_itself:
            found.add(place, user_fault(error))
        return BAD


def _checks_itself(type_: Any) -> bool:
    names = ("__post_init__", "__attrs_attrs__")
    return any(hasattr(get_origin(type_) or type_, name) for name in names)


def _instance_test(type_: Any) -> Callable[[Any], bool]:
    """Whether a value is an instance already. One of a tuple or dict type isn't, whatever is in it."""
    cls = get_origin(type_) or type_
    if issubclass(cls, tuple | dict):
        return lambda value: False
    return lambda value: isinstance(value, cls)


def user_fault(error: BaseException) -> ErrorItem:
    """What code of the user's has said of a value, in its own words if it raised a ValueError."""
    cause = error if error.__cause__ is None else error.__cause__
    if isinstance(cause, msgspec.MsgspecError | UnicodeError) or not isinstance(cause, ValueError):
        return INVALID
    last = cause.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    # The validators of attrs put the value into their messages.
    by = last.tb_frame.f_globals.get("__name__", "") if last is not None else ""
    if by.partition(".")[0] in ("attr", "attrs") or not str(cause):
        return INVALID
    return fault("value_error", str(cause)[:_LONGEST_TEXT])


def _wrong_tag(tags: Sequence[str | int | None]) -> ErrorItem:
    listed = literal_fault(tags)
    return fault("union_tag_invalid", listed["msg"], expected_tags=listed["msg"].removeprefix("is not "))


# Unions.


class UnionNode:
    """A value of one of several types, told apart by what they are in JSON, objects also by their tags."""

    def __init__(self, members: Sequence[Node]) -> None:
        self.type: Any = Union[tuple(member.type for member in members)]  # noqa: UP007 - made at run time
        self.kinds: frozenset[JSONKind] = frozenset(kind for member in members for kind in member.kinds)
        self.words = " or ".join(dict.fromkeys(member.words for member in members))
        self._members = members

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        kind = _kind(value)
        fitting = [member for member in self._members if kind in member.kinds]
        if len(fitting) > 1 and kind in ("object", "array"):
            return self._walk_tagged(fitting, value, place, found)
        if len(fitting) > 1 or kind is None:
            for member in fitting or self._members:
                alone = Found()
                if (made := member.walk(value, None, alone)) is not BAD:
                    return made
        if len(fitting) == 1:
            return fitting[0].walk(value, place, found)
        others = [member for member in self._members if "null" not in member.kinds]
        if len(others) == 1:
            return others[0].walk(value, place, found)
        found.add(place, fault("union_error", f"is not {self.words}"))
        return BAD

    def _walk_tagged(self, fitting: Sequence[Node], value: Any, place: Place, found: Found) -> Any:
        tagged = {member.tag: member for member in fitting if isinstance(member, ObjectNode | RowNode)}
        fields = [member.tag_field for member in fitting if isinstance(member, ObjectNode)]
        key: str | int = (fields[0] or "type") if fields else 0
        if key not in (value if isinstance(value, Mapping) else range(len(value))):
            found.add((place, key), fault("missing", "is missing"))
            return BAD
        tag = value[key]
        member = tagged.get(tag) if isinstance(tag, str | int) and not isinstance(tag, bool) else None
        if member is None:
            found.add((place, key), _wrong_tag(list(tagged)))
            return BAD
        return member.walk(value, place, found)


_KINDS: dict[type, JSONKind] = {
    dict: "object",
    list: "array",
    tuple: "array",
    set: "array",
    frozenset: "array",
    str: "string",
    int: "number",
    float: "number",
    TooLarge: "number",
    bool: "boolean",
    type(None): "null",
}


def _kind(value: Any) -> JSONKind | None:
    """What JSON would hold the value; None for values of other types, which no JSON text gives."""
    return _KINDS.get(type(value))
