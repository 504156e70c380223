"""The command `nacre`: run an application, and look at what it is made of.

The commands read `app.describe()` and `app.explain()`; nothing here is imported by `import nacre`.
"""

from nacre.cli.commands import main

__all__ = ["main"]
