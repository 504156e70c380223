"""A program as a table: what is asked of an application, and all that must be seen of its answer."""

import importlib.util
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

APPS = Path(__file__).parent / "apps"


def load(name: str) -> ModuleType:
    """Run a program of `apps` afresh, so that no test sees what another one left in it."""
    spec = importlib.util.spec_from_file_location(name, APPS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Ask:
    """A request and its answer. `text`, `data` (JSON) and `body` are compared when given; `printed` always is.

    In `headers` a str must be equal, a compiled expression must match, a list names all fields of the name, and None
    says that there is none. `lacks` is a word that stands nowhere in the body.
    """

    request: str
    status: int = 200
    text: str | None = None
    data: Any = ...
    body: bytes | None = None
    type: str | None = None
    headers: dict[str, str | re.Pattern[str] | list[str] | None] = field(default_factory=dict)
    printed: str = ""
    sent: dict[str, Any] = field(default_factory=dict)
    """Further options of the client's `request`: `headers`, `json`, `form`, `content`."""

    async def put_to(self, client: Any) -> Any:
        """Send the request and compare everything but what was printed."""
        method, _, path = self.request.partition(" ")
        response = await client.request(method, path, **self.sent)
        assert response.status == self.status, response.body
        if self.text is not None:
            assert response.text == self.text
        if self.data is not ...:
            assert response.json() == self.data
        if self.body is not None:
            assert response.body == self.body
        headers = self.headers if self.type is None else {"content-type": self.type, **self.headers}
        for name, expected in headers.items():
            self._compare(name, response.headers.getlist(name), expected)
        return response

    def _compare(self, name: str, found: list[str], expected: str | re.Pattern[str] | list[str] | None) -> None:
        match expected:
            case None:
                assert found == [], name
            case str():
                assert found == [expected], name
            case list():
                assert found == expected, name
            case _:
                assert len(found) == 1, name
                assert expected.fullmatch(found[0]), f"{name}: {found[0]}"
