"""Logins at a provider that have begun and not come back yet, kept in the session of the browser that began them.

SECURITY: who could bring another browser back with a state and code of their own would log it into their account. So a
state counts only in the session that it was made for, only once and only for ten minutes (CVE-2025-68481,
CVE-2025-14546); a store that is shared by all would accept it from anybody (CVE-2025-68158, CVE-2026-41425).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from typing import Any

SESSION_FLOW = "_oauth."
"""What the names in a session begin with of the logins that have begun.

Each has a name of its own, since stores merge by names what several requests change at once: tabs that begin together
don't lose one another's.
"""

FLOW_SECONDS = 600.0
_FLOWS_MAX = 3  # tabs in which one browser logs in at once; a session in a cookie has 4 KiB
_NEXT_MAX = 512


@dataclass(frozen=True, slots=True)
class Flow:
    """A login that has begun: what the provider's answer is checked against."""

    provider: str
    state: str
    nonce: str
    verifier: str
    at: float
    next: str | None = None

    def __repr__(self) -> str:
        return f"Flow(provider={self.provider!r})"


def begin_flow(session: MutableMapping[str, Any], provider: str, now: float, wanted: str | None) -> Flow:
    """Begin a login; of those that have begun in this session only the latest are kept."""
    next_ = wanted if wanted is not None and len(wanted) <= _NEXT_MAX else None
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    flow = Flow(provider, state, nonce, verifier, now, next_)
    begun = {name: _read(session[name]) for name in session if name.startswith(SESSION_FLOW)}
    alive = {name: one.at for name, one in begun.items() if one is not None and _is_alive(one, now)}
    for name in begun.keys() - sorted(alive, key=alive.__getitem__)[1 - _FLOWS_MAX :]:
        del session[name]
    session[_name_of(state)] = asdict(flow)
    return flow


def take_flow(session: MutableMapping[str, Any], provider: str, state: str, now: float) -> Flow | None:
    """The login that a state belongs to, which is taken out of the session; None if it has none that counts."""
    found = _read(session.get(_name_of(state)))
    if found is None or not hmac.compare_digest(found.state.encode(), state.encode()):
        return None
    del session[_name_of(state)]
    return found if found.provider == provider and _is_alive(found, now) else None


def _name_of(state: str) -> str:
    return SESSION_FLOW + state[:8]


def _is_alive(flow: Flow, now: float) -> bool:
    return now - flow.at < FLOW_SECONDS


def _read(kept: Any) -> Flow | None:
    """What a session holds as a login; None for what another version of this program has left there."""
    try:
        return Flow(**kept)
    except TypeError:
        return None
