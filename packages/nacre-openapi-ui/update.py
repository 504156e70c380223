"""Fetch the pinned npm packages and write the files that are shipped; with `--check` only compare.

It needs `npm`, which fetches; what it fetched is compared with the hash below, and nothing of it is run. For a newer
release, change `version` and `integrity` (`npm view NAME@VERSION dist.integrity`) here and the version in
pyproject.toml; tests/browser shows whether the page's policy still suits it.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CHECKSUMS = HERE / "CHECKSUMS"
FILES = Path("src", "nacre_openapi_ui", "files")
LICENSES = Path("licenses")


@dataclass(frozen=True)
class Source:
    """A release on npm; `files` and `licenses` map our names to those in the tarball."""

    name: str
    version: str
    integrity: str
    files: dict[str, str]
    licenses: dict[str, str]


SOURCES = [
    Source(
        "swagger-ui-dist",
        "5.35.0",
        "sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
        {
            "swagger-ui.js": "swagger-ui-bundle.js",
            "swagger-ui.css": "swagger-ui.css",
            "swagger-ui.png": "favicon-32x32.png",
        },
        {
            "swagger-ui/LICENSE": "LICENSE",
            "swagger-ui/NOTICE": "NOTICE",
            "swagger-ui/swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
        },
    ),
    Source(
        "@stoplight/elements",
        "9.0.25",
        "sha512-rDbNsgSCNo74lyV57cBzym+8F68/R2j7UPq4r3w5qK608vX8APNJhTq+2MkbTjsM3bUhFIoRdI225tlI85KpCA==",
        {"elements.js": "web-components.min.js", "elements.css": "styles.min.css"},
        {
            "elements/LICENSE": "LICENSE",
            "elements/web-components.min.js.LICENSE.txt": "web-components.min.js.LICENSE.txt",
        },
    ),
]


class Mismatch(Exception):
    """What was fetched, or what lies here, is not what is pinned."""


def fetch(source: Source) -> bytes:
    """Let npm download the tarball; raises Mismatch unless it has the pinned hash."""
    release = f"{source.name}@{source.version}"
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, release]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - all of it is written here
        (path,) = Path(folder).iterdir()
        tarball = path.read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    if found != source.integrity:
        raise Mismatch(f"npm's {release} has the integrity\n  {found}, and pinned is\n  {source.integrity}")
    return tarball


def contents(source: Source, tarball: bytes) -> Iterator[tuple[Path, bytes]]:
    """The shipped files of a tarball, by their paths here, not compressed."""
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
        for folder, names in ((FILES, source.files), (LICENSES, source.licenses)):
            for ours, theirs in names.items():
                member = archive.extractfile(f"package/{theirs}")
                if member is None:
                    raise Mismatch(f"{theirs} of {source.name} {source.version} is no file")
                yield folder / ours, member.read()


def write(fetched: list[tuple[Source, dict[Path, bytes]]]) -> None:
    lines = ["# Written by update.py. Check with: sha256sum -c CHECKSUMS"]
    for source, files in fetched:
        lines.append(f"# npm {source.name} {source.version} {source.integrity}")
        for path, content in files.items():
            # Without a time the same content gives the same file.
            content = gzip.compress(content, 9, mtime=0) if is_compressed(path) else content
            target = HERE / shipped(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {shipped(path).as_posix()}")
    CHECKSUMS.write_text("\n".join([*lines, ""]), encoding="utf-8")


def check(fetched: list[tuple[Source, dict[Path, bytes]]]) -> None:
    """Compare what lies here, as it is when decompressed: another zlib may compress the same content differently."""
    for source, files in fetched:
        for path, content in files.items():
            found = (HERE / shipped(path)).read_bytes()
            if (gzip.decompress(found) if is_compressed(path) else found) != content:
                raise Mismatch(f"{shipped(path)} differs from {source.name} {source.version}")


def is_compressed(path: Path) -> bool:
    return path.parent == FILES


def shipped(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz") if is_compressed(path) else path


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetch the pinned npm packages and write the files that are shipped.")
    parser.add_argument("--check", action="store_true", help="write nothing; compare with what is here")
    options = parser.parse_args()
    try:
        # Everything is fetched and compared with its pin before the first file is written.
        fetched = [(source, dict(contents(source, fetch(source)))) for source in SOURCES]
        (check if options.check else write)(fetched)
    except (Mismatch, OSError, KeyError, tarfile.TarError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"update.py: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
