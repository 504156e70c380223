"""What the survey's clients send and get.

Bodies are strict: pydantic otherwise takes `"1"` for a number and `0` for a date. Queries and forms are text and can't
be.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

RedList = Literal["LC", "NT", "VU", "EN", "CR"]

Code = Annotated[str, Field(pattern="^[a-z]{4,6}$", examples=["atlpuf"])]
Slug = Annotated[str, Field(pattern="^[a-z]+(-[a-z]+)*$", max_length=40, examples=["bass-rock"])]
Login = Annotated[str, Field(pattern="^[a-z]{3,20}$")]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Number = Annotated[int, Field(ge=1, le=100_000)]


def _no_number(day: object) -> object:
    if isinstance(day, str) and day.isdigit():
        raise ValueError("is not a date like 2026-11-21")
    return day


# pydantic takes a number in a query for the seconds since 1970.
QueryDay = Annotated[date, BeforeValidator(_no_number)]


class Sent(BaseModel):
    """The base of bodies."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Problem(BaseModel):
    """Why a request can't be done."""

    problem: str


# Species and sites.


class Species(BaseModel):
    code: str
    name: str
    scientific: str
    family: str
    status: RedList


class WhichSpecies(BaseModel):
    """The query of a list of species."""

    model_config = ConfigDict(extra="forbid")

    family: Annotated[str, Field(max_length=40)] | None = None
    status: list[RedList] = []
    q: Annotated[str, Field(max_length=40)] = ""


class Family(BaseModel):
    name: str
    species: int


class NewSite(Sent):
    slug: Slug
    name: Name
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    latitude: Latitude
    longitude: Longitude


class Site(BaseModel):
    slug: str
    name: str
    country: str
    latitude: float
    longitude: float


class NearSite(BaseModel):
    site: Site
    kilometres: float


# Observers.


class Registration(BaseModel):
    """A form; `newsletter` is a check box, so it is sent only if it is ticked."""

    login: Login
    name: Name
    newsletter: Literal["yes"] | None = None


class Observer(BaseModel):
    login: str
    name: str
    newsletter: bool = False
    is_expert: bool = False


class LifeList(BaseModel):
    """The species that somebody has seen, with the day of the first time."""

    observer: str
    species: dict[str, date]


# Sightings.


class NewSighting(Sent):
    species: Code
    site: Slug
    day: date
    count: Number = 1
    note: Annotated[str, Field(max_length=1000)] = ""


class SightingChange(Sent):
    """What is left out stays as it is."""

    count: Number | None = None
    note: Annotated[str, Field(max_length=1000)] | None = None


class Sighting(BaseModel):
    id: int
    species: str
    site: str
    day: date
    count: int
    note: str
    observer: str
    entered: datetime
    confirmed_by: str | None = None
    photos: list[int] = []


class WhichSightings(BaseModel):
    """The query of a list of sightings."""

    model_config = ConfigDict(extra="forbid")

    species: list[Code] = []
    site: Slug | None = None
    observer: Login | None = None
    first: QueryDay | None = Field(default=None, alias="from")
    last: QueryDay | None = Field(default=None, alias="to")
    confirmed: bool | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Photo(BaseModel):
    id: int
    sighting: int
    caption: str
    content_type: str
    size: int


class Imported(BaseModel):
    """What became of the lines of a file."""

    added: list[int]
    refused: dict[int, str]


class Month(BaseModel):
    month: int
    sightings: int
    birds: int


class Client(BaseModel):
    """Who asks, by the header fields that apps of the survey send."""

    app: Annotated[str, Field(max_length=60)] = Field(default="", alias="x-app")
    version: Literal["6", "7"] = Field(default="7", alias="x-app-version")


class About(BaseModel):
    species: int
    sites: int
    sightings: int
    asked_by: str
    is_current: bool
