"""Rapidy's programs on Nacre: replace `rapidy` in their import lines by `nacre.dialects.rapidy`."""

from nacre.dialects.rapidy.streams import StreamReader as StreamReader
from nacre.dialects.rapidy.web_app import Rapidy as Rapidy
from nacre.dialects.rapidy.web_app import run_app as run_app
from nacre.dialects.rapidy.web_middlewares import middleware as middleware
from nacre.dialects.rapidy.web_request import Request as Request

__version__ = "1.1.2"

layer = middleware
"""A middleware of this dialect, for any list of layers."""
