"""The survey's data, in memory. Every method that changes something takes the lock: WSGI servers have many threads."""

from __future__ import annotations

import csv
import io
import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import acos, cos, radians, sin
from pathlib import Path
from typing import Any, TypeVar

from examples.birds.models import (
    Family,
    LifeList,
    Month,
    NearSite,
    NewSighting,
    NewSite,
    Observer,
    Photo,
    Registration,
    Sighting,
    SightingChange,
    Site,
    Species,
    WhichSightings,
    WhichSpecies,
)
from pydantic import ValidationError

T = TypeVar("T")

SPECIES = Path(__file__).with_name("species.csv")
SITES = Path(__file__).with_name("sites.csv")

# Day, site, species, count, observer.
SEEN = [
    ("2026-04-21", "minsmere", "pieavo", 86, "gilbert"),
    ("2026-04-22", "minsmere", "eubitt", 1, "gilbert"),
    ("2026-05-02", "skomer", "atlpuf", 1250, "gilbert"),
    ("2026-05-02", "skomer", "razorb", 430, "gilbert"),
    ("2026-05-30", "bass-rock", "norgan", 20000, "rachel"),
    ("2026-06-11", "danube-delta", "dalpel", 34, "rachel"),
    ("2026-06-12", "danube-delta", "gwpel", 410, "rachel"),
    ("2026-06-12", "danube-delta", "euroll", 3, "rachel"),
    ("2026-09-05", "falsterbo", "barswa", 5400, "gilbert"),
    ("2026-09-17", "falsterbo", "whteag", 2, "gilbert"),
    ("2026-10-09", "hortobagy", "comcra", 61000, "rachel"),
    ("2026-10-30", "texel", "batgod", 2200, "gilbert"),
]

IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class Unknown(LookupError):
    """There is no such thing in the survey."""


class Refused(ValueError):
    """The survey can't do that as things are."""


@dataclass(frozen=True)
class Image:
    about: Photo
    data: bytes


class Survey:
    """All that was seen. What it returns is never changed later: a change puts a new object in its place."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.species = {row["code"]: Species.model_validate(row) for row in _rows(SPECIES)}
        self.sites = {row["slug"]: Site.model_validate(row) for row in _rows(SITES)}
        self.observers = {
            "gilbert": Observer(login="gilbert", name="Gilbert White"),
            "rachel": Observer(login="rachel", name="Rachel Carson", is_expert=True),
        }
        self.sightings: dict[int, Sighting] = {}
        self.images: dict[int, Image] = {}
        self._ids = itertools.count(1)
        for day, site, species, count, login in SEEN:
            new = NewSighting(species=species, site=site, day=date.fromisoformat(day), count=count)
            self.enter(new, self.observers[login])

    # Species and sites.

    def find_species(self, which: WhichSpecies) -> list[Species]:
        return [
            one
            for one in self.species.values()
            if which.family in (None, one.family)
            and (not which.status or one.status in which.status)
            and which.q.lower() in f"{one.name} {one.scientific}".lower()
        ]

    def one_species(self, code: str) -> Species:
        return _known(self.species, code, "species")

    def families(self) -> list[Family]:
        counts = Counter(one.family for one in self.species.values())
        return [Family(name=name, species=count) for name, count in sorted(counts.items())]

    def site(self, slug: str) -> Site:
        return _known(self.sites, slug, "site")

    def near(self, latitude: float, longitude: float, within: float) -> list[NearSite]:
        found = [
            NearSite(site=one, kilometres=_kilometres(one, latitude, longitude)) for one in list(self.sites.values())
        ]
        return sorted((one for one in found if one.kilometres <= within), key=lambda one: one.kilometres)

    def add_site(self, new: NewSite) -> Site:
        with self.lock:
            if new.slug in self.sites:
                raise Refused("there is a site of this name")
            self.sites[new.slug] = Site(**new.model_dump())
            return self.sites[new.slug]

    def species_at(self, site: Site) -> list[Species]:
        seen = {one.species for one in self.find(WhichSightings(site=site.slug, limit=500))}
        return [one for code, one in self.species.items() if code in seen]

    # Observers.

    def observer(self, login: str) -> Observer:
        return _known(self.observers, login, "observer")

    def register(self, new: Registration) -> Observer:
        with self.lock:
            if new.login in self.observers:
                raise Refused("this login is taken")
            self.observers[new.login] = Observer(login=new.login, name=new.name, newsletter=new.newsletter == "yes")
            return self.observers[new.login]

    def life_list(self, observer: Observer) -> LifeList:
        first: dict[str, date] = {}
        mine = [one for one in list(self.sightings.values()) if one.observer == observer.login]
        for one in sorted(mine, key=lambda one: one.day):
            first.setdefault(one.species, one.day)
        return LifeList(observer=observer.login, species=first)

    # Sightings.

    def find(self, which: WhichSightings) -> list[Sighting]:
        found = [
            one
            for one in list(self.sightings.values())
            if (not which.species or one.species in which.species)
            and which.site in (None, one.site)
            and which.observer in (None, one.observer)
            and (which.first is None or one.day >= which.first)
            and (which.last is None or one.day <= which.last)
            and which.confirmed in (None, one.confirmed_by is not None)
        ]
        return sorted(found, key=lambda one: (one.day, one.id), reverse=True)[: which.limit]

    def sighting(self, number: int) -> Sighting:
        return _known(self.sightings, number, "sighting")

    def enter(self, new: NewSighting, observer: Observer) -> Sighting:
        if new.species not in self.species:
            raise Refused("this species isn't in the survey")
        if new.site not in self.sites:
            raise Refused("this site isn't in the survey")
        sighting = Sighting(id=next(self._ids), observer=observer.login, entered=datetime.now(UTC), **new.model_dump())
        self.sightings[sighting.id] = sighting
        return sighting

    def enter_lines(self, text: str, observer: Observer) -> tuple[list[int], dict[int, str]]:
        """Enter each line of a file, `day,site,species,count,note`; the others say what is wrong with them."""
        added: list[int] = []
        refused: dict[int, str] = {}
        reader = csv.DictReader(io.StringIO(text), ["day", "site", "species", "count", "note"])
        try:
            for row in itertools.islice(reader, 1000):
                try:
                    # The file is text, so this isn't strict.
                    new = NewSighting.model_validate(
                        {name: value for name, value in row.items() if value}, strict=False
                    )
                    added.append(self.enter(new, observer).id)
                except ValidationError as error:
                    refused[reader.line_num] = f"{error.error_count()} mistakes"
                except Refused as error:
                    refused[reader.line_num] = str(error)
        except csv.Error as error:
            refused[reader.line_num + 1] = f"no CSV: {error}"
        return added, refused

    def change(self, sighting: Sighting, change: SightingChange) -> Sighting:
        return self._replace(sighting, change.model_dump(exclude_none=True))

    def confirm(self, sighting: Sighting, expert: Observer) -> Sighting:
        with self.lock:
            if self.sighting(sighting.id).confirmed_by is not None:
                raise Refused("the sighting is confirmed")
            return self._replace(sighting, {"confirmed_by": expert.login})

    def forget(self, sighting: Sighting) -> None:
        with self.lock:
            self.sightings.pop(sighting.id, None)
            for photo in sighting.photos:
                self.images.pop(photo, None)

    def months(self, species: Species | None) -> list[Month]:
        found = [one for one in list(self.sightings.values()) if species is None or one.species == species.code]
        counts = Counter(one.day.month for one in found)
        birds = Counter({month: sum(one.count for one in found if one.day.month == month) for month in counts})
        return [Month(month=month, sightings=counts[month], birds=birds[month]) for month in sorted(counts)]

    def as_csv(self) -> Iterator[str]:
        yield "day,site,species,count,observer\r\n"
        for one in list(self.sightings.values()):
            yield f"{one.day},{one.site},{one.species},{one.count},{one.observer}\r\n"

    # Photos.

    def add_photo(self, sighting: Sighting, caption: str, data: bytes) -> Photo:
        kind = next((kind for start, kind in IMAGES.items() if data.startswith(start)), None)
        if kind is None:
            raise Refused("the file is neither PNG nor JPEG")
        with self.lock:
            if len(self.sighting(sighting.id).photos) >= 5:
                raise Refused("a sighting has five photos at most")
            photo = Photo(id=next(self._ids), sighting=sighting.id, caption=caption, content_type=kind, size=len(data))
            self.images[photo.id] = Image(photo, data)
            self._replace(sighting, {"photos": [*self.sighting(sighting.id).photos, photo.id]})
            return photo

    def photos(self, sighting: Sighting) -> list[Photo]:
        return [self.images[number].about for number in sighting.photos if number in self.images]

    def image(self, number: int) -> Image:
        return _known(self.images, number, "photo")

    def remove_photo(self, image: Image) -> None:
        with self.lock:
            sighting = self.sighting(image.about.sighting)
            self.images.pop(image.about.id, None)
            self._replace(sighting, {"photos": [one for one in sighting.photos if one != image.about.id]})

    def _replace(self, sighting: Sighting, changes: dict[str, object]) -> Sighting:
        with self.lock:
            self.sightings[sighting.id] = self.sighting(sighting.id).model_copy(update=changes)
            return self.sightings[sighting.id]


def _known(things: Mapping[Any, T], key: int | str, what: str) -> T:
    found = things.get(key)
    if found is None:
        raise Unknown(f"there is no such {what}")
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _kilometres(site: Site, latitude: float, longitude: float) -> float:
    here, there = radians(latitude), radians(site.latitude)
    angle = sin(here) * sin(there) + cos(here) * cos(there) * cos(radians(longitude - site.longitude))
    return round(6371 * acos(max(-1.0, min(1.0, angle))), 1)
