"""Changes of a session that come when it has been saved already."""

from __future__ import annotations

import logging

from nacre.logline import printable
from nacre.request import Request
from nacre.response import Response
from nacre.session import Session

_log = logging.getLogger("nacre.error")


def may_run_on(request: Request, response: Response) -> bool:
    """Whether code may run after this response has begun."""
    later = (response.stream, response.background, response.sent_callbacks, request.after_callbacks)
    return any(part is not None for part in later)


def watch(request: Request, session: Session) -> None:
    """See to it that changes in place that come too late don't vanish silently."""
    request.after_response(_LateChanges(request, session))
    assert request.after_callbacks is not None
    request.after_callbacks.insert(0, request.after_callbacks.pop())  # the first one is called last


class _LateChanges:
    """Logs what was changed in a session, in a list or dict in it, after it had been saved."""

    inline = True

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
