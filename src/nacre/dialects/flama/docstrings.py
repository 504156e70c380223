"""Docstrings that describe an operation in YAML, for the OpenAPI document."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import msgspec

_PLAIN = {"summary": "summary", "description": "description", "operationId": "operation_id", "deprecated": "deprecated"}


def described(endpoint: Callable[..., Any]) -> dict[str, Any]:
    """The route options that a docstring in YAML says; none if it is ordinary text, or without the extra `yaml`.

    What stands before a line `---` is the description.
    """
    text = inspect.getdoc(endpoint) or ""
    before, dashes, after = text.rpartition("---\n")
    found = _mapping(after if dashes else text)
    options: dict[str, Any] = {_PLAIN[name]: found[name] for name in _PLAIN if name in found}
    if found and before.strip():
        options.setdefault("description", before.strip())
    if isinstance(found.get("tags"), list):
        options["tags"] = [str(tag) for tag in found["tags"]]
    answers = found.get("responses")
    if isinstance(answers, Mapping):
        told = {str(status): one for status, one in answers.items() if isinstance(one, Mapping)}
        options["responses"] = {
            int(status): str(one.get("description", "")) for status, one in told.items() if status.isdigit()
        }
    return options


def _mapping(text: str) -> Mapping[str, Any]:
    """The mapping that a text in YAML is, if one of its keys is an operation's; an empty one for any other text."""
    if ":" not in text or find_spec("yaml") is None:
        return {}
    try:
        found: Any = msgspec.yaml.decode(text)
    except msgspec.DecodeError:
        return {}
    known = {*_PLAIN, "tags", "responses"}
    return found if isinstance(found, dict) and known & set(found) else {}
