"""What the original has for interpreters without `functools.wraps`, under the name that programs import it by."""

from functools import wraps

__all__ = ["wraps"]
