"""The clinic's database. Plain, blocking code; every method that writes is one transaction."""

from __future__ import annotations

import csv
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from examples.clinic.models import (
    Absence,
    Appointment,
    Booking,
    DayFigures,
    Doctor,
    Findings,
    Medicine,
    NewDoctor,
    NewPatient,
    NewPrescription,
    Opening,
    Patient,
    PatientChange,
    Prescription,
    Slot,
    Specialty,
    Status,
    User,
    Week,
    Which,
)

MEDICINES = Path(__file__).with_name("medicines.csv")

SCHEMA = """
create table if not exists medicines (atc text primary key, name text not null, form text not null,
    "group" text not null);
create table if not exists doctors (id integer primary key, name text not null, specialty text not null,
    minutes integer not null, fee text not null);
create table if not exists hours (doctor integer not null references doctors, weekday integer not null,
    opens integer not null, closes integer not null);
create table if not exists absences (doctor integer not null references doctors, first text not null,
    last text not null, reason text not null);
create table if not exists patients (id integer primary key, name text not null, born text not null, phone text);
create table if not exists allergies (patient integer not null references patients, atc text not null,
    primary key (patient, atc));
create table if not exists appointments (id integer primary key, doctor integer not null references doctors,
    patient integer not null references patients, starts text not null, minutes integer not null, status text not null,
    reason text not null, findings text);
create unique index if not exists taken on appointments (doctor, starts) where status <> 'cancelled';
create table if not exists prescriptions (id integer primary key, appointment integer not null references appointments,
    atc text not null references medicines, dose text not null, per_day integer not null, days integer not null,
    written text not null);
"""

DOCTORS = [
    ("Elizabeth Blackwell", Specialty.GENERAL, 20, "45.00"),
    ("Ignaz Semmelweis", Specialty.GENERAL, 15, "45.00"),
    ("Abraham Jacobi", Specialty.PAEDIATRICS, 30, "60.00"),
    ("Helen Taussig", Specialty.CARDIOLOGY, 40, "110.00"),
    ("Ferdinand von Hebra", Specialty.DERMATOLOGY, 20, "70.00"),
]
PATIENTS = [("Mary Seacole", "1955-03-02"), ("Phineas Gage", "1973-07-09"), ("Henrietta Lacks", "2020-08-01")]
USERS = {
    "desk-1": User(name="Reception", role="desk"),
    "doctor-1": User(name="Elizabeth Blackwell", role="doctor", doctor=1),
    "doctor-4": User(name="Helen Taussig", role="doctor", doctor=4),
}

NEXT: Mapping[Status, tuple[Status, ...]] = {
    Status.BOOKED: (Status.ARRIVED, Status.CANCELLED),
    Status.ARRIVED: (Status.FINISHED, Status.CANCELLED),
    Status.FINISHED: (),
    Status.CANCELLED: (),
}


class Unknown(LookupError):
    """There is no such thing in the clinic."""


class Refused(ValueError):
    """The clinic can't do that as things are."""


class Database:
    """The database, in a file or in memory, with some doctors and patients in it."""

    def __init__(self, path: str = "") -> None:
        self._uri = Path(path).absolute().as_uri() if path else f"file:clinic-{id(self)}?mode=memory&cache=shared"
        self.writing = threading.Lock()  # SQLite takes one writer at a time
        self._keeper = self._open()  # a database in memory lives as long as somebody is connected
        self._keeper.executescript(SCHEMA)
        self._fill()

    def close(self) -> None:
        self._keeper.close()

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        # One request may go from thread to thread, but is never in two at once.
        connection = sqlite3.connect(self._uri, uri=True, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.executescript("pragma foreign_keys = on; pragma read_uncommitted = on")
        return connection

    def _fill(self) -> None:
        write = self._keeper.executemany
        with MEDICINES.open(encoding="utf-8", newline="") as file, self._keeper:
            write("insert or ignore into medicines values (:atc, :name, :form, :group)", csv.DictReader(file))
            if self._keeper.execute("select 1 from doctors").fetchone():
                return
            write("insert into doctors (name, specialty, minutes, fee) values (?, ?, ?, ?)", DOCTORS)
            write("insert into patients (name, born) values (?, ?)", PATIENTS)
            week = [
                (doctor, day, *hours) for doctor in range(1, 6) for day in range(5) for hours in ((8, 12), (13, 17))
            ]
            write("insert into hours values (?, ?, ?, ?)", week)


class Clinic:
    """All that the clinic does, over one connection."""

    def __init__(self, connection: sqlite3.Connection, writing: threading.Lock) -> None:
        self._connection = connection
        self._writing = writing

    # Doctors.

    def doctors(self, specialties: list[Specialty]) -> list[Doctor]:
        rows = [Doctor(**row) for row in self._all("select * from doctors order by name")]
        return [doctor for doctor in rows if not specialties or doctor.specialty in specialties]

    def doctor(self, number: int) -> Doctor:
        return Doctor(**self._one("doctor", "select * from doctors where id = ?", number))

    def employ(self, new: NewDoctor) -> Doctor:
        values = (new.name, new.specialty, new.minutes, f"{new.fee}.00")
        with self._transaction():
            added = self._connection.execute(
                "insert into doctors (name, specialty, minutes, fee) values (?, ?, ?, ?)", values
            )
        return self.doctor(added.lastrowid or 0)

    def set_hours(self, doctor: Doctor, week: Week) -> None:
        if any(one.opens >= one.closes for one in week.hours):
            raise Refused("a day closes after it opens")
        rows = [(doctor.id, one.weekday, one.opens, one.closes) for one in week.hours]
        with self._transaction():
            self._connection.execute("delete from hours where doctor = ?", (doctor.id,))
            self._connection.executemany("insert into hours values (?, ?, ?, ?)", rows)

    def add_absence(self, doctor: Doctor, absence: Absence) -> None:
        if absence.first > absence.last:
            raise Refused("an absence ends after it has begun")
        with self._transaction():
            values = (doctor.id, absence.first.isoformat(), absence.last.isoformat(), absence.reason)
            self._connection.execute("insert into absences values (?, ?, ?, ?)", values)

    def slots(self, doctor: Doctor, first: date, days: int) -> list[Slot]:
        """The free times of a doctor from a day on."""
        found: list[Slot] = []
        for day in (first + timedelta(days=number) for number in range(days) if first <= date.max - timedelta(number)):
            taken = {row["starts"] for row in self._taken(doctor, day)}
            free = [slot for slot in self._times(doctor, day) if slot.isoformat() not in taken]
            found += [Slot(starts=slot, minutes=doctor.minutes) for slot in free]
        return found

    def opening(self) -> Opening:
        row = self._all("select coalesce(min(opens), 8) as opens, coalesce(max(closes), 17) as closes from hours")[0]
        count = self._all("select count(*) as doctors from doctors")[0]["doctors"]
        return Opening(opens=_hour(row["opens"]), closes=_hour(row["closes"]), doctors=count)

    # Patients.

    def patients(self, q: str, limit: int) -> list[Patient]:
        rows = self._all(
            "select * from patients where ?1 = '' or instr(lower(name), lower(?1)) order by name limit ?2", q, limit
        )
        return [self._patient(row) for row in rows]

    def patient(self, number: int) -> Patient:
        return self._patient(self._one("patient", "select * from patients where id = ?", number))

    def admit(self, new: NewPatient) -> Patient:
        with self._transaction():
            added = self._connection.execute(
                "insert into patients (name, born, phone) values (?, ?, ?)", (new.name, new.born.isoformat(), new.phone)
            )
        return self.patient(added.lastrowid or 0)

    def change_patient(self, patient: Patient, change: PatientChange) -> Patient:
        changed = patient.model_copy(update=change.model_dump(exclude_unset=True, exclude_none=True))
        with self._transaction():
            self._connection.execute(
                "update patients set name = ?, phone = ? where id = ?", (changed.name, changed.phone, changed.id)
            )
        return changed

    def add_allergy(self, patient: Patient, atc: str) -> Patient:
        with self._transaction("the allergy is known"):
            self._connection.execute("insert into allergies values (?, ?)", (patient.id, atc))
        return self.patient(patient.id)

    def remove_allergy(self, patient: Patient, atc: str) -> None:
        if atc not in patient.allergies:
            raise Unknown("there is no such allergy")
        with self._transaction():
            self._connection.execute("delete from allergies where patient = ? and atc = ?", (patient.id, atc))

    def _patient(self, row: Any) -> Patient:
        allergies = self._all("select atc from allergies where patient = ? order by atc", row["id"])
        return Patient(**row, allergies=[one["atc"] for one in allergies])

    # Appointments.

    def appointments(self, which: Which, patient: Patient | None = None) -> list[Appointment]:
        rows = self._all(
            "select * from appointments where (?1 is null or doctor = ?1) and (?2 is null or patient = ?2)"
            " and (?3 is null or starts >= ?3) and (?4 is null or substr(starts, 1, 10) <= ?4) order by starts, id",
            which.doctor,
            patient.id if patient else None,
            which.first.isoformat() if which.first else None,
            which.last.isoformat() if which.last else None,
        )
        found = [_appointment(row) for row in rows]
        return [one for one in found if not which.status or one.status in which.status][: which.limit]

    def appointment(self, number: int) -> Appointment:
        return _appointment(self._one("appointment", "select * from appointments where id = ?", number))

    def book(self, booking: Booking) -> Appointment:
        doctor, patient = self.doctor(booking.doctor), self.patient(booking.patient)
        starts = self._checked(doctor, booking.starts)
        with self._transaction("this time is taken"):
            added = self._connection.execute(
                "insert into appointments (doctor, patient, starts, minutes, status, reason) values (?, ?, ?, ?, ?, ?)",
                (doctor.id, patient.id, starts, doctor.minutes, Status.BOOKED, booking.reason),
            )
        return self.appointment(added.lastrowid or 0)

    def move(self, appointment: Appointment, to: datetime) -> Appointment:
        starts = self._checked(self.doctor(appointment.doctor), to)
        with self._transaction("this time is taken"):
            self._require(appointment.id, Status.BOOKED)
            self._connection.execute("update appointments set starts = ? where id = ?", (starts, appointment.id))
        return self.appointment(appointment.id)

    def set_status(self, appointment: Appointment, status: Status, findings: Findings | None = None) -> Appointment:
        with self._transaction():
            # Once more, now that nobody else writes.
            current = self.appointment(appointment.id).status
            if status not in NEXT[current]:
                raise Refused(f"an appointment that is {current} can't become {status}")
            told = findings.model_dump_json() if findings else None
            self._connection.execute(
                "update appointments set status = ?, findings = ? where id = ?", (status, told, appointment.id)
            )
        return self.appointment(appointment.id)

    def figures(self, which: Which) -> DayFigures:
        found = self.appointments(which.model_copy(update={"limit": 1_000_000}))
        fees = [self.doctor(one.doctor).fee for one in found if one.status is Status.FINISHED]
        return DayFigures(
            appointments=len(found), by_status=Counter(one.status for one in found), fees=sum(fees, Decimal())
        )

    def _checked(self, doctor: Doctor, moment: datetime) -> str:
        """The text of a time at which the doctor receives."""
        try:
            starts = moment.astimezone(UTC)
        except OverflowError:  # in the first or last hours of the calendar
            raise Refused("the doctor doesn't receive then") from None
        if starts not in self._times(doctor, starts.date()):
            raise Refused("the doctor doesn't receive then")
        return starts.isoformat()

    def _times(self, doctor: Doctor, day: date) -> list[datetime]:
        absences = self._all(
            "select 1 from absences where doctor = ?1 and first <= ?2 and last >= ?2", doctor.id, day.isoformat()
        )
        hours = self._all("select * from hours where doctor = ? and weekday = ?", doctor.id, day.weekday())
        midnight = datetime.combine(day, time(), UTC)
        return [
            midnight + timedelta(minutes=minute)
            for one in ([] if absences else hours)
            for minute in range(one["opens"] * 60, one["closes"] * 60 - doctor.minutes + 1, doctor.minutes)
        ]

    def _taken(self, doctor: Doctor, day: date) -> list[Any]:
        return self._all(
            "select starts from appointments where doctor = ? and substr(starts, 1, 10) = ? and status <> 'cancelled'",
            *(doctor.id, day.isoformat()),
        )

    def _require(self, number: int, status: Status) -> None:
        current = self.appointment(number).status
        if current is not status:
            raise Refused(f"the appointment is {current}")

    # Medicines.

    def medicines(self, q: str, atc: str) -> list[Medicine]:
        rows = self._all(
            "select * from medicines where instr(name, lower(?)) and substr(atc, 1, ?) = ? order by name",
            q,
            len(atc),
            atc,
        )
        return [Medicine(**row) for row in rows]

    def medicine(self, atc: str) -> Medicine:
        return Medicine(**self._one("medicine", "select * from medicines where atc = ?", atc))

    def prescribe(self, appointment: Appointment, new: NewPrescription) -> Prescription:
        medicine, patient = self.medicine(new.atc), self.patient(appointment.patient)
        if not new.despite_allergy and any(medicine.atc.startswith(allergy) for allergy in patient.allergies):
            raise Refused("the patient is allergic to that")
        with self._transaction():
            self._require(appointment.id, Status.ARRIVED)
            added = self._connection.execute(
                "insert into prescriptions (appointment, atc, dose, per_day, days, written) values (?, ?, ?, ?, ?, ?)",
                (appointment.id, new.atc, new.dose, new.per_day, new.days, datetime.now(UTC).isoformat()),
            )
        return self.prescription(added.lastrowid or 0)

    def prescription(self, number: int) -> Prescription:
        row = self._one("prescription", "select * from prescriptions where id = ?", number)
        return Prescription(**row, medicine=self.medicine(row["atc"]))

    def prescriptions(self, patient: Patient) -> list[Prescription]:
        rows = self._all(
            "select prescriptions.id from prescriptions join appointments on appointment = appointments.id"
            " where patient = ? order by prescriptions.id desc",
            patient.id,
        )
        return [self.prescription(row["id"]) for row in rows]

    # SQL. What clients send always goes in as a value.

    @contextmanager
    def _transaction(self, if_not: str = "the clinic's rules forbid that") -> Iterator[None]:
        """Write; when a constraint of the database says no, that is `Refused` with these words."""
        with self._writing:
            try:
                with self._connection:
                    yield
            except sqlite3.IntegrityError as error:
                raise Refused(if_not) from error

    def _all(self, query: str, *values: Any) -> list[Any]:
        return self._connection.execute(query, values).fetchall()

    def _one(self, what: str, query: str, value: Any) -> Any:
        row = self._connection.execute(query, (value,)).fetchone()
        if row is None:
            raise Unknown(f"there is no such {what}")
        return row


def _hour(hour: int) -> time:
    return time(hour % 24, tzinfo=UTC)


def _appointment(row: Any) -> Appointment:
    findings = Findings.model_validate_json(row["findings"]) if row["findings"] else None
    return Appointment(**{**row, "findings": findings})
