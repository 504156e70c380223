"""Serve the members' site: `python -m examples.members`, on the port in `PORT`, 8000 by default."""

from __future__ import annotations

import os

from examples.members.app import build

if __name__ == "__main__":
    port = int(os.environ.get("PORT") or 8000)
    print(f"The members' site: http://localhost:{port}   (ada, mother of pearl; stop with Ctrl+C)", flush=True)
    build(f"http://localhost:{port}").run(host="localhost", port=port, log_level="error")
