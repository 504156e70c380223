"""Serves the tour as `make demo` does; run with a port."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

if __name__ == "__main__":
    sys.argv[1:] = ["--memory", "--port", sys.argv[1]]
    from examples.tour.__main__ import main

    main()
