"""The example applications: a walk through each on every transport, its document, and what schemathesis makes of it."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from examples.birds.app import build as build_birds
from examples.clinic.app import build as build_clinic
from examples.shop.app import build as build_shop
from examples.tracker.app import build as build_tracker
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

from nacre import Nacre
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

BUILDERS: dict[str, Callable[[], Nacre]] = {
    "shop": build_shop,
    "tracker": build_tracker,
    "clinic": build_clinic,
    "birds": build_birds,
}
TOKENS = [("shop", "keeper"), ("tracker", "ada"), ("clinic", "desk-1"), ("clinic", "doctor-1"), ("birds", "rachel")]


class Walker:
    """Somebody who uses an API, and looks at the status of each answer."""

    def __init__(self, client: TestClient, token: str | None = None) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    async def __call__(self, request: str, status: int = 200, **options: Any) -> Any:
        method, path = request.split(" ")
        headers = {**self._headers, **options.pop("headers", {})}
        response = await self._client.request(method, path, headers=headers, **options)
        assert response.status == status, f"{request}: {response.status} {response.body!r}"
        self.headers = response.headers
        kind = response.headers.get("content-type", "")
        return response.json() if kind == "application/json" else response.body.decode("utf-8", "replace")


def problems(answer: Any) -> list[tuple[str, str]]:
    """The places and types of the errors of a 422."""
    return [(".".join(map(str, error["loc"])), error["type"]) for error in answer["errors"]]


async def test_shop(client_for: ClientFor, tmp_path: Any) -> None:
    async with client_for(build_shop(str(tmp_path / "shop.sqlite"))) as client:
        anybody, reader, keeper = Walker(client), Walker(client, "reader"), Walker(client, "keeper")

        found = await anybody("GET /books?subject=computing&subject=fiction&max_price=1000&sort=-year&limit=2")
        assert (found["total"], [book["year"] for book in found["books"]]) == (3, [1979, 1951])
        bad = await anybody("GET /books?max_price=-1&sort=size&limit=1000&extra=1", 422)
        assert {place for place, _ in problems(bad)} == {"query.max_price", "query.sort", "query.limit", "query.extra"}
        assert (await anybody("GET /books/opticks"))["author"] == "Isaac Newton"
        assert await anybody("GET /books/nothing", 404) == {"problem": "there is no such book"}
        assert await anybody("GET /nowhere", 404) == {"problem": "there is nothing here"}
        similar = await anybody("GET /books/opticks/similar?limit=2")
        assert [book["sku"] for book in similar] == ["principia", "electricity-and-magnetism"]
        assert {"subject": "geology", "books": 1} in await anybody("GET /subjects")
        assert await anybody("GET /authors?letter=K") == ["Karl Marx"]
        assert problems(await anybody("GET /authors?letter=k", 422)) == [("query.letter", "string_pattern_mismatch")]

        await anybody("GET /basket", 401)
        await Walker(client, "nobody")("GET /basket", 401)
        bad = await anybody("GET /basket", 422, headers={"authorization": "Basic YTpi"})
        assert problems(bad) == [("header.authorization", "string_pattern_mismatch")]

        review = {"stars": 5, "text": "Bright."}
        await anybody("POST /books/opticks/reviews", 401, json=review)
        assert (await reader("POST /books/opticks/reviews", 201, json=review))["reviewer"] == "Reader"
        await reader("POST /books/opticks/reviews", 409, json=review)
        bad = await reader("POST /books/opticks/reviews", 422, json={"stars": 6, "text": 1})
        assert sorted(problems(bad)) == [("body.stars", "less_than_equal"), ("body.text", "string_type")]
        assert (await anybody("GET /books/opticks"))["rating"] == 5
        assert len(await anybody("GET /books/opticks/reviews")) == 1

        customer = {"name": "Åsa", "email": "asa@shop.example", "password": "mother of pearl"}
        assert (await anybody("POST /accounts", 201, json=customer))["name"] == "Åsa"
        await anybody("POST /accounts", 409, json=customer)
        form = {"email": customer["email"], "password": customer["password"]}
        await anybody("POST /sessions", 403, form={**form, "password": "guess"})
        await anybody("POST /sessions", 415, json=form)
        token = (await anybody("POST /sessions", 201, form=form))["token"]
        assert anybody.headers["cache-control"] == "no-store"
        asa = Walker(client, token)
        assert "is_staff" not in await asa("GET /account")
        assert (await asa("PATCH /account", json={"name": "Åsa B."}))["email"] == customer["email"]
        await asa("PATCH /account", 409, json={"email": "reader@shop.example"})

        await asa("POST /orders", 409, json={"address": {"street": "Hamnen 1", "town": "Visby", "country": "SE"}})
        await asa("PUT /basket/opticks", json={"quantity": 2})
        basket = await asa("PUT /basket/flatland", json={"quantity": 1})
        assert (len(basket["lines"]), basket["total"]) == (2, 2 * 2650 + 890)
        await asa("DELETE /basket/flatland", 204)
        checkout = {"address": {"street": "Hamnen 1", "town": "Visby", "country": "SE"}, "note": "Ring twice."}
        key = {"idempotency-key": "12345678-1234-5678-1234-567812345678"}
        order = await asa("POST /orders", 201, json=checkout, headers=key)
        assert asa.headers["location"] == f"/orders/{order['number']}"
        assert await asa("POST /orders", 201, json=checkout, headers=key) == order
        assert (await anybody("GET /books/opticks"))["stock"] == 3
        bad = await asa("POST /orders", 422, json={"address": {"street": "", "country": "se"}}, headers={**key})
        assert {place for place, _ in problems(bad)} == {
            "body.address.street",
            "body.address.town",
            "body.address.country",
        }
        path = f"/orders/{order['number']}"
        assert await asa(f"GET {path}") == order
        await reader(f"GET {path}", 404)
        assert "2 × Opticks" in await asa(f"GET {path}/invoice")
        assert [one["number"] for one in await asa("GET /orders?status=new&since=2020-01-01T00:00:00Z")] == [1]

        await asa("GET /staff/figures", 403)
        await keeper("PUT /staff/orders/1/status", 409, json={"status": "sent"})
        assert (await keeper("PUT /staff/orders/1/status", json={"status": "paid"}))["status"] == "paid"
        assert (await keeper("GET /staff/figures"))["earned"] == 5300
        assert (await asa(f"POST {path}/cancel"))["status"] == "cancelled"
        await asa(f"POST {path}/cancel", 409)
        assert (await anybody("GET /books/opticks"))["stock"] == 5
        assert len(await keeper("GET /staff/orders?since=0001-01-01T00:00:00%2B23:59")) == 1
        book = {"sku": "elements", "title": "Elements", "author": "Euclid", "year": 1482, "price": 2500}
        await keeper("POST /staff/books", 201, json={**book, "subject": "mathematics"})
        assert keeper.headers["location"] == "/books/elements"
        assert (await keeper("PATCH /staff/books/elements", json={"price": 2400}))["price"] == 2400
        await keeper("POST /staff/books/elements/stock", 409, json={"change": -1})
        assert (await keeper("POST /staff/books/elements/stock", json={"change": 3}))["stock"] == 3

        await asa("DELETE /basket", 204)
        await asa("DELETE /sessions", 204)
        await asa("GET /account", 401)
        await reader("DELETE /sessions", 204)
        await reader("GET /basket")


async def test_tracker(client_for: ClientFor) -> None:
    async with client_for(build_tracker()) as client:
        anybody, ada, grace = Walker(client), Walker(client, "ada"), Walker(client, "grace")

        assert [one["key"] for one in await anybody("GET /projects")] == ["FERRY", "TIDE"]
        assert (await anybody("GET /projects/FERRY"))["open"] == 5
        await anybody("GET /projects/NOPE", 404)
        bad = await anybody("GET /projects/nope", 422)
        assert problems(bad) == [("path.key", "string_pattern_mismatch")]
        found = await anybody("GET /projects/FERRY/issues?label=bug&label=displays&sort=priority")
        assert [one["number"] for one in found["issues"]] == [2]
        found = await anybody("GET /projects/FERRY/issues?state=open&priority=high&priority=urgent&per_page=2")
        assert (found["total"], len(found["issues"])) == (3, 2)
        bad = await anybody("GET /projects/FERRY/issues?state=new&page=0&priority=top&colour=red", 422)
        assert {place for place, _ in problems(bad)} == {
            "query.state",
            "query.page",
            "query.priority.0",
            "query.colour",
        }
        assert (await anybody("GET /search?q=midnight"))["total"] == 1

        issue = {"title": "Gangway lamp flickers", "labels": ["bug"], "priority": "low"}
        await anybody("POST /projects/FERRY/issues", 401, json=issue)
        opened = await grace("POST /projects/FERRY/issues", 201, json=issue)
        assert grace.headers["location"] == "/projects/FERRY/issues/8"
        assert (opened["reporter"], opened["state"], opened["priority"]) == ("grace", "open", "low")
        await grace("POST /projects/FERRY/issues", 409, json={**issue, "labels": ["unknown"]})
        bad = await grace("POST /projects/FERRY/issues", 422, json={"labels": ["Bug", 3]})
        assert {place for place, _ in problems(bad)} == {"body.title", "body.labels.0", "body.labels.1"}

        path = "/projects/FERRY/issues/8"
        changed = await grace(f"PATCH {path}", json={"text": "At pier 2.", "milestone": 1})
        assert (changed["title"], changed["text"], changed["milestone"]) == (issue["title"], "At pier 2.", 1)
        assert (await grace(f"PATCH {path}", json={"milestone": None}))["milestone"] is None
        await grace(f"PATCH {path}", 409, json={"milestone": 99})
        assert (await grace(f"PUT {path}/assignee/ada"))["assignee"] == "ada"
        await grace(f"PUT {path}/assignee/nobody", 404)
        assert (await grace(f"PUT {path}/labels/displays"))["labels"] == ["bug", "displays"]
        assert (await grace(f"DELETE {path}/labels/bug"))["labels"] == ["displays"]
        assert 8 in [one["number"] for one in (await ada("GET /me/issues"))["FERRY"]]
        assert (await grace(f"DELETE {path}/assignee"))["assignee"] is None
        assert (await grace(f"POST {path}/close", json={"resolution": "wontfix"}))["resolution"] == "wontfix"
        await grace(f"POST {path}/close", 409, json={})
        assert (await grace(f"POST {path}/reopen"))["state"] == "open"

        comment = await grace(f"POST {path}/comments", 201, json={"text": "It is the fuse."})
        await ada(f"POST {path}/comments", 201, json={"text": "Seen."})
        assert [one["author"] for one in await anybody(f"GET {path}/comments")] == ["grace", "ada"]
        assert (await grace(f"PATCH /comments/{comment['id']}", json={"text": "Fused."}))["edited"] is True
        await Walker(client, "edsger")(f"DELETE /comments/{comment['id']}", 404)
        await ada(f"DELETE /comments/{comment['id']}", 204)
        assert (await anybody(f"GET {path}"))["comments"] == 1

        changes = [
            {"type": "close", "issue": 1},
            {"type": "assign", "issue": 3, "to": "edsger"},
            {"type": "label", "issue": 3, "label": "bug"},
        ]
        changed = await ada("POST /projects/FERRY/batch", json={"changes": changes})
        assert [(one["number"], one["state"]) for one in changed] == [(1, "closed"), (3, "open")]
        await ada("POST /projects/FERRY/batch", 409, json={"changes": [*changes[1:], changes[0]]})
        bad = await ada("POST /projects/FERRY/batch", 422, json={"changes": [{"type": "open", "issue": 1}]})
        assert next(place for place, _ in problems(bad)).startswith("body.changes.0")

        await ada("POST /projects/FERRY/labels", 201, json={"name": "night", "colour": "#000000"})
        await ada("POST /projects/FERRY/labels", 409, json={"name": "night"})
        assert "night" in [one["name"] for one in await anybody("GET /projects/FERRY/labels")]
        added = await ada("POST /projects/FERRY/milestones", 201, json={"name": "Winter", "due": "2027-11-01"})
        number = added["id"]
        assert (await ada(f"PATCH /projects/FERRY/milestones/{number}", json={"due": None}))["due"] is None
        assert len(await anybody("GET /projects/FERRY/milestones")) == 3
        summary = await anybody("GET /projects/FERRY/summary")
        assert summary["states"] == {"open": 5, "closed": 3}

        history = await anybody("GET /projects/FERRY/history?limit=200")
        assert [one["what"] for one in history][-2:] == ["edited", "opened"]
        assert {one["who"] for one in history} == {"ada", "grace"}
        assert "issue" not in next(one for one in history if one["what"].startswith("planned"))

        await ada("POST /projects", 201, json={"key": "BUOY", "name": "Buoys"})
        await ada("POST /projects", 409, json={"key": "BUOY", "name": "Buoys"})
        assert (await ada("PATCH /projects/BUOY", json={"name": "Buoys and lights"}))["lead"] == "ada"
        await grace("POST /projects/BUOY/archive", 403)
        assert (await ada("POST /projects/BUOY/archive"))["archived"] is True
        assert len(await anybody("GET /projects")) == 2
        assert len(await anybody("GET /projects?archived=true")) == 3
        await ada("POST /projects/BUOY/issues", 409, json={"title": "Late"})

        assert await anybody("GET /users/ada") == {"login": "ada", "name": "Ada Lovelace"}
        await anybody("GET /me", 401)
        assert (await grace("GET /me"))["is_admin"] is False


async def test_clinic(client_for: ClientFor, tmp_path: Any) -> None:
    async with client_for(build_clinic(str(tmp_path / "clinic.sqlite"))) as client:
        anybody, desk, doctor = Walker(client), Walker(client, "desk-1"), Walker(client, "doctor-1")

        assert await anybody("GET /opening") == {"opens": "08:00:00Z", "closes": "17:00:00Z", "doctors": 5}
        assert [one["atc"] for one in await anybody("GET /medicines?atc=J01C")] == ["J01CA04"]
        assert (await anybody("GET /medicines/N02BE01"))["name"] == "paracetamol"
        assert problems(await anybody("GET /medicines/aspirin", 422)) == [("path.atc", "string_pattern_mismatch")]
        await anybody("GET /medicines/A01AA01", 404)
        await anybody("GET /doctors", 401)
        assert await desk("GET /me") == {"name": "Reception", "role": "desk", "doctor": None}

        assert len(await desk("GET /doctors?specialty=general%20practice&specialty=cardiology")) == 3
        assert problems(await desk("GET /doctors?specialty=magic", 422)) == [("query.specialty.0", "enum")]
        await doctor("POST /doctors", 403, json={"name": "Virginia Apgar"})
        employed = await desk("POST /doctors", 201, json={"name": "Virginia Apgar", "specialty": "paediatrics"})
        assert employed == {
            "id": 6,
            "name": "Virginia Apgar",
            "specialty": "paediatrics",
            "minutes": 20,
            "fee": "50.00",
        }
        assert desk.headers["location"] == "/doctors/6"
        assert await desk("GET /doctors/6") == employed
        assert await desk("GET /doctors/6/slots?from=2026-11-23&days=7") == []
        await desk("PUT /doctors/6/hours", 409, json={"hours": [{"weekday": 0, "opens": 12, "closes": 9}]})
        await desk("PUT /doctors/6/hours", 204, json={"hours": [{"weekday": 0, "opens": 9, "closes": 10}]})
        bad = await desk("PUT /doctors/6/hours", 422, json={"hours": [{"weekday": "0", "opens": 12, "shut": 9}]})
        assert sorted(problems(bad)) == [
            ("body.hours.0.closes", "missing"),
            ("body.hours.0.shut", "extra_forbidden"),
            ("body.hours.0.weekday", "int_type"),
        ]
        slots = await desk("GET /doctors/6/slots?from=2026-11-23&days=7")
        assert [one["starts"] for one in slots] == [f"2026-11-23T09:{minute}:00Z" for minute in ("00", "20", "40")]
        assert problems(await desk("GET /doctors/6/slots", 422)) == [("query.from", "missing")]

        patient = await desk("POST /patients", 201, json={"name": "Élodie", "born": "1990-02-28"})
        path = f"/patients/{patient['id']}"
        assert (await desk("GET /patients?q=LODIE"))[0]["id"] == patient["id"]
        assert (await desk(f"PATCH {path}", json={"phone": "+33 1 23 45 67"}))["phone"] == "+33 1 23 45 67"
        bad = await desk("POST /patients", 422, json={"name": "", "born": 0, "phone": "call me"})
        assert {place for place, _ in problems(bad)} == {"body.name", "body.born", "body.phone"}
        await desk(f"POST {path}/allergies", 403, json={"atc": "J01CA"})
        assert (await doctor(f"POST {path}/allergies", 201, json={"atc": "J01CA"}))["allergies"] == ["J01CA"]
        await doctor(f"POST {path}/allergies", 409, json={"atc": "J01CA"})

        booking = {"doctor": 1, "patient": patient["id"], "starts": "2026-11-23T09:20:00+01:00", "reason": "cough"}
        booked = await desk("POST /appointments", 201, json=booking)
        assert (booked["starts"], booked["status"]) == ("2026-11-23T08:20:00Z", "booked")
        await desk("POST /appointments", 409, json=booking)
        await desk("POST /appointments", 409, json={**booking, "starts": "0001-01-01T00:00:00+23:59"})
        await desk("POST /appointments", 404, json={**booking, "patient": 999})
        bad = await desk("POST /appointments", 422, json={**booking, "starts": "2026-11-23T09:20:00"})
        assert problems(bad) == [("body.starts", "timezone_aware")]
        one = f"/appointments/{booked['id']}"
        assert (await desk(f"POST {one}/move", json={"starts": "2026-11-23T08:40:00Z"}))["minutes"] == 20
        listed = await desk("GET /appointments?from=2026-11-23&to=2026-11-23&status=booked&doctor=1")
        assert [(entry["id"], "findings" in entry) for entry in listed] == [(booked["id"], False)]
        assert {place for place, _ in problems(await desk("GET /appointments?from=0&limit=0&x=1", 422))} == {
            "query.from",
            "query.limit",
            "query.x",
        }

        prescription = {"atc": "J01CA04", "dose": "1 capsule", "per_day": 3, "days": 7}
        await doctor(f"POST {one}/prescriptions", 409, json=prescription)
        await desk(f"POST {one}/arrive")
        await desk(f"POST {one}/arrive", 409)
        await doctor(f"POST {one}/prescriptions", 409, json=prescription)
        written = await doctor(f"POST {one}/prescriptions", 201, json={**prescription, "despite_allergy": True})
        assert (written["medicine"]["name"], written["units"]) == ("amoxicillin", 21)
        assert "3 × a day" in await doctor(f"GET /prescriptions/{written['id']}/text")
        assert await desk(f"GET /prescriptions/{written['id']}") == written
        assert await desk(f"GET {path}/prescriptions") == [written]

        findings = {"notes": "Bronchitis.", "outcome": {"kind": "follow-up", "weeks": 2}}
        await Walker(client, "doctor-4")(f"POST {one}/finish", 404, json=findings)
        bad = await doctor(f"POST {one}/finish", 422, json={"notes": "x", "outcome": {"kind": "referral"}})
        assert problems(bad) == [("body.outcome.referral.specialty", "missing")]
        bad = await doctor(f"POST {one}/finish", 422, json={"notes": "x", "outcome": {"kind": "magic"}})
        assert problems(bad) == [("body.outcome", "union_tag_invalid")]
        assert (await doctor(f"POST {one}/finish", json=findings))["findings"] == findings
        await desk(f"POST {one}/cancel", 409)
        assert await desk("GET /appointments/figures?from=2026-11-01") == {
            "appointments": 1,
            "by_status": {"finished": 1},
            "fees": "45.00",
        }
        listed = await desk(f"GET {path}/appointments")
        assert "patient" not in listed[0]
        assert (await desk(f"GET {one}"))["patient"] == patient["id"]
        await desk("POST /doctors/1/absences", 204, json={"first": "2026-11-24", "last": "2026-12-24"})
        assert await desk("GET /doctors/1/slots?from=2026-11-24&days=5") == []
        await doctor(f"DELETE {path}/allergies/J01CA", 204)
        await doctor(f"DELETE {path}/allergies/J01CA", 404)


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 30
MULTIPART = {"content-type": "multipart/form-data; boundary=cut"}


def multipart(name: str, data: bytes, *more: bytes) -> bytes:
    head = f'--cut\r\nContent-Disposition: form-data; name="{name}"; filename="../{name}.bin"\r\n\r\n'.encode()
    return b"".join([head, data, b"\r\n", *more, b"--cut--\r\n"])


async def test_birds(client_for: ClientFor) -> None:
    async with client_for(build_birds()) as client:
        anybody, rachel, gilbert = Walker(client), Walker(client, "rachel"), Walker(client, "gilbert")

        found = await anybody("GET /species?status=EN&status=VU&q=eagle")
        assert [one["scientific"] for one in found] == ["Aquila adalberti"]
        assert problems(await anybody("GET /species?status=XX", 422)) == [("query.status.0", "literal_error")]
        assert {"name": "Alcidae", "species": 3} in await anybody("GET /species/families")
        assert (await anybody("GET /species/atlpuf"))["name"] == "Atlantic Puffin"
        await anybody("GET /species/nobird", 404)
        assert (await anybody("GET /species/atlpuf/months"))[0] == {"month": 5, "sightings": 1, "birds": 1250}
        assert len(await anybody("GET /sites")) == 12
        near = await anybody("GET /sites/near?latitude=55.95&longitude=-3.19&within=100")
        assert [(one["site"]["slug"], one["kilometres"]) for one in near] == [("bass-rock", 36.9)]
        bad = await anybody("GET /sites/near?latitude=91&longitude=nan&within=0", 422)
        assert {place for place, _ in problems(bad)} == {"query.latitude", "query.longitude", "query.within"}
        assert len(await anybody("GET /sites/danube-delta/species")) == 3

        site = {"slug": "cley", "name": "Cley Marshes", "country": "GB", "latitude": 52.956, "longitude": 1.046}
        await anybody("POST /sites", 401, json=site)
        await gilbert("POST /sites", 403, json=site)
        await rachel("POST /sites", 201, json=site)
        assert rachel.headers["location"] == "/sites/cley"
        await rachel("POST /sites", 409, json=site)
        assert await anybody("GET /sites/cley") == site

        registration = {"login": "phoebe", "name": "Phoebe Snetsinger", "newsletter": "yes"}
        assert (await anybody("POST /observers", 201, form=registration))["newsletter"] is True
        await anybody("POST /observers", 409, form=registration)
        bad = await anybody("POST /observers", 422, form={"login": "P", "newsletter": "maybe"})
        assert sorted(place for place, _ in problems(bad)) == ["body.login", "body.name", "body.newsletter"]
        assert await anybody("GET /observers/phoebe") == {
            "login": "phoebe",
            "name": "Phoebe Snetsinger",
            "is_expert": False,
        }
        assert (await anybody("GET /observers/gilbert/life-list"))["species"]["eubitt"] == "2026-04-22"

        phoebe = Walker(client, "phoebe")
        sighting = {"species": "eurcur", "site": "cley", "day": "2026-11-20", "count": 12}
        entered = await phoebe("POST /sightings", 201, json=sighting)
        path = f"/sightings/{entered['id']}"
        assert phoebe.headers["location"] == path
        assert await anybody(f"GET {path}") == entered
        bad = await phoebe("POST /sightings", 422, json={"species": "Curlew", "day": "20 November", "count": "12"})
        assert {place for place, _ in problems(bad)} == {"body.species", "body.site", "body.day", "body.count"}
        await phoebe("POST /sightings", 409, json={**sighting, "site": "nowhere"})
        found = await anybody("GET /sightings?site=cley&from=2026-11-01&confirmed=no&species=eurcur&species=dunlin")
        assert [(one["id"], "confirmed_by" in one) for one in found] == [(entered["id"], False)]
        await gilbert(f"PATCH {path}", 404, json={"count": 13})
        assert (await phoebe(f"PATCH {path}", json={"count": 13}))["count"] == 13
        await gilbert(f"POST {path}/confirm", 403)
        assert (await rachel(f"POST {path}/confirm"))["confirmed_by"] == "rachel"
        await rachel(f"POST {path}/confirm", 409)

        caption = b'--cut\r\nContent-Disposition: form-data; name="caption"\r\n\r\nAt dusk\r\n'
        photo = await phoebe(f"POST {path}/photos", 201, content=multipart("photo", PNG, caption), headers=MULTIPART)
        assert (photo["caption"], photo["content_type"], photo["size"]) == ("At dusk", "image/png", len(PNG))
        await phoebe(f"POST {path}/photos", 409, content=multipart("photo", b"GIF89a"), headers=MULTIPART)
        bad = await phoebe(f"POST {path}/photos", 422, content=multipart("picture", PNG), headers=MULTIPART)
        assert problems(bad) == [("body.photo", "missing")]
        assert [one["id"] for one in await anybody(f"GET {path}/photos")] == [photo["id"]]
        await anybody(f"GET /photos/{photo['id']}")
        assert anybody.headers["content-type"] == "image/png"
        await gilbert(f"DELETE /photos/{photo['id']}", 403)
        await phoebe(f"DELETE /photos/{photo['id']}", 204)
        await anybody(f"GET /photos/{photo['id']}", 404)

        lines = "2026-11-19,texel,dunlin,300,évening\n2026-11-19,texel,dodo,1\nnever,texel,dunlin\n".encode()
        imported = await phoebe("POST /sightings/import", content=multipart("lines", lines), headers=MULTIPART)
        assert (len(imported["added"]), sorted(imported["refused"])) == (1, ["2", "3"])
        await phoebe("POST /sightings/import", 409, content=multipart("lines", b"\xff"), headers=MULTIPART)
        await phoebe("POST /sightings/import", 413, content=multipart("lines", b"x" * 500_000), headers=MULTIPART)
        assert "2026-11-19,texel,dunlin,300,phoebe" in await anybody("GET /sightings/export")
        await phoebe(f"DELETE {path}", 204)
        await anybody(f"GET {path}", 404)

        about = await anybody("GET /about", headers={"x-app": "Feather", "x-app-version": "6"})
        assert (about["asked_by"], about["is_current"]) == ("Feather", False)
        assert len(await anybody("GET /months")) == 6


@pytest.mark.parametrize("name", BUILDERS)
async def test_document_is_valid_and_describes_more_than_20_operations(name: str, client_for: ClientFor) -> None:
    async with client_for(BUILDERS[name]()) as client:
        document = (await client.get("/openapi.json")).json()
        assert (await client.get("/docs")).status == 200
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    methods = {"get", "put", "post", "patch", "delete"}
    operations = [one for path in document["paths"].values() for method, one in path.items() if method in methods]
    assert len(operations) > 20
    assert all(one["summary"] and one["tags"] for one in operations)
    guarded = [one for one in operations if "401" in one["responses"]]
    assert guarded
    assert all(("security" in one) == (one in guarded) for one in operations)


@pytest.mark.parametrize("name", BUILDERS)
def test_application_can_be_imported_by_its_name(name: str) -> None:
    assert isinstance(importlib.import_module(f"examples.{name}.app").app, Nacre)


# schemathesis: every phase and check that it has, each time with the same data.


@pytest.mark.timeout(240)  # on the slowest machine; 5 to 20 seconds on a laptop
@pytest.mark.parametrize(("name", "token"), TOKENS, ids=[f"{name} as {token}" for name, token in TOKENS])
def test_schemathesis_finds_nothing(name: str, token: str) -> None:
    settings = {
        "generation": {"deterministic": True, "max-examples": 15, "database": "none"},
        "headers": {"Authorization": f"Bearer {token}"},
    }
    failures: list[str] = []
    checks = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, and those of its dependencies
        schema = schemathesis.openapi.from_asgi(
            "/openapi.json", BUILDERS[name](), config=SchemathesisConfig.from_dict(settings)
        )
        schema.hook("map_body")(whole_numbers)
        for event in engine.from_schema(schema).execute():
            if isinstance(event, events.FatalError | events.NonFatalError):
                failures.append(f"schemathesis itself failed: {event}")
            if isinstance(event, events.ScenarioFinished):
                for found in (one for listed in event.recorder.checks.values() for one in listed):
                    checks += 1
                    if found.failure_info is not None:
                        failures.append(f"{event.recorder.label}, {found.name}: {found.failure_info.failure}")
    assert failures == []
    assert checks > 5000


def whole_numbers(context: Any, body: Any) -> Any:
    """JSON Schema takes 1.0 for an integer, and Nacre doesn't, nor does pydantic if it is strict."""
    if isinstance(body, float) and body.is_integer():
        return int(body)
    if isinstance(body, list):
        return [whole_numbers(context, one) for one in body]
    if isinstance(body, dict):
        return {name: whole_numbers(context, one) for name, one in body.items()}
    return body
