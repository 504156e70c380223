"""The types that Rapidy's programs annotate with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from nacre.dialects.rapidy.lifespan import LifespanCTX as LifespanCTX
from nacre.dialects.rapidy.lifespan import LifespanHook as LifespanHook
from nacre.dialects.rapidy.web_request import Request
from nacre.dialects.rapidy.web_response import StreamResponse

DictStrAny: TypeAlias = dict[str, Any]
DictStrStr: TypeAlias = dict[str, str]

CallNext: TypeAlias = Callable[[Request], Awaitable[StreamResponse]]
"""What a middleware awaits to run everything inside it."""

Handler: TypeAlias = Callable[..., Awaitable[Any]]
Middleware: TypeAlias = Handler
HandlerOrView: TypeAlias = Handler | type[Any]
NoArgAnyCallable: TypeAlias = Callable[[], Any]

ResultValidate: TypeAlias = DictStrAny
ValidationErrorList: TypeAlias = list[DictStrAny]
ValidateReturn: TypeAlias = tuple[ResultValidate | None, ValidationErrorList | None]

JSONEncoder: TypeAlias = Callable[[Any], str]
JSONDecoder: TypeAlias = Callable[[str], Any]


class UnsetEnum(Enum):
    """The type of `Unset`."""

    UNSET = 0


Unset: Final = UnsetEnum.UNSET
"""An option was not given; None may be a value of it."""

UnsetType: TypeAlias = Literal[UnsetEnum.UNSET]
