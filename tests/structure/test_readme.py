"""The README's programs are files, and so are run and checked like every other file."""

import difflib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def readme_programs() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)


def test_first_program_is_the_hello_example():
    example = (ROOT / "examples" / "hello.py").read_text(encoding="utf-8").splitlines()
    shown = readme_programs()[0].splitlines()
    difference = difflib.unified_diff(example, shown, "examples/hello.py", "README.md", lineterm="")
    assert "\n".join(difference) == ""


def test_every_program_is_an_example():
    examples = {path.read_text(encoding="utf-8") for path in (ROOT / "examples").rglob("*.py")}
    unknown = [program for program in readme_programs() if program not in examples]
    assert unknown == [], "put these into files under examples/, and the same text into README.md"
