"""Per-request state, and the request of the running code for log records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, overload

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

    __slots__ = ("shared",)

    shared: MutableMapping[str, Any]
    """The mapping itself, for a scope that is to write through to it too; layers of Nacre's own read it."""

    def __init__(self, items: MutableMapping[str, Any] | None = None) -> None:
        _set_shared(self, {} if items is None else items)

    @overload
    def __getitem__(self, name: Key[T], /) -> T: ...
    @overload
    def __getitem__(self, name: str, /) -> Any: ...
    def __getitem__(self, name: Any, /) -> Any:
        return self.shared[name]

    @overload
    def __setitem__(self, name: Key[T], value: T, /) -> None: ...
    @overload
    def __setitem__(self, name: str, value: Any, /) -> None: ...
    def __setitem__(self, name: Any, value: Any, /) -> None:
        self.shared[name] = value

    @overload
    def get(self, name: Key[T], /, default: None = None) -> T | None: ...
    @overload
    def get(self, name: Key[T], /, default: T) -> T: ...
    @overload
    def get(self, name: str, /, default: Any = None) -> Any: ...
    def get(self, name: Any, /, default: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.shared.get(name, default)

    @overload
    def pop(self, name: Key[T], default: T = ..., /) -> T: ...
    @overload
    def pop(self, name: str, default: Any = ..., /) -> Any: ...
    def pop(self, *arguments: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.shared.pop(*arguments)

    def __delitem__(self, name: str | Key[Any], /) -> None:
        del self.shared[name]  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shared)

    def __len__(self) -> int:
        return len(self.shared)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.shared[name]
        except KeyError:
            raise AttributeError(f"nothing in the state is named {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.shared[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self.shared[name]
        except KeyError:
            raise AttributeError(f"nothing in the state is named {name!r}") from None

    def __repr__(self) -> str:
        # Values may be secrets (tokens, users); names are enough to find one's way.
        return f"State({', '.join(self.shared)})"


# An assignment would make an item of it.
_set_shared = State.shared.__set__  # type: ignore[attr-defined]


TEMPLATE_CONTEXT: Key[Mapping[str, object]] = Key("template_context")
"""What layers give to all templates of a request, by the names that they have there."""


_NOTHING: Mapping[str, object] = {}


class OfRequest(NamedTuple):
    """A function of the request, which templates call without it.

    It is the same for all requests, so nothing is made for one that renders no template. A function that holds the
    request would keep it, and all that it holds, until the garbage collector comes by: the state is the request's own.
    """

    function: Callable[..., object]


def give_templates(state: State, shared: Mapping[str, object] = _NOTHING, /, **values: object) -> None:
    """Let the templates of a request, whose state this is, use these values besides those that they have already.

    `shared` are those that are the same for all requests; they aren't copied unless there are others.
    """
    items: MutableMapping[Any, Any] = state.shared
    given = items.get(TEMPLATE_CONTEXT)
    # Never changed in place: the lifespan may have put it there, for all requests.
    items[TEMPLATE_CONTEXT] = {**(given or _NOTHING), **shared, **values} if given or values else shared


def given_to_templates(state: State) -> Mapping[str, object]:
    """What layers have given the templates of a request."""
    return state.get(TEMPLATE_CONTEXT, _NOTHING)
