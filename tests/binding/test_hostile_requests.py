"""Requests that mean harm, against one handler per kind of input: a clear 4xx, nothing of theirs in the answer."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from dataclasses import dataclass
from typing import Annotated, Any

import attrs
import msgspec
import pydantic
import pytest

from nacre import Body, Cookie, Form, Header, Nacre, Query


class Inner(msgspec.Struct):
    price: float
    name: str


class Outer(msgspec.Struct):
    items: list[Inner]
    total: int


@dataclass
class DataInner:
    price: float
    name: str


@dataclass
class DataOuter:
    items: list[DataInner]
    total: int


@attrs.define
class AttrsOuter:
    items: list[DataInner]
    total: int


class ModelInner(pydantic.BaseModel):
    price: float = pydantic.Field(allow_inf_nan=False)
    name: str


class ModelOuter(pydantic.BaseModel):
    items: list[ModelInner]
    total: int


MODELS: dict[str, Any] = {
    "struct": Outer,
    "dataclass": DataOuter,
    "attrs": AttrsOuter,
    "pydantic": ModelOuter,
    "dict": dict[str, list[int]],
}

DEEP = 100_000
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "NUL": b"\0",
    "half": b'{"items": [',
    "a long number": b'{"items": [], "total": ' + b"9" * 5000 + b"}",
    "a huge exponent": b'{"items": [], "total": 1e999999999}',
    "NaN": b'{"items": [{"price": NaN, "name": "a"}], "total": 1}',
    "Infinity": b'{"items": [{"price": Infinity, "name": "a"}], "total": 1}',
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"items":' * DEEP + b"1" + b"}" * DEEP,
    "many wrong items": b'{"items": [' + b"7," * 100_000 + b'7], "total": "x"}',
    "UTF-16": '{"items": [], "total": 1}'.encode("utf-16"),
    "latin-1": '{"items": [{"price": 1, "name": "é"}], "total": 1}'.encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf" + b'{"items": [], "total": 1}',
    "a lone surrogate": b'{"items": [{"price": "\\ud800", "name": 7}], "total": "\\udfff"}',
    "an open text after a long number": b'[1e999,"' + b'\\"' * 200_000,
    "keys twice, both wrong": b'{"items": 1, "items": 2, "total": "a", "total": "b"}',
}


def app() -> Nacre:
    app = Nacre(max_body=None)
    for name, model in MODELS.items():

        async def take(value):
            return "taken"

        take.__annotations__["value"] = Annotated[model, Body()]
        app.post(f"/{name}")(take)
    return app


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_hostile_body_is_refused(client_for, model, body):
    async with client_for(app()) as client:
        response = await client.post(f"/{model}", content=body, headers={"content-type": "application/json"})
    assert response.status in (400, 422), response.text[:200]
    assert len(response.body) < 100_000
    if response.status == 422:
        assert all(set(error) <= {"loc", "msg", "type", "ctx"} for error in response.json()["errors"])


TYPES: dict[str, Any] = {
    "int": int,
    "float": float,
    "Decimal": decimal.Decimal,
    "bool": bool,
    "UUID": uuid.UUID,
    "date": datetime.date,
    "datetime": datetime.datetime,
    "time": datetime.time,
    "timedelta": datetime.timedelta,
    "list": list[int],
}

TEXTS = {
    "a long number": "9" * 5000,
    "NaN": "nan",
    "Infinity": "-inf",
    "a huge exponent": "1e999999999",
    "NUL": "%00",
    "a replacement character": "%ff",
    "a surrogate": "%ed%a0%80",
    "digits of another script": "%d9%a5",
    "underscores": "1_000",
    "spaces": "%201%20",
    "hexadecimal": "0x1",
    "year 0": "0000-01-01",
    "year 10000": "10000-01-01T00:00:00",
    "a long duration": "P" + "9" * 400 + "D",
    "markup": "<script>alert(1)</script>",
}


@pytest.mark.parametrize("kind", TYPES)
async def test_hostile_text_is_refused_from_every_source(client_for, kind):
    app = Nacre()
    annotation = TYPES[kind]

    for name, mark in {"query": Query(), "header": Header(), "cookie": Cookie(), "form": Form()}.items():

        async def take(value):
            return json.dumps(str(value))

        take.__annotations__["value"] = Annotated[annotation, mark]
        app.post(f"/{name}")(take)
    if kind != "list":

        async def take_path(value):
            return json.dumps(str(value))

        take_path.__annotations__["value"] = annotation
        app.get("/path/<value>")(take_path)

    form = {"content-type": "application/x-www-form-urlencoded"}
    async with client_for(app) as client:
        for label, text in TEXTS.items():
            plain = text if "%" not in text else "\x7f"
            answers = [
                await client.post(f"/query?value={text}"),
                await client.post("/header", headers={"value": plain}),
                await client.post("/cookie", headers={"cookie": f"value={plain}"}),
                await client.post("/form", content=f"value={text}".encode(), headers=form),
            ]
            if kind != "list":
                answers.append(await client.get(f"/path/{text.replace('/', '%2F')}"))
            for answer in answers:
                # `inf` and the like are no value of any type here; a long number is one of Decimal, within bounds.
                assert answer.status in (400, 404, 422) or kind == "Decimal", (label, answer, answer.text[:100])
                assert answer.status < 500
                assert "<script" not in answer.text
