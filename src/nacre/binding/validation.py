"""How a scope answers requests that don't fit what was declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from nacre.errors import ErrorItem, ValidationError


class Validation(Struct, frozen=True):
    """The answer of a failed validation, for an application or a group: `Nacre(validation=Validation(status=400))`.

    `status` is its status; `shape(errors)` returns what is sent as JSON, `{"errors": [...]}` by default. To answer in
    another way altogether, register an error handler for `ValidationError`.
    """

    status: int = 422
    shape: Callable[[Sequence[ErrorItem]], object] | None = None

    def error(self, errors: Sequence[ErrorItem]) -> ValidationError:
        """The exception for these errors."""
        return ValidationError(errors, status=self.status, shape=self.shape)


DEFAULT = Validation()
