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
from typing import Any, cast

SESSION_FLOWS = "_oauth"
"""The name in a session of the logins that have begun."""

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
    flows = [one for one in _flows(session) if _is_alive(one, now)]
    session[SESSION_FLOWS] = [asdict(one) for one in [*flows, flow][-_FLOWS_MAX:]]
    return flow


def take_flow(session: MutableMapping[str, Any], provider: str, state: str, now: float) -> Flow | None:
    """The login that a state belongs to, which is taken out of the session; None if it has none that counts."""
    flows = _flows(session)
    found = next((one for one in flows if hmac.compare_digest(one.state.encode(), state.encode())), None)
    if found is None:
        return None
    others = [asdict(one) for one in flows if one is not found]
    if others:
        session[SESSION_FLOWS] = others
    else:
        del session[SESSION_FLOWS]
    return found if found.provider == provider and _is_alive(found, now) else None


def _is_alive(flow: Flow, now: float) -> bool:
    return now - flow.at < FLOW_SECONDS


def _flows(session: MutableMapping[str, Any]) -> list[Flow]:
    kept: Any = session.get(SESSION_FLOWS)
    if not isinstance(kept, list):
        return []
    try:
        return [Flow(**one) for one in cast("list[dict[str, Any]]", kept)]
    except TypeError:
        return []  # of another version of this program
