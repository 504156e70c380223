"""Changes of a session that come when it has been saved already."""

from __future__ import annotations

import logging

from nacre.logline import printable
from nacre.request import Request
from nacre.response import Response
from nacre.session import Session

_log = logging.getLogger("nacre.error")


def may_run_on(request: Request, response: Response) -> bool:
    """Whether code that may know the session may run after this response has begun.

    PERF: callbacks with an attribute `quiet`, as that of an access log, touch no session; a site may have no others,
    and needs no callback for them.
    """
    may = response.stream is not None or response.background is not None or response.sent_callbacks is not None
    for callback in request.after_callbacks or ():
        may = may or not getattr(callback, "quiet", False)
    return may


def watch(request: Request, session: Session) -> None:
    """See to it that changes in place that come too late don't vanish silently."""
    request.after_response(_LateChanges(request, session))
    assert request.after_callbacks is not None
    request.after_callbacks.insert(0, request.after_callbacks.pop())  # the first one is called last


class _LateChanges:
    """Logs what was changed in a session, in a list or dict in it, after it had been saved."""

    inline = True
    quiet = True

    def __init__(self, request: Request, session: Session) -> None:
        self._request = request
        self._session = session

    def __call__(self) -> None:
        names = self._session.late_changes()
        if names:
            _log.error(
                "%s of the session was changed after the response to %s %s had begun, and the change is lost",
                printable(", ".join(names)),
                self._request.method,
                printable(self._request.path),
            )
