"""JSON decoded once more without a type: when it was refused, or has to be looked at before."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from nacre.binding.faults import NOT_JSON, TOO_DEEP, TooLarge
from nacre.errors import BadRequest

# A text, which is left alone, or an integer that is longer than `int` takes.
# SECURITY: what isn't JSON comes here too. A text that nobody closes reaches to the end, and every repetition is
# possessive, so that no byte is looked at again from each place before it.
_LONG_INTEGER = re.compile(rb'("(?:[^"\\]++|\\.)*+"?)|(?<![0-9.eE+-])(-?[0-9]{4301,}+)(?![0-9.eE])', re.DOTALL)
_decode = msgspec.json.Decoder().decode


def decode_untyped(data: bytes) -> Any:
    """Decode JSON to plain data; numbers that no float or int holds become `TooLarge`.

    Raises BadRequest if it isn't JSON, or is nested too deeply.
    """
    try:
        return _decode(data)
    except msgspec.ValidationError:
        pass  # a number is out of range
    except RecursionError:
        raise BadRequest(TOO_DEEP) from None
    except (msgspec.DecodeError, ValueError):
        raise BadRequest(NOT_JSON) from None
    try:
        short = _LONG_INTEGER.sub(lambda found: found[1] or b"1e99999", bytes(data))
        return msgspec.json.Decoder(float_hook=_float).decode(short)
    except RecursionError:
        raise BadRequest(TOO_DEEP) from None
    except (msgspec.DecodeError, ValueError):
        raise BadRequest(NOT_JSON) from None


def _float(text: str) -> Any:
    value = float(text)
    return TooLarge(text) if value in (float("inf"), float("-inf")) else value
