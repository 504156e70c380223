"""How JSON is written and read: for the whole process, as in BlackSheep."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nacre.codecs import decode_json, encode_json


def _pretty(value: object) -> str:
    return json.dumps(decode_json(encode_json(value)), indent=4, ensure_ascii=False)


class JSONSettings:
    """The functions that write and read JSON; `use` sets others, which take and give `str`."""

    def __init__(self) -> None:
        self.loads: Callable[[Any], Any] = decode_json
        self.pretty_dumps: Callable[[Any], str] = _pretty
        self.encode: Callable[[object], bytes] = encode_json

    def dumps(self, obj: object) -> str:
        return self.encode(obj).decode()

    def use(
        self,
        loads: Callable[[Any], Any] | None = None,
        dumps: Callable[[Any], str] | None = None,
        pretty_dumps: Callable[[Any], str] | None = None,
    ) -> None:
        """Set some of the functions, and the others to what they were from the beginning."""
        self.__init__()  # type: ignore[misc]
        self.loads = loads or self.loads
        self.pretty_dumps = pretty_dumps or self.pretty_dumps
        if dumps is not None:
            write = dumps
            self.encode = lambda value: write(value).encode()


json_settings = JSONSettings()
