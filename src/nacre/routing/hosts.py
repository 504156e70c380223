"""Host patterns: which `Host` a route answers to.

    example.com             this host
    <tenant>.example.com    one label, passed by name; `{tenant}.example.com` is the same
    *.example.com           one label or more in front, not passed

Hosts compare without case, port and final dot.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from nacre.errors import ConfigurationError, Location, Problem
from nacre.routing.pattern import BuildError


class HostVariable(NamedTuple):
    """A label of a host pattern that is passed to the handler by this name."""

    name: str


HostLabel: TypeAlias = str | HostVariable


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A parsed host pattern."""

    text: str
    labels: tuple[HostLabel, ...]
    any_subdomain: bool = False
    """True for `*.`: the labels are the end of the host, and at least one more stands in front."""
    where: Location | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, from left to right."""
        return tuple(label.name for label in self.labels if isinstance(label, HostVariable))

    @property
    def is_exact(self) -> bool:
        """True when exactly one host matches."""
        return not self.any_subdomain and not self.variables

    @property
    def shape(self) -> tuple[object, ...]:
        """The pattern without the names of its variables: two patterns of one shape match the same hosts."""
        return (self.any_subdomain, *(None if isinstance(label, HostVariable) else label for label in self.labels))

    @property
    def specificity(self) -> tuple[bool, int, bool]:
        """Sorts the pattern that is tried first lowest: exact ones, then by labels of text, then without `*`."""
        texts = sum(isinstance(label, str) for label in self.labels)
        return (not self.is_exact, -texts, self.any_subdomain)

    def match(self, host: str) -> dict[str, object] | None:
        """Answer the variables when this host matches, else None; the host is as `normalize_host` leaves it."""
        labels = host.split(".")
        front = len(labels) - len(self.labels)
        if front < 0 or (front > 0) is not self.any_subdomain:
            return None
        params: dict[str, object] = {}
        for expected, label in zip(self.labels, labels[front:], strict=True):
            if isinstance(expected, HostVariable) and label:
                params[expected.name] = label
            elif expected != label:
                return None
        return params if all(labels[:front]) else None

    def build(self, values: Mapping[str, object]) -> str | None:
        """Answer the host for these values; None for `*.`, which names no single host.

        Raises BuildError, naming the pattern, for a value that is missing or isn't one label. Others are ignored.
        """
        labels = [label if isinstance(label, str) else self._build_label(label.name, values) for label in self.labels]
        return None if self.any_subdomain else ".".join(labels)

    def _build_label(self, name: str, values: Mapping[str, object]) -> str:
        if name not in values:
            raise BuildError(f"can't build `{self}`: no value for `{name}`")
        value = values[name]
        if not isinstance(value, str) or not _LABEL.fullmatch(value):
            raise BuildError(f"can't build `{self}`: variable `{name}`: {value!r} is not a host label")
        return value.lower()


# Underscores are not for host names, but development set-ups use them (`web_1.local`).
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_VARIABLE = re.compile(r"<([^<>{}]*)>|\{([^<>{}]*)\}")
_IP6 = re.compile(r"\[[0-9A-Fa-f:.]+\]")


def normalize_host(host: str) -> str:
    """Lower the case of a `Host` value and cut its port and final dot."""
    name, colon, port = host.rpartition(":")
    if colon and "]" not in port:
        host = name
    return host.lower().removesuffix(".")


def parse_host(text: str, where: Location | None = None) -> HostPattern:
    """Read a host pattern; raises ConfigurationError with the first problem found in it."""
    if _IP6.fullmatch(text):
        return HostPattern(text, tuple(text.lower().split(".")), False, where)
    rest = text.removeprefix("*.")
    labels = tuple(_parse_label(label, text, where) for label in rest.removesuffix(".").split("."))
    pattern = HostPattern(text, labels, rest != text, where)
    for name in pattern.variables:
        if pattern.variables.count(name) > 1:
            raise _error(text, where, f"has two variables named `{name}`", "rename one of them")
    return pattern


def _parse_label(label: str, text: str, where: Location | None) -> HostLabel:
    if _LABEL.fullmatch(label):
        return label.lower()
    variable = _VARIABLE.fullmatch(label)
    if variable is None:
        fix = "write labels like `example.com`, `*.example.com` or `<name>.example.com`, without a port"
        raise _error(text, where, f"has the label `{label}`, which no host can have", fix)
    name = variable[1] or variable[2] or ""
    if not name.isidentifier() or keyword.iskeyword(name):
        what = f"has a variable `{name}`, which can't name a parameter"
        raise _error(text, where, what, "use letters, digits and `_`")
    return HostVariable(name)


def _error(text: str, where: Location | None, what: str, fix: str) -> ConfigurationError:
    return ConfigurationError(Problem(f"host `{text}` {what}", where, fix))
