"""What holds for every file of the repository."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Tools put their files here; none of them is ours.
NOT_OURS = {".git", ".venv", ".cache", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}
NOT_OURS_AT_THE_TOP = {"build", "dist", "site", "mutants"}

# A name like these means that the concept has not been found yet.
NAMES_FOR_NOTHING = {"utils", "helpers", "common", "base"}

# What programs of the originals import by such a name.
NAMED_BY_OTHERS = {"src/nacre/dialects/madara/utils", "src/nacre/dialects/microdot/helpers"}

MACHINE_PATH = re.compile(
    r"""(?<![\w.<>}-])(?:
        /(?:home|Users)/[\w-]+/[.\w]     # somebody's files
        | /root/\.                       # and the administrator's
        | /(?:tmp|opt)/[\w-]             # what only one machine has there
        | [A-Za-z]:\\Users\\
    )""",
    re.VERBOSE,
)


def our_files(folder: Path = ROOT) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS or (folder == ROOT and path.name in NOT_OURS_AT_THE_TOP) or path.is_symlink():
            continue
        if path.is_dir():
            yield from our_files(path)
        else:
            yield path


def test_no_module_is_named_for_nothing():
    modules = [path.relative_to(ROOT).with_suffix("") for path in our_files() if path.suffix == ".py"]
    wrong = {str(module) for module in modules if NAMES_FOR_NOTHING & {part.strip("_") for part in module.parts}}
    assert wrong - NAMED_BY_OTHERS == set(), "name these after the one thing they are about"


def test_no_file_names_a_path_of_one_machine():
    checkout = f"{ROOT}/" if len(ROOT.parts) > 2 else None  # a checkout at `/app` looks like a URL
    wrong = []
    for path in our_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # not text
        for number, line in enumerate(lines, 1):
            if MACHINE_PATH.search(line) or (checkout and checkout in line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert wrong == []


def test_readme_shows_how_to_try_and_to_test():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme
    assert "make test" in readme
