"""Who is shown what debug mode shows.

SECURITY: a page of any site can be led to 127.0.0.1 by the site's own DNS (DNS rebinding). Its scripts then read what
the developer's server answers as if it came from their site, under the `Host` of that site: CVE-2024-34069,
CVE-2016-9014, CVE-2025-66416.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from nacre.request import Request
from nacre.urls import parse_host


def may_see_details(request: Request, layers: Iterable[Any]) -> bool:
    """Whether a request came under a name that nobody else can lead here.

    Such are addresses, `localhost` with all below it, other names without a dot, and the hosts that a `TrustedHosts`
    among `layers` lists. What comes without `Host` no browser has sent.
    """
    value = request.headers.get("host")
    if value is None:
        return True
    try:
        host, _ = parse_host(value)
    except ValueError:
        return False
    host = host.removesuffix(".")
    if "." not in host or host.endswith(".localhost") or _is_address(host):
        return True
    from nacre.security.hosts import TrustedHosts  # only debug mode asks for it

    return any(isinstance(layer, TrustedHosts) and layer.serves(value) for layer in layers)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
