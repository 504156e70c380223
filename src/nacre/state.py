"""Per-request state, and the request of the running code for log records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

T = TypeVar("T")

# A key is its name, so the state holds ordinary names. Type checkers are not told, since to them a text is a key for
# anything, and `request.state[USER] = 3` would pass.
if TYPE_CHECKING:

    class _Name: ...

else:
    _Name = str


class Key(_Name, Generic[T]):
    """A typed name for what a layer leaves in the state: `USER: Key[User] = Key("user")`.

    A layer that sets it (`request.state[USER] = user`) says so with `provides=USER`; whoever takes it, by
    `user: Annotated[User, USER]` or `user: User = Provide(USER)`, needs such a layer, which is checked at startup.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(self, name: str, /) -> None: ...


class State(MutableMapping[str, Any]):
    """What layers leave for each other: a mapping whose items are attributes too.

    It starts as a shallow copy of what the lifespan yielded and lives as long as the request. It writes through to the
    mapping it was made from, which inside an ASGI layer is `scope["state"]`.
    """

    __slots__ = ("_items",)

    _items: MutableMapping[str, Any]

    def __init__(self, items: MutableMapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_items", {} if items is None else items)

    @property
    def shared(self) -> MutableMapping[str, Any]:
        """The mapping itself, for a scope that is to write through to it too."""
        return self._items

    @overload
    def __getitem__(self, name: Key[T], /) -> T: ...
    @overload
    def __getitem__(self, name: str, /) -> Any: ...
    def __getitem__(self, name: Any, /) -> Any:
        return self._items[name]

    @overload
    def __setitem__(self, name: Key[T], value: T, /) -> None: ...
    @overload
    def __setitem__(self, name: str, value: Any, /) -> None: ...
    def __setitem__(self, name: Any, value: Any, /) -> None:
        self._items[name] = value

    @overload
    def get(self, name: Key[T], /, default: None = None) -> T | None: ...
    @overload
    def get(self, name: Key[T], /, default: T) -> T: ...
    @overload
    def get(self, name: str, /, default: Any = None) -> Any: ...
    def get(self, name: Any, /, default: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._items.get(name, default)

    @overload
    def pop(self, name: Key[T], default: T = ..., /) -> T: ...
    @overload
    def pop(self, name: str, default: Any = ..., /) -> Any: ...
    def pop(self, *arguments: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._items.pop(*arguments)

    def __delitem__(self, name: str | Key[Any], /) -> None:
        del self._items[name]  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._items[name]
        except KeyError:
            raise AttributeError(f"nothing in the state is named {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._items[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self._items[name]
        except KeyError:
            raise AttributeError(f"nothing in the state is named {name!r}") from None

    def __repr__(self) -> str:
        # Values may be secrets (tokens, users); names are enough to find one's way.
        return f"State({', '.join(self._items)})"


TEMPLATE_CONTEXT: Key[Mapping[str, object]] = Key("template_context")
"""What layers give to all templates of a request, by the names that they have there."""


_NOTHING: Mapping[str, object] = {}


def give_templates(state: State, **values: object) -> None:
    """Let the templates of a request, whose state this is, use these values besides those that they have already."""
    # Never changed in place: the lifespan may have put it there, for all requests.
    state[TEMPLATE_CONTEXT] = {**given_to_templates(state), **values}


def given_to_templates(state: State) -> Mapping[str, object]:
    """What layers have given the templates of a request."""
    return state.get(TEMPLATE_CONTEXT, _NOTHING)
