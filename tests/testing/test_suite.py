"""What the suite's own conftest promises: tests that leave something behind fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = [
    pytest.param(
        "async def test_it():\n    test_it.task = asyncio.create_task(asyncio.sleep(60))",
        "left tasks behind",
        id="task",
    ),
    pytest.param(
        "async def test_it():\n"
        "    asyncio.get_running_loop().create_future().set_exception(KeyError('lost'))\n"
        "    await asyncio.sleep(0)",
        "exception was never retrieved",
        id="exception",
    ),
    pytest.param(
        "async def test_it():\n"
        "    app = Nacre()\n"
        "    @app.get('/')\n"
        "    async def block():\n"
        "        time.sleep(0.001)\n"
        "    assert (await TestClient(app).get('/')).status == 204",
        "Blocking call to time.sleep",
        id="blocking call",
    ),
]


@pytest.mark.parametrize(("test", "text"), FAULTS)
def test_faults_are_found(tmp_path, test, text):
    imports = "import asyncio, time\nfrom nacre import Nacre\nfrom nacre.testing import TestClient\n\n"
    (tmp_path / "test_it.py").write_text(imports + test)
    conftest = Path(__file__).parents[1] / "conftest.py"
    (tmp_path / "conftest.py").write_text(conftest.read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert text in result.stdout
