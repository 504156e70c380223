"""`python -m nacre`: the same as the command `nacre`."""

from nacre.cli import main

main(prog_name="python -m nacre")
