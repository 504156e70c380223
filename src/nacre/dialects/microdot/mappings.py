"""The two dictionaries that Microdot gives its programs: headers without case, and fields with several values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


class NoCaseDict(dict[str, Any]):
    """A dictionary whose keys are equal in any case; one keeps the spelling that it was first set with."""

    def __init__(self, initial_dict: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.spellings: dict[str, str] = {}
        self.update(initial_dict or {})

    def spelled(self, key: str) -> str:
        """The key as it stands here."""
        return self.spellings.get(key.lower(), key)

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(self.spellings.setdefault(key.lower(), key), value)

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(self.spelled(key))

    def __delitem__(self, key: str) -> None:
        super().__delitem__(self.spelled(key))
        self.spellings.pop(key.lower(), None)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and super().__contains__(self.spelled(key))

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(self.spelled(key), default)

    def update(self, other_dict: Mapping[str, Any]) -> None:
        """Set each item of another dictionary."""
        for key, value in other_dict.items():
            self[key] = value


class MultiDict(dict[str, Any]):
    """A dictionary of lists, of which `[]` and `get` show the first value. Setting a key adds a value to its list."""

    def __init__(self, initial_dict: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        pairs = initial_dict.items() if isinstance(initial_dict, Mapping) else initial_dict
        for key, value in pairs or ():
            self[key] = value

    def __setitem__(self, key: str, value: Any) -> None:
        self.setdefault(key, []).append(value)

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key)[0]

    def get(self, key: str, default: Any = None, type: Callable[[Any], Any] | None = None) -> Any:
        """The first value of a key, made by `type` if given; `default` without one. Raises what `type` raises."""
        values = super().get(key)
        if not values:
            return default
        return values[0] if type is None else type(values[0])

    def getlist(self, key: str, type: Callable[[Any], Any] | None = None) -> list[Any]:
        """All values of a key, each made by `type` if given. Raises what `type` raises."""
        values = super().get(key) or []
        return list(values) if type is None else [type(value) for value in values]
