"""The JSON seam: one encoder and one decoder for the whole framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


def _encode_foreign(value: object) -> object:
    dump = getattr(value, "model_dump", None)  # pydantic's models, without importing pydantic
    if dump is not None:
        return dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__qualname__} has no JSON form; return a dict, a dataclass, a Struct or a model")


_decode = msgspec.json.Decoder().decode

encode_json: Callable[[object], bytes] = msgspec.json.Encoder(enc_hook=_encode_foreign).encode
"""Encode to compact UTF-8 JSON (RFC 8259).

Takes what msgspec takes (dict, list, str, numbers, datetime, UUID, Enum, dataclass, Struct, attrs) and pydantic models.
Raises TypeError for anything else, NaN and infinities become null.
"""


def decode_json(data: bytes | str) -> Any:
    """Decode one JSON text; raises ValueError for anything malformed, too deep included."""
    try:
        return _decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
