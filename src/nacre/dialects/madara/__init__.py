"""Madara: programs written for it run when `madara` in their import lines is replaced by `nacre.dialects.madara`.

Its request is Werkzeug's, so that library is needed: the extra `nacre[madara]`.
"""

from __future__ import annotations

from nacre.errors import MissingExtra

try:
    import werkzeug as _werkzeug  # noqa: F401 - the modules of this package are made of it
except ImportError:
    raise MissingExtra("the Madara dialect", "madara") from None

from nacre.dialects.madara.middleware import layer

__all__ = ["layer"]
