"""Routing: path patterns, the table that finds a route, and URLs from names."""

from nacre.routing.converters import NO_MATCH, Arguments, Converter, Converters, NoMatch
from nacre.routing.hosts import HostPattern, HostVariable, normalize_host, parse_host
from nacre.routing.parts import Variable
from nacre.routing.pattern import BuildError, PathPattern, Segment, join, parse_pattern
from nacre.routing.reverse import BuiltURL, NamedRoute, Names
from nacre.routing.tree import (
    ANY_METHOD,
    Found,
    Match,
    OtherSlash,
    RouteEntry,
    Router,
    Slashes,
    Unknown,
    WrongMethod,
)

__all__ = (
    "ANY_METHOD",
    "NO_MATCH",
    "Arguments",
    "BuildError",
    "BuiltURL",
    "Converter",
    "Converters",
    "Found",
    "HostPattern",
    "HostVariable",
    "Match",
    "NamedRoute",
    "Names",
    "NoMatch",
    "OtherSlash",
    "PathPattern",
    "RouteEntry",
    "Router",
    "Segment",
    "Slashes",
    "Unknown",
    "Variable",
    "WrongMethod",
    "join",
    "normalize_host",
    "parse_host",
    "parse_pattern",
)
