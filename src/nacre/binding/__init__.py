"""What a handler's signature asks for, and the call that gives it; settled once, at startup."""

from nacre.binding.handler import BoundHandler, bind_handler

__all__ = ["BoundHandler", "bind_handler"]
