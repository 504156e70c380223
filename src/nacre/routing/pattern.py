"""Path patterns: text as the developer writes it, read once into segments.

    <name>  <type:name>  <type(args):name>  <re:REGEX:name>     {name}  {name:type}  {name:type(args)}

Text outside the brackets is the decoded path: write `/café`, not `/caf%C3%A9`. An inline expression ends at the first
`:name>` that leaves an expression which compiles, so it may hold colons, slashes and brackets of its own.
"""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NoReturn, TypeAlias
from urllib.parse import quote

from nacre.errors import ConfigurationError, Location, Problem
from nacre.routing.converters import Arguments, Converter, Converters
from nacre.routing.parts import Parts, Variable

Segment: TypeAlias = str | Parts
"""What stands between two slashes: plain text, or text and variables."""

# RFC 3986 §3.3: what a segment may hold besides the unreserved characters.
_SEGMENT_SAFE = "!$&'()*+,;=:@"


class BuildError(ValueError):
    """A URL can't be built from the given name and values."""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A parsed path pattern; equal to another when its text and converters are."""

    text: str
    segments: tuple[Segment, ...]
    where: Location | None = field(default=None, compare=False)
    variables: tuple[Variable, ...] = field(init=False, compare=False)
    shape: tuple[object, ...] = field(init=False, compare=False, repr=False)
    """The segments without the names of variables: two patterns of one shape match the same paths."""

    def __post_init__(self) -> None:
        dynamic = [segment for segment in self.segments if not isinstance(segment, str)]
        variables = tuple(part for parts in dynamic for part in parts if isinstance(part, Variable))
        object.__setattr__(self, "variables", variables)
        object.__setattr__(self, "shape", tuple(map(_shape, self.segments)))

    def __str__(self) -> str:
        return self.text

    @property
    def is_static(self) -> bool:
        """True when no segment has a variable, so that exactly one path matches."""
        return not self.variables

    def build(self, values: Mapping[str, object]) -> str:
        """Answer the percent-encoded path for these values.

        Raises BuildError, naming the pattern, when a value is missing, left over or not of its variable's kind, and
        when the result would not come back: `.` and `..` are resolved by clients, a leading `//` would name a host.
        """
        self._check_names(values)
        path = "/" + "/".join(self._build_segment(segment, values) for segment in self.segments)
        if path.startswith("//"):
            raise BuildError(f"can't build `{self}`: `{path}` starts with two slashes, which names a host")
        if any(segment in (".", "..") for segment in path.split("/")):
            raise BuildError(f"can't build `{self}`: clients resolve the `.` and `..` of `{path}`")
        return path

    def _check_names(self, values: Mapping[str, object]) -> None:
        names = [variable.name for variable in self.variables]
        complaints = [f"no value for `{name}`" for name in names if name not in values]
        complaints += [f"it has no variable `{name}`" for name in values if name not in names]
        if complaints:
            raise BuildError(f"can't build `{self}`: {', '.join(complaints)}")

    def _build_segment(self, segment: Segment, values: Mapping[str, object]) -> str:
        if isinstance(segment, str):
            return quote(segment, safe=_SEGMENT_SAFE)
        return "".join(self._build_part(part, values) for part in segment)

    def _build_part(self, part: str | Variable, values: Mapping[str, object]) -> str:
        if isinstance(part, str):
            return quote(part, safe=_SEGMENT_SAFE)
        try:
            text = part.converter.format(values[part.name])
        except ValueError as error:
            raise BuildError(f"can't build `{self}`: variable `{part.name}`: {error}") from None
        return quote(text, safe=_SEGMENT_SAFE + "/")


def _shape(segment: Segment) -> object:
    if isinstance(segment, str):
        return segment
    return tuple(part.converter if isinstance(part, Variable) else part for part in segment)


def join(prefix: str, pattern: str) -> str:
    """Join a group's prefix and a pattern with exactly one slash.

    An empty side leaves the other as it is: `/customers` and `` is `/customers`, `/customers` and `/` is `/customers/`.
    """
    if not prefix or not pattern:
        return prefix or pattern
    return f"{prefix.rstrip('/')}/{pattern.lstrip('/')}"


def parse_pattern(text: str, converters: Converters, where: Location | None = None) -> PathPattern:
    """Read a pattern; raises ConfigurationError with the first problem found in it."""
    return _PatternReader(text, converters, where).read()


_NAME = r"[^\W\d]\w*"
_EXPRESSION_END = re.compile(rf":({_NAME})>")
_CALL = re.compile(r"(?P<type>[^()]*)(?:\((?P<arguments>.*)\))?", re.DOTALL)
_OPTION = re.compile(rf"({_NAME})\s*=\s*(-?[0-9]{{1,18}})")
_CLOSING = {"<": ">", "{": "}"}


class _PatternReader:
    """Reads one pattern from left to right."""

    def __init__(self, text: str, converters: Converters, where: Location | None) -> None:
        self._text = text
        self._converters = converters
        self._where = where

    def read(self) -> PathPattern:
        if not self._text.startswith("/"):
            self._fail("does not start with a slash", f"write `/{self._text}`")
        pattern = PathPattern(self._text, tuple(_segments(self._parts())), self._where)
        self._check_variables(pattern.variables)
        self._check_neighbours(pattern.segments)
        return pattern

    def _fail(self, what: str, fix: str) -> NoReturn:
        raise ConfigurationError(Problem(f"path `{self._text}` {what}", self._where, fix))

    def _parts(self) -> Iterator[str | Variable]:
        """The text and the variables of the pattern after its first slash, in turn."""
        at = 1
        while at < len(self._text):
            character = self._text[at]
            if character in _CLOSING:
                variable, at = self._variable(at)
                yield variable
            elif character in _CLOSING.values():
                opening = "<" if character == ">" else "{"
                self._fail(f"has a `{character}` without a `{opening}` before it", "remove it, or open the variable")
            else:
                start, at = at, self._text_end(at)
                yield self._text[start:at]

    def _text_end(self, at: int) -> int:
        while at < len(self._text) and self._text[at] not in "<>{}":
            at += 1
        return at

    def _variable(self, at: int) -> tuple[Variable, int]:
        if self._text.startswith("<re:", at):
            return self._expression(at + len("<re:"))
        opening = self._text[at]
        end = self._text.find(_CLOSING[opening], at)
        if end < 0:
            self._fail(f"has a `{opening}` without a `{_CLOSING[opening]}` after it", "close the variable")
        content = self._text[at + 1 : end]
        first, _, last = content.rpartition(":") if opening == "<" else content.partition(":")[::-1]
        return Variable(self._name(last), self._converter(first, last)), end + 1

    def _expression(self, at: int) -> tuple[Variable, int]:
        failed = None
        for end in _EXPRESSION_END.finditer(self._text, at):
            try:
                converter = self._converters.create("re", Arguments((self._text[at : end.start()],)))
            except ValueError as error:
                failed = failed or f"has a bad variable: {error}"
            else:
                return Variable(self._name(end.group(1)), converter), end.end()
        self._fail(failed or "has a `<re:` without a `:name>` after it", "write `<re:REGEX:name>`")

    def _name(self, name: str) -> str:
        if not name:
            self._fail("has a variable without a name", "name it, e.g. `<id>`")
        if not name.isidentifier() or keyword.iskeyword(name):
            self._fail(f"has a variable `{name}`, which can't name a parameter", "use letters, digits and `_`")
        return name

    def _converter(self, call: str, name: str) -> Converter:
        parsed = _CALL.fullmatch(call)
        if parsed is None:
            self._fail(f"has a bad variable: `{call}` is not a converter", "write `<type(arguments):name>`")
        kind = parsed["type"] or "string"
        if kind == "re":
            self._fail("has a `re` variable without an expression", f"write `<re:REGEX:{name}>`")
        if kind not in self._converters.names:
            self._fail(f"uses the unknown converter `{kind}`", self._suggestion(kind, name))
        try:
            return self._converters.create(kind, _arguments(parsed["arguments"]))
        except ValueError as error:
            self._fail(f"has a bad variable: {error}", f"correct `{call}`")

    def _suggestion(self, kind: str, name: str) -> str:
        names = self._converters.names
        if name in names:
            return f"did you mean `<{name}:{kind}>` or `{{{kind}:{name}}}`?"
        near = difflib.get_close_matches(kind, names, n=1)
        if near:
            return f"did you mean `{near[0]}`?"
        return f"known are {', '.join(names)}; `Converters.register` adds one"

    def _check_variables(self, variables: tuple[Variable, ...]) -> None:
        seen: set[str] = set()
        for name, _ in variables:
            if name in seen:
                self._fail(f"has two variables named `{name}`", "rename one of them")
            seen.add(name)
        if sum(variable.converter.spans_segments for variable in variables) > 1:
            self._fail("has two `path` variables, so where one ends is anyone's guess", "keep one of them")

    def _check_neighbours(self, segments: tuple[Segment, ...]) -> None:
        for segment in segments:
            for left, right in pairwise(segment):
                if isinstance(left, Variable) and isinstance(right, Variable):
                    what = f"has nothing between the variables `{left.name}` and `{right.name}`"
                    self._fail(what, "put text between them, e.g. `-`")


def _segments(parts: Iterator[str | Variable]) -> Iterator[Segment]:
    """Cut at the slashes of the text; neighbouring texts and empty ones don't occur within a segment."""
    segment: list[str | Variable] = []
    for part in parts:
        if isinstance(part, Variable):
            segment.append(part)
            continue
        head, *others = part.split("/")
        segment += [head] if head else []
        for text in others:
            yield _segment(segment)
            segment = [text] if text else []
    yield _segment(segment)


def _segment(parts: list[str | Variable]) -> Segment:
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return tuple(parts)


def _arguments(text: str | None) -> Arguments:
    """Read `a,b,key=1`; raises ValueError for a value that is not a whole number."""
    words: list[str] = []
    options: list[tuple[str, int]] = []
    for item in map(str.strip, text.split(",") if text and text.strip() else ()):
        option = _OPTION.fullmatch(item)
        if option is not None:
            options.append((option[1], int(option[2])))
        elif "=" in item:
            raise ValueError(f"`{item}` is not `key=whole number`")
        else:
            words.append(item)
    return Arguments(tuple(words), tuple(sorted(options)))
