"""What the environment says of an application: `APP_ENV`, `APP_SHOW_ERROR_DETAILS` and others."""

from __future__ import annotations

import os


def get_env() -> str:
    """The name of the environment: that of `APP_ENV`, "production" without it."""
    return os.environ.get("APP_ENV", "production").lower()


def is_development() -> bool:
    return get_env() in ("local", "dev", "development")


def is_production() -> bool:
    return get_env() in ("prod", "production")


def is_set(name: str, *, default: bool = False) -> bool:
    """Whether a variable of the environment says yes."""
    return os.environ.get(name, str(default)).lower() in ("1", "true")


def get_global_route_prefix() -> str:
    """The prefix of all routes, from `APP_ROUTE_PREFIX`: with a slash before it and none behind it."""
    prefix = os.environ.get("APP_ROUTE_PREFIX", "").strip("/")
    return f"/{prefix}" if prefix else ""
