"""What the README shows of a terminal is what a terminal shows."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_chain_is_the_one_that_is_printed():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command, shown), *_ = re.findall(r"^```console\n\$ nacre (chain .*)\n((?:.|\n)*?)^```$", readme, re.MULTILINE)
    words = [sys.executable, "-m", "nacre", *shlex.split(command)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.rstrip() == shown.rstrip()
