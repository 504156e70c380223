"""Serves the members' site; run with a port and the origin whose pages may read its API."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

if __name__ == "__main__":
    from examples.members.app import build

    port, reader = sys.argv[1:]
    build(f"http://localhost:{port}", readers=(reader,)).run(host="localhost", port=int(port), log_level="error")
