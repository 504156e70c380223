"""What the clinic's clients send and get.

Bodies are strict: pydantic otherwise takes `"1"` for a number and `0` for a date. Queries are text and can't be.
"""

from __future__ import annotations

import enum
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, computed_field

Name = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, Field(max_length=5000)]
Atc = Annotated[str, Field(pattern=r"^[A-Z][0-9]{2}[A-Z]{2}[0-9]{2}$", examples=["N02BE01"])]
Id = Annotated[int, Field(ge=1, le=2**53)]


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


class Specialty(enum.StrEnum):
    GENERAL = "general practice"
    PAEDIATRICS = "paediatrics"
    CARDIOLOGY = "cardiology"
    DERMATOLOGY = "dermatology"
    PSYCHIATRY = "psychiatry"


class Status(enum.StrEnum):
    BOOKED = "booked"
    ARRIVED = "arrived"
    FINISHED = "finished"
    CANCELLED = "cancelled"


# People.


class User(BaseModel):
    """Who sends a request."""

    name: str
    role: Literal["desk", "doctor"]
    doctor: int | None = None


class NewDoctor(Sent):
    name: Name
    specialty: Annotated[Specialty, Field(strict=False)] = Specialty.GENERAL
    minutes: Annotated[int, Field(ge=5, le=120, multiple_of=5)] = 20
    fee: Annotated[int, Field(ge=0, le=10_000, description="In whole euros")] = 50


class Doctor(BaseModel):
    id: int
    name: str
    specialty: Specialty
    minutes: int
    fee: Decimal


class Hours(Sent):
    """When a doctor receives patients on one day of the week, 0 being Monday."""

    weekday: Annotated[int, Field(ge=0, le=6)]
    opens: Annotated[int, Field(ge=0, le=23)]
    closes: Annotated[int, Field(ge=1, le=24)]


class Week(Sent):
    hours: Annotated[list[Hours], Field(max_length=14)]


class Absence(Sent):
    first: date
    last: date
    reason: Annotated[str, Field(max_length=200)] = ""


class NewPatient(Sent):
    name: Name
    born: date
    phone: Annotated[str, Field(pattern=r"^\+?[0-9 ]{5,20}$")] | None = None


class PatientChange(Sent):
    """What is left out stays as it is."""

    name: Name | None = None
    phone: Annotated[str, Field(pattern=r"^\+?[0-9 ]{5,20}$")] | None = None


class Patient(BaseModel):
    id: int
    name: str
    born: date
    phone: str | None = None
    allergies: list[str] = []


class Allergy(Sent):
    """An allergy against a medicine, or against a group of them by the beginning of its code."""

    atc: Annotated[str, Field(pattern=r"^[A-Z][0-9]{2}([A-Z]{2}([0-9]{2})?)?$", examples=["J01CA"])]


# Appointments.


class Slot(BaseModel):
    starts: datetime
    minutes: int


class Booking(Sent):
    doctor: Id
    patient: Id
    starts: AwareDatetime
    reason: Annotated[str, Field(max_length=500)] = ""


class Move(Sent):
    starts: AwareDatetime


class Discharge(Sent):
    kind: Literal["discharge"]


class FollowUp(Sent):
    kind: Literal["follow-up"]
    weeks: Annotated[int, Field(ge=1, le=52)]


class Referral(Sent):
    kind: Literal["referral"]
    specialty: Annotated[Specialty, Field(strict=False)]
    urgent: bool = False


Outcome = Annotated[Discharge | FollowUp | Referral, Field(discriminator="kind")]


class Findings(Sent):
    """What came out of an appointment."""

    notes: Text
    outcome: Outcome


class Appointment(BaseModel):
    id: int
    doctor: int
    patient: int
    starts: datetime
    minutes: int
    status: Status
    reason: str = ""
    findings: Findings | None = None


class Which(BaseModel):
    """The query of a list of appointments."""

    model_config = ConfigDict(extra="forbid")

    doctor: Id | None = None
    status: list[Status] = []
    first: QueryDay | None = Field(default=None, alias="from")
    last: QueryDay | None = Field(default=None, alias="to")
    limit: Annotated[int, Field(ge=1, le=200)] = 50


# Medicines.


class Medicine(BaseModel):
    atc: str
    name: str
    form: str
    group: str


class NewPrescription(Sent):
    atc: Atc
    dose: Name
    per_day: Annotated[int, Field(ge=1, le=24)]
    days: Annotated[int, Field(ge=1, le=365)]
    despite_allergy: bool = False


class Prescription(BaseModel):
    id: int
    appointment: int
    medicine: Medicine
    dose: str
    per_day: int
    days: int
    written: datetime

    @computed_field
    def units(self) -> int:
        return self.per_day * self.days


class DayFigures(BaseModel):
    appointments: int
    by_status: dict[Status, int]
    fees: Decimal


class Opening(BaseModel):
    """When the clinic is open; public."""

    opens: time
    closes: time
    doctors: int
