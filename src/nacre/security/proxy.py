"""Behind a proxy: the client's own address, scheme and host, as trusted proxies tell them and nobody else."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import ClassVar, Literal

from nacre.chain.hooks import Hooks
from nacre.errors import ConfigurationError, Location, Problem
from nacre.headers import Headers
from nacre.request import Request
from nacre.risks import Risk
from nacre.security.forwarded import (
    HOPS_MAX,
    Hop,
    listed,
    nearest,
    parse_ip,
    parse_node,
    read_forwarded,
)
from nacre.security.names import texts_of
from nacre.security.told import Told

Kind = Literal["forwarded", "x-forwarded"]
Field = Literal["for", "proto", "host", "port", "prefix"]

_KINDS = ("forwarded", "x-forwarded")
_FIELDS = ("for", "proto", "host", "port", "prefix")
_PREFIXES = ("x-forwarded", "x_forwarded", "forwarded", "x-real", "x_real")

_REMEMBERED_MAX = 512  # characters of names and values

_ROUTING = frozenset({"forwarded", "x-real-ip"}) | {
    f"x-forwarded-{name}" for name in (*_FIELDS, "by", "proto-version", "protocol", "scheme", "server", "ssl")
}
"""What says where a request came from or went to. Its truth is on the request, once it is read."""


class ProxyHeaders(Hooks):
    """A layer that makes `request.client`, `scheme`, `host` and `root_path` those of the client, behind proxies.

    `trusted` are the proxies' addresses and networks, and `"unix"` for a server on a Unix socket; `"*"` is any peer and
    needs `hops`. `headers` is the one kind of fields that they set: "x-forwarded" or "forwarded" (RFC 7239). `fields`
    are those of it that every trusted proxy sets or overwrites, "for" and "proto" by default; "host", "port" and
    "prefix" are believed only if they are named. `hops` is how many proxies there are at most.

    The entries are walked from the right, from the peer outwards, as long as the address is a trusted one: the first
    that isn't is the client. `unknown`, `_hidden` and what can't be read end the walk: nobody knows the client's
    address then, and `request.client` is None. From a peer that isn't trusted all `Forwarded`, `X-Forwarded-*` and
    `X-Real-IP` fields are ignored and taken out; from a trusted one, those that say where a request came from, when
    they are read. Layers and applications in ASGI style inside see the same in their scope.

    Raises ConfigurationError for what is no network; on a request, BadRequest if a trusted proxy tells no host.
    """

    provides: ClassVar[tuple[str, ...]] = ("client address",)

    def __init__(
        self,
        trusted: Iterable[str],
        *,
        headers: Kind = "x-forwarded",
        fields: Iterable[Field] = ("for", "proto"),
        hops: int | None = None,
    ) -> None:
        super().__init__(before=self._before, inline=True)
        where = self._where = Location.of_caller()
        problems: list[Problem] = []
        self.trusted = texts_of(trusted, "ProxyHeaders: the trusted proxies", "127.0.0.1", where, problems)
        self.any = "*" in self.trusted
        self._unix = "unix" in self.trusted
        self._networks: list[IPv4Network | IPv6Network] = []
        for entry in self.trusted:
            if entry not in ("*", "unix"):
                self._take(entry, problems)
        self._fields = texts_of(fields, "ProxyHeaders: the fields", "for", where, problems)
        problems += _check_names(headers, self._fields, where)
        if hops is not None and (type(hops) is not int or not 0 < hops <= HOPS_MAX):
            what = f"ProxyHeaders: hops is a number of proxies from 1 to {HOPS_MAX}, not {hops!r}"
            problems.append(Problem(what, where, "count the proxies in front of the server"))
        if self.any and hops is None:
            # SECURITY: the walk would end at the first entry, which any client may write.
            what = 'ProxyHeaders: trusting "*" believes what clients write themselves'
            problems.append(Problem(what, where, 'name the networks, or say how many proxies there are: ["*"], hops=1'))
        if problems:
            raise ConfigurationError(problems)
        self._kind = headers
        self._address_field = "forwarded" if headers == "forwarded" else "x-forwarded-for"
        self._hops = HOPS_MAX if hops is None else hops
        # PERF: clients come again, and reading what is told of one costs 20 µs.
        self._read_again = lru_cache(maxsize=512)(self._read)

    def __repr__(self) -> str:
        return f"ProxyHeaders({list(self.trusted)!r})"

    def find_risks(self) -> Iterator[Risk]:
        """Networks that hold clients too."""
        if self.any or any(network.prefixlen == 0 for network in self._networks):
            what = "ProxyHeaders trusts every address: who gets past the proxy chooses an address"
            yield Risk(what, "name the proxies' addresses or networks", "medium", self._where)

    def _before(self, request: Request) -> None:
        named = [pair for pair in request.headers.pairs() if pair[0].startswith(_PREFIXES) and _is_forwarding(pair[0])]
        if _is_dropped(self._address_field, request) and self._address_field not in request.headers:
            named.append((self._address_field, ""))
        if not named:
            return
        peer = request.client[0] if request.client is not None else ""
        # SECURITY: what is remembered of what clients send is bounded in number and length.
        is_short = sum(len(name) + len(value) for name, value in named) <= _REMEMBERED_MAX
        (self._read_again if is_short else self._read)(peer, tuple(named)).apply(request)

    def _read(self, peer: str, named: Iterable[tuple[str, str]]) -> Told:
        """What a peer tells by these fields; of one that isn't trusted, that all of them are to be left out."""
        names = frozenset(name for name, _ in named)
        if not self._trusts_peer(peer):
            return Told(names)
        told = Told(frozenset(name for name in names if name.replace("_", "-") in _ROUTING))
        headers = Headers(named)
        if self._kind == "forwarded":
            self._read_forwarded(headers, told)
        else:
            self._read_x_forwarded(headers, told)
        return told

    def _trusts_peer(self, peer: str) -> bool:
        if not peer or peer.startswith(("unix:", "/")):
            return self._unix
        return self._trusts(peer.partition("%")[0])

    def _trusts(self, host: str) -> bool:
        address = parse_ip(host)
        return self.any or (address is not None and any(address in network for network in self._networks))

    def _read_forwarded(self, headers: Headers, told: Told) -> None:
        hops = read_forwarded(headers)
        for hop in hops[: -self._walk([hop.node for hop in hops], told) - 1 : -1]:
            self._believe(hop, told)

    def _read_x_forwarded(self, headers: Headers, told: Told) -> None:
        hops = self._walk(listed(headers, "x-forwarded-for"), told)
        proto, host = (nearest(listed(headers, f"x-forwarded-{name}"), hops) for name in ("proto", "host"))
        self._believe(Hop("", proto, host), told)
        if "port" in self._fields:
            told.set_port(nearest(listed(headers, "x-forwarded-port"), hops))
        if "prefix" in self._fields:
            told.set_prefix(nearest(listed(headers, "x-forwarded-prefix"), hops))

    def _walk(self, nodes: list[str], told: Told) -> int:
        """Go from the peer outwards while those who speak are trusted; how many entries were written by such."""
        walked = 0
        for text in reversed(nodes):
            walked += 1
            node = parse_node(text)
            if "for" in self._fields:
                told.set_client(node)
            if node is None:
                break
            if walked == self._hops or not self._trusts(node[0]):
                break
        return walked

    def _believe(self, hop: Hop, told: Told) -> None:
        if "proto" in self._fields:
            told.set_scheme(hop.proto)
        if "host" in self._fields and hop.host:
            told.set_host(hop.host)

    def _take(self, entry: str, problems: list[Problem]) -> None:
        try:
            self._networks.append(ip_network(entry))
        except ValueError:
            what = f"ProxyHeaders: {entry[:60]!a} is no address or network"
            problems.append(Problem(what, self._where, _network_near(entry)))


def _network_near(entry: str) -> str:
    """What to write instead of a text that is no network."""
    try:
        return f"the network of that address is written '{ip_network(entry, strict=False)}'"
    except ValueError:
        return 'one looks like "10.0.0.0/8", "127.0.0.1", "fd00::/8" or "unix"'


def _is_dropped(name: str, request: Request) -> bool:
    """Whether a field came and the server has left out its value.

    SECURITY: Granian 2.8 does so under RSGI with what isn't ASCII. A client that sends such a text, to which its proxy
    adds the address, would have the proxy's own; under WSGI the value is "" then.
    """
    if request.carrier.protocol != "rsgi":
        return False
    sent = request.raw.headers
    return name in sent and not sent.get_all(name)


def _is_forwarding(name: str) -> bool:
    """Whether only a proxy may say this; also in a spelling that WSGI can't tell from it (CVE-2026-3902)."""
    name = name.replace("_", "-")
    return name in _ROUTING or name.startswith("x-forwarded-")


def _check_names(kind: str, fields: Iterable[str], where: Location) -> Iterator[Problem]:
    if kind not in _KINDS:
        near = difflib.get_close_matches(str(kind).lower(), _KINDS, n=1)
        fix = f"did you mean {near[0]!r}?" if near else 'there are "x-forwarded" and "forwarded"'
        yield Problem(f"ProxyHeaders: there is no kind of headers {str(kind)[:60]!a}", where, fix)
    for field in fields:
        if field not in _FIELDS or (kind == "forwarded" and field in ("port", "prefix")):
            known = _FIELDS[:3] if kind == "forwarded" else _FIELDS
            name = field.lower().removeprefix("x-forwarded-")
            near = [] if name in _FIELDS else difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            yield Problem(f"ProxyHeaders: {kind} has no field {field[:60]!a}", where, fix)
