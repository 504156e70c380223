"""Microdot's names for WSGI; the application is the same one on every transport."""

from nacre.dialects.microdot import Microdot

__all__ = ["Microdot"]
