"""What the tracker's clients send and get."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, TypedDict

from msgspec import UNSET, Meta, Struct, UnsetType

State = Literal["open", "closed"]
Resolution = Literal["fixed", "duplicate", "invalid", "wontfix"]

ProjectKey = Annotated[str, Meta(pattern="^[A-Z]{2,10}$")]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=20_000)]
LabelName = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,29}$")]
Login = Annotated[str, Meta(pattern="^[a-z]{2,20}$")]


class Priority(enum.Enum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Problem(Struct):
    """Why a request can't be done."""

    problem: str


# People, labels and milestones.


class User(Struct):
    login: str
    name: str
    is_admin: bool = False


@dataclass
class Label:
    name: LabelName
    colour: Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")] = "#808080"
    description: Annotated[str, Meta(max_length=200)] = ""


class NewMilestone(Struct):
    name: Title
    due: date | None = None


class Milestone(NewMilestone):
    id: int = 0
    open: int = 0
    closed: int = 0


class MilestoneChange(Struct):
    """What is left out stays; a `due` of null removes the date."""

    name: Title | UnsetType = UNSET
    due: date | UnsetType | None = UNSET


# Projects.


class NewProject(Struct):
    key: ProjectKey
    name: Title
    description: Text = ""


class Project(Struct):
    key: str
    name: str
    description: str
    lead: str
    created: datetime
    archived: bool = False
    open: int = 0


class ProjectChange(Struct):
    name: Title | UnsetType = UNSET
    description: Text | UnsetType = UNSET


class Count(TypedDict):
    """How many issues are in each state."""

    open: int
    closed: int


class Summary(Struct):
    project: str
    states: Count
    by_label: dict[str, int]
    by_assignee: dict[str, int]


# Issues.


class NewIssue(Struct):
    title: Title
    text: Text = ""
    priority: Priority = Priority.NORMAL
    labels: Annotated[list[LabelName], Meta(max_length=10)] = []
    milestone: int | None = None


class Issue(Struct):
    number: int
    title: str
    text: str
    state: State
    priority: Priority
    labels: list[str]
    reporter: str
    created: datetime
    changed: datetime
    assignee: str | None = None
    milestone: int | None = None
    resolution: Resolution | None = None
    comments: int = 0


class IssueChange(Struct):
    """What is left out stays as it is."""

    title: Title | UnsetType = UNSET
    text: Text | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    milestone: int | UnsetType | None = UNSET


class Filter(Struct, forbid_unknown_fields=True):
    """The query of a list of issues; an issue has all of the labels."""

    state: State | None = None
    label: list[LabelName] = []
    assignee: Login | None = None
    priority: list[Priority] = []
    changed_since: datetime | None = None
    q: Annotated[str, Meta(max_length=100)] = ""
    sort: Literal["number", "changed", "priority"] = "number"
    page: Annotated[int, Meta(ge=1, le=10_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=100)] = 25


class IssuePage(Struct):
    total: int
    page: int
    issues: list[Issue]


class Closing(Struct):
    resolution: Resolution = "fixed"


class NewComment(Struct):
    text: Annotated[str, Meta(min_length=1, max_length=20_000)]


class Comment(Struct):
    id: int
    issue: int
    author: str
    text: str
    written: datetime
    edited: bool = False


# Many changes at once.


class Close(Struct, tag="close"):
    issue: int
    resolution: Resolution = "fixed"


class Assign(Struct, tag="assign"):
    issue: int
    to: Login


class AddLabel(Struct, tag="label"):
    issue: int
    label: LabelName


class Batch(Struct):
    changes: Annotated[list[Close | Assign | AddLabel], Meta(min_length=1, max_length=100)]


class Event(Struct):
    """One line of a project's history."""

    at: datetime
    who: str
    what: str
    issue: int | None = None
