"""A request as another framework's programs know it: other names and conventions over the one native request."""

from __future__ import annotations

from typing import Any, Self

from nacre.request import Request


class RequestView:
    """A request in other words; the native one is `native`.

    `of` makes one for each request and class, without a constructor, so that what one function sets on it the next one
    finds. A view holds nothing that the native request could be asked for: layers of all kinds change that one, also
    after the view was made. It lives as long as its request; what belongs to it alone has a default in the class, or is
    made when it is first asked for (`nacre.lazy.lazy`).
    """

    native: Request

    @classmethod
    def of(cls, native: Request) -> Self:
        """The view of a request, made when it is first asked for."""
        views = native.views
        if views is None:
            views = native.views = {}
        elif cls in views:
            found: Self = views[cls]
            return found
        view = views[cls] = cls.__new__(cls)
        view.native = native
        return view

    def __repr__(self) -> str:
        return f"<{type(self).__module__.rpartition('.')[2]} {type(self).__name__} {self.native!r}>"


def native_request(request: Any) -> Request:
    """The native request, for a view as for itself. Raises TypeError for what is neither."""
    if isinstance(request, RequestView):
        return request.native
    if isinstance(request, Request):
        return request
    raise TypeError(f"a request is wanted here, not a {type(request).__name__}")
