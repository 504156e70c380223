"""What is wrong with the response options of a function, seen together with the type of its values."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Never

from msgspec import Struct

from nacre.errors import Location, Problem
from nacre.shaping.annotations import EMPTY, members_of, says_nothing
from nacre.shaping.charset import is_same_charset
from nacre.shaping.fields import classes_of, fields_of, is_array
from nacre.shaping.models import is_pydantic
from nacre.shaping.names import meant_for_each, unknown_names
from nacre.shaping.options import ResponseOptions

_NO_BODY = (204, 205, 304)


class Checks(Struct, frozen=True):
    """The checks of one function; `kind` is the type of its plain values, `streams` whether they come in pieces."""

    options: ResponseOptions
    kind: Any
    streams: bool
    name: str
    where: Location | None

    def problems(self) -> list[Problem]:
        """All that is wrong."""
        found = [*self._validation(), *self._stream(), *self._body(), *self._unset()]
        if not self.streams and self.kind is not Never:
            found += [problem for option in ("include_fields", "exclude_fields") for problem in self._names(option)]
        return found

    def _problem(self, what: str, fix: str) -> Problem:
        return Problem(f"{self.name} {what}", self.where, fix)

    def _validation(self) -> Iterator[Problem]:
        if self.options.response_validate and self.kind is EMPTY:
            what = "has response_validate=True and no type to validate against"
            yield self._problem(what, "annotate what it returns, or give a response_type")

    def _stream(self) -> Iterator[Problem]:
        validation = [name for name in ("response_type", "response_validate") if getattr(self.options, name)]
        given = [*validation, *self.options.about_fields]
        if self.streams and given:
            what = f"returns a stream, which has no fields for {' and '.join(given)}"
            yield self._problem(what, "streams take content_type, charset and status_code")

    def _body(self) -> Iterator[Problem]:
        may_be_none = says_nothing(self.kind) or {None, type(None), Never} & set(members_of(self.kind))
        if self.options.status_code in _NO_BODY and not may_be_none:
            what = f"returns a value, and a {self.options.status_code} response can't have a body"
            yield self._problem(what, "give another status_code, or return None")
        charset, content_type = self.options.charset, self.options.content_type or ""
        has_fields = any(fields_of(kind) is not None or is_pydantic(kind) for kind in classes_of(self.kind))
        is_json = has_fields and not content_type.lower().startswith("text/")
        if is_json and charset is not None and not is_same_charset(charset, "utf-8"):
            what = f"has charset={charset!r}, and JSON is always UTF-8"
            yield self._problem(what, "leave the charset out, or give a content_type that is text/…")

    def _unset(self) -> Iterator[Problem]:
        for kind in classes_of(self.kind) if self.options.exclude_unset else ():
            if fields_of(kind) is not None and not is_pydantic(kind) and not hasattr(kind, "__struct_fields__"):
                what = f"has exclude_unset=True, and a `{kind.__name__}` doesn't know which of its fields were set"
                fix = "use a pydantic model, or a Struct, which leaves out fields that are msgspec.UNSET by itself"
                yield self._problem(what, fix)

    def _names(self, option: str) -> Iterator[Problem]:
        tree = getattr(self.options, option)
        if tree is None:
            return
        arrays = [kind for kind in classes_of(self.kind) if is_array(kind)]
        if arrays:
            what = f"has {option}, and a `{arrays[0].__name__}` is sent as an array, which has no names"
            yield self._problem(what, "use a type that is sent as an object")
            return
        for name, known in unknown_names(tree, self.kind):
            near = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(f'`{one}`' for one in known)}"
            yield self._problem(f"has {option} with the name `{name}`, which the type of its values lacks", fix)
        for name in meant_for_each(tree, self.kind):
            what = f"has {option} with the name `{name}`, which the values of the dict have, not the dict"
            yield self._problem(what, f'write {option}={{"__all__": {{"{name}"}}}}')
