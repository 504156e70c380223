"""The clinic's routes, and the layers in front of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from typing import Annotated, ClassVar

from examples.clinic.models import (
    Absence,
    Allergy,
    Appointment,
    Atc,
    Booking,
    DayFigures,
    Doctor,
    Findings,
    Medicine,
    Move,
    NewDoctor,
    NewPatient,
    NewPrescription,
    Opening,
    Patient,
    PatientChange,
    Prescription,
    Problem,
    Slot,
    Specialty,
    Status,
    User,
    Week,
    Which,
)
from examples.clinic.store import USERS, Clinic, Database, Refused, Unknown

from nacre import CallNext, Group, Header, Key, Nacre, Path, Provide, Query, Request, Response, abort, middleware
from nacre.openapi import OpenAPI

USER: Key[User] = Key("user")

# RFC 6750 §2.1. What is no token at all is a 422; one that nobody has is a 401.
TOKEN = r"^Bearer [A-Za-z0-9._~+/-]+=*$"

NO_SUCH = {404: ("There is no such thing in the clinic", Problem)}
RULED_OUT = {409: ("The clinic can't do that as things are", Problem)}
BOTH = {**NO_SUCH, **RULED_OUT}

Number = Annotated[int, Path(ge=1, le=2**53)]


# Layers.


@middleware(
    provides=USER,
    security={"bearer": {"type": "http", "scheme": "bearer"}},
    responses={401: "Nobody is known by this token"},
)
async def signed_in(
    request: Request,
    call_next: CallNext,
    bearer: Annotated[str | None, Header(alias="Authorization", pattern=TOKEN)] = None,
):
    """Let pass who sends a token, and tell those further in who that is."""
    user = USERS.get(bearer.removeprefix("Bearer ")) if bearer else None
    if user is None:
        abort(401, "sign in first", headers={"www-authenticate": "Bearer"})
    request.state[USER] = user
    return await call_next(request)


class Only:
    """Lets pass who has a role."""

    responses: ClassVar = {403: "Somebody else does this"}
    requires = (USER,)

    def __init__(self, role: str) -> None:
        self.role = role

    async def __call__(self, request: Request, call_next: CallNext, user: Annotated[User, USER]) -> Response:
        if user.role != self.role:
            abort(403, f"this is done by the {self.role}")
        return await call_next(request)


# Providers.


def a_clinic(database: Database) -> Iterator[Clinic]:
    """A connection for one request; closed after the response."""
    with database.connect() as connection:
        yield Clinic(connection, database.writing)


def the_doctor(clinic: Clinic, number: Number) -> Doctor:
    return clinic.doctor(number)


def the_patient(clinic: Clinic, number: Number) -> Patient:
    return clinic.patient(number)


def the_appointment(clinic: Clinic, number: Number) -> Appointment:
    return clinic.appointment(number)


def my_appointment(
    user: Annotated[User, USER], appointment: Annotated[Appointment, Provide(the_appointment)]
) -> Appointment:
    """The appointment, for its own doctor only."""
    if user.doctor != appointment.doctor:
        raise Unknown("there is no such appointment of yours")
    return appointment


TheDoctor = Annotated[Doctor, Provide(the_doctor)]
ThePatient = Annotated[Patient, Provide(the_patient)]
TheAppointment = Annotated[Appointment, Provide(the_appointment)]
MyAppointment = Annotated[Appointment, Provide(my_appointment)]


# Open to all.

public = Group(tags=["public"])


@public.get("/opening")
def opening(clinic: Clinic) -> Opening:
    """When the clinic is open."""
    return clinic.opening()


@public.get("/medicines")
def list_medicines(
    clinic: Clinic,
    q: Annotated[str, Query(max_length=50)] = "",
    atc: Annotated[str, Query(pattern="^[A-Z0-9]{0,7}$", description="The beginning of a code")] = "",
) -> list[Medicine]:
    """Medicines by a part of their name, or by a group."""
    return clinic.medicines(q, atc)


@public.get("/medicines/<atc>", responses=NO_SUCH)
def one_medicine(clinic: Clinic, atc: Annotated[Atc, Path()]) -> Medicine:
    """One medicine."""
    return clinic.medicine(atc)


@public.get("/me", middlewares=[signed_in])
async def who_am_i(user: Annotated[User, USER]) -> User:
    """Who the token stands for."""
    return user


# Doctors.

doctors = Group("/doctors", tags=["doctors"], middlewares=[signed_in])


@doctors.get("")
def list_doctors(
    clinic: Clinic,
    specialty: Annotated[list[Specialty], Query()] = [],  # noqa: B006 - it is never changed
) -> list[Doctor]:
    """The doctors, all or those of some specialties."""
    return clinic.doctors(specialty)


@doctors.post("", middlewares=[Only("desk")], status_code=201)
def employ_doctor(request: Request, response: Response, clinic: Clinic, doctor: NewDoctor) -> Doctor:
    """Employ a doctor."""
    employed = clinic.employ(doctor)
    response.headers["location"] = request.url_for("doctor", number=employed.id)
    return employed


@doctors.get("/<int:number>", name="doctor", responses=NO_SUCH)
def one_doctor(doctor: TheDoctor) -> Doctor:
    """One doctor."""
    return doctor


@doctors.get("/<int:number>/slots", responses=NO_SUCH)
def free_slots(
    clinic: Clinic,
    doctor: TheDoctor,
    first: Annotated[date, Query(alias="from")],
    days: Annotated[int, Query(ge=1, le=14)] = 1,
) -> list[Slot]:
    """When a doctor is free."""
    return clinic.slots(doctor, first, days)


@doctors.put("/<int:number>/hours", middlewares=[Only("desk")], responses=BOTH)
def set_hours(clinic: Clinic, doctor: TheDoctor, week: Week) -> None:
    """Say when a doctor receives patients, for the whole week."""
    clinic.set_hours(doctor, week)


@doctors.post("/<int:number>/absences", middlewares=[Only("desk")], responses=BOTH)
def add_absence(clinic: Clinic, doctor: TheDoctor, absence: Absence) -> None:
    """Say that a doctor is away; appointments that were made stay."""
    clinic.add_absence(doctor, absence)


# Patients.

patients = Group("/patients", tags=["patients"], middlewares=[signed_in])


@patients.get("")
def find_patients(
    clinic: Clinic,
    q: Annotated[str, Query(max_length=50)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[Patient]:
    """Patients by a part of their name."""
    return clinic.patients(q, limit)


@patients.post("", middlewares=[Only("desk")], status_code=201)
def admit_patient(request: Request, response: Response, clinic: Clinic, patient: NewPatient) -> Patient:
    """Admit a patient."""
    admitted = clinic.admit(patient)
    response.headers["location"] = request.url_for("patient", number=admitted.id)
    return admitted


@patients.get("/<int:number>", name="patient", responses=NO_SUCH)
def one_patient(patient: ThePatient) -> Patient:
    """One patient."""
    return patient


@patients.patch("/<int:number>", responses=NO_SUCH)
def change_patient(clinic: Clinic, patient: ThePatient, change: PatientChange) -> Patient:
    """Change a patient's name or telephone number; what is left out stays."""
    return clinic.change_patient(patient, change)


@patients.post("/<int:number>/allergies", middlewares=[Only("doctor")], status_code=201, responses=BOTH)
def add_allergy(clinic: Clinic, patient: ThePatient, allergy: Allergy) -> Patient:
    """Note that a patient can't take some medicines."""
    return clinic.add_allergy(patient, allergy.atc)


@patients.delete("/<int:number>/allergies/<atc>", middlewares=[Only("doctor")], responses=NO_SUCH)
def remove_allergy(clinic: Clinic, patient: ThePatient, atc: Annotated[str, Path(pattern="^[A-Z0-9]{3,7}$")]) -> None:
    """Take an allergy back."""
    clinic.remove_allergy(patient, atc)


@patients.get("/<int:number>/appointments", responses=NO_SUCH, exclude_fields={"__all__": ["patient"]})
def appointments_of_patient(clinic: Clinic, patient: ThePatient) -> list[Appointment]:
    """The appointments of a patient."""
    return clinic.appointments(Which(), patient)


@patients.get("/<int:number>/prescriptions", responses=NO_SUCH)
def prescriptions_of_patient(clinic: Clinic, patient: ThePatient) -> list[Prescription]:
    """What was prescribed to a patient, the latest first."""
    return clinic.prescriptions(patient)


# Appointments.

appointments = Group("/appointments", tags=["appointments"], middlewares=[signed_in])


@appointments.get("", exclude_none=True)
def list_appointments(clinic: Clinic, which: Annotated[Which, Query()]) -> list[Appointment]:
    """Appointments by doctor, status and day."""
    return clinic.appointments(which)


@appointments.post("", middlewares=[Only("desk")], status_code=201, responses=BOTH)
def book(request: Request, response: Response, clinic: Clinic, booking: Booking) -> Appointment:
    """Book one of a doctor's free times."""
    booked = clinic.book(booking)
    response.headers["location"] = request.url_for("appointment", number=booked.id)
    return booked


@appointments.get("/<int:number>", name="appointment", responses=NO_SUCH)
def one_appointment(appointment: TheAppointment) -> Appointment:
    """One appointment."""
    return appointment


@appointments.post("/<int:number>/move", middlewares=[Only("desk")], responses=BOTH)
def move(clinic: Clinic, appointment: TheAppointment, to: Move) -> Appointment:
    """Move an appointment to another free time of the doctor."""
    return clinic.move(appointment, to.starts)


@appointments.post("/<int:number>/cancel", responses=BOTH)
def cancel(clinic: Clinic, appointment: TheAppointment) -> Appointment:
    """Cancel an appointment; its time is free again."""
    return clinic.set_status(appointment, Status.CANCELLED)


@appointments.post("/<int:number>/arrive", middlewares=[Only("desk")], responses=BOTH)
def arrive(clinic: Clinic, appointment: TheAppointment) -> Appointment:
    """Say that the patient is here."""
    return clinic.set_status(appointment, Status.ARRIVED)


@appointments.post("/<int:number>/finish", middlewares=[Only("doctor")], responses=BOTH)
def finish(clinic: Clinic, appointment: MyAppointment, findings: Findings) -> Appointment:
    """Write down what came out of an appointment."""
    return clinic.set_status(appointment, Status.FINISHED, findings)


@appointments.post("/<int:number>/prescriptions", middlewares=[Only("doctor")], status_code=201, responses=BOTH)
def prescribe(clinic: Clinic, appointment: MyAppointment, prescription: NewPrescription) -> Prescription:
    """Prescribe a medicine. An allergy that is known must be overruled."""
    return clinic.prescribe(appointment, prescription)


@appointments.get("/figures", response_type=DayFigures)
def figures(clinic: Clinic, which: Annotated[Which, Query()]):
    """How many appointments there are, and what was earned."""
    return clinic.figures(which)


# Prescriptions.

prescriptions = Group("/prescriptions", tags=["prescriptions"], middlewares=[signed_in])


@prescriptions.get("/<int:number>", responses=NO_SUCH)
def one_prescription(clinic: Clinic, number: Number) -> Prescription:
    """One prescription."""
    return clinic.prescription(number)


@prescriptions.get("/<int:number>/text", content_type="text/plain", charset="utf-8", responses=NO_SUCH)
def prescription_text(clinic: Clinic, number: Number) -> str:
    """A prescription as it is printed."""
    one = clinic.prescription(number)
    medicine = f"{one.medicine.name}, {one.medicine.form} ({one.medicine.atc})"
    return f"Rp. {medicine}\n{one.dose}, {one.per_day} × a day for {one.days} days: {one.units} units\n"


def build(path: str = "") -> Nacre:
    """The clinic over a database file, or over one in memory."""
    app = Nacre(name="clinic", max_body=100_000)

    @app.provider(scope="app")
    def database() -> Iterator[Database]:
        opened = Database(path)
        yield opened
        opened.close()

    app.provider(a_clinic)

    @app.error_handler(404, inline=True)
    def nothing_here(request: Request):
        return Problem(problem="there is nothing here"), 404

    @app.error_handler(Unknown, inline=True)
    def unknown(request: Request, error: Unknown):
        return Problem(problem=str(error)), 404

    @app.error_handler(Refused, inline=True)
    def refused(request: Request, error: Refused):
        return Problem(problem=str(error)), 409

    for group in (public, doctors, patients, appointments, prescriptions):
        app.include(group)
    app.include(OpenAPI(title="Clinic", version="1.0"))
    return app


app = build(os.environ.get("CLINIC_DATABASE", ""))
