"""What the applications of the view `stack` share: the site's data, and the log that all of them write to.

Each answers `GET /begin` (a session begins; the token against forged requests), `GET /cart` and `POST /cart` for who is
known, by a bearer token or by the session.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

LOG_VARIABLE = "BENCH_ACCESS_LOG"
"""The variable that names the file of the access log; without it nothing is kept."""

ORIGIN = "https://shop.example"
BEARER = "4f9d1c0a7e3b58d6240c9be17a6f5382"
REQUEST_ID = "7f3c2a10-55be-4c1e-9a3b-5f0d8e6b1c42"
SECRET = "Zk3vQ8sT1xW5yB7nD9fH2jL4mP6rU0cE"  # noqa: S105 -- it protects nothing
CART = (14, 92, 653)


@dataclass(frozen=True)
class User:
    """Who may see a cart."""

    id: str
    name: str


USERS = {"7": User("7", "Ada")}


def new_session() -> dict[str, Any]:
    """What a session holds when it has begun, besides what protects it."""
    return {"user": "7", "cart": list(CART), "locale": "en-GB", "seen": "2026-11-20T09:30:00Z"}


def access_logger(name: str) -> logging.Logger:
    """A logger that writes each message as one line, at once, to the file that the environment names."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        handler = logging.FileHandler(os.environ.get(LOG_VARIABLE, os.devnull), encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return logger
