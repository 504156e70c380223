"""Madara: programs written for it run when `madara` in their import lines is replaced by `nacre.dialects.madara`.

Its request is Werkzeug's, so that library is needed: the extra `nacre[madara]`.
"""

from __future__ import annotations

from importlib.util import find_spec

from nacre.errors import MissingExtra

if find_spec("werkzeug") is None:
    raise MissingExtra("the Madara dialect", "madara")

from nacre.dialects.madara.middleware import layer

__all__ = ["layer"]
