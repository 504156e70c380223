"""A request as another framework's programs know it: other names and conventions over the one native request."""

from __future__ import annotations

from typing import Any, Self, cast

from nacre.request import Request


class RequestView:
    """A request in other words; the native one is `native`.

    `of` makes one for each request and class, so that what one function sets on it the next one finds. A view holds
    nothing that the native request could be asked for: layers of all kinds change that one, also after the view was
    made. It lives as long as its request.
    """

    native: Request

    @classmethod
    def of(cls, native: Request) -> Self:
        """The view of a request, made when it is first asked for."""
        views = native.views
        if views is None:
            views = native.views = {}
        view = views.get(cls)
        if view is None:
            view = views[cls] = cls.__new__(cls)
            view.native = native
            view.prepare()
        return cast("Self", view)

    def prepare(self) -> None:
        """Set what each view has from the beginning, in place of a constructor."""

    def __repr__(self) -> str:
        return f"<{type(self).__module__.rpartition('.')[2]} {type(self).__name__} {self.native!r}>"


def native_request(request: Any) -> Request:
    """The native request, for a view as for itself. Raises TypeError for what is neither."""
    if isinstance(request, RequestView):
        return request.native
    if isinstance(request, Request):
        return request
    raise TypeError(f"a request is wanted here, not a {type(request).__name__}")
