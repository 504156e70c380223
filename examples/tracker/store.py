"""The tracker's data, in memory. Every method takes the lock, since WSGI servers have many threads."""

from __future__ import annotations

import functools
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from examples.tracker.models import (
    AddLabel,
    Assign,
    Close,
    Comment,
    Event,
    Filter,
    Issue,
    IssueChange,
    IssuePage,
    Label,
    Milestone,
    MilestoneChange,
    NewIssue,
    NewMilestone,
    NewProject,
    Priority,
    Project,
    ProjectChange,
    Resolution,
    Summary,
    User,
)

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

BEGINNING = Path(__file__).with_name("issues.json")
PRIORITIES = list(Priority)


class Unknown(LookupError):
    """There is no such thing in the tracker."""


class Refused(ValueError):
    """The tracker can't do that as things are."""


@dataclass
class Work:
    """A project with all that is in it."""

    project: Project
    issues: dict[int, Issue] = field(default_factory=dict[int, Issue])
    labels: dict[str, Label] = field(default_factory=dict[str, Label])
    milestones: dict[int, Milestone] = field(default_factory=dict[int, Milestone])
    history: list[Event] = field(default_factory=list[Event])

    def issue(self, number: int) -> Issue:
        return _known(self.issues, number, "issue")


def locked(method: F) -> F:
    @functools.wraps(method)
    def call(self: Tracker, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            return method(self, *args, **kwargs)

    return cast(F, call)


class Tracker:
    """All projects. What it returns is never changed later: a change puts a new object in its place."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._users: dict[str, User] = {}
        self._work: dict[str, Work] = {}
        self._comments: dict[int, tuple[str, Comment]] = {}
        self._ids = itertools.count(1)
        self._fill(json.loads(BEGINNING.read_text(encoding="utf-8")))

    def _fill(self, data: Any) -> None:
        self._users = {one["login"]: User(**one) for one in data["users"]}
        for described in data["projects"]:
            lead = self.user(described["lead"])
            new = NewProject(described["key"], described["name"], described["description"])
            self.add_project(new, lead)
            work = self._work[new.key]
            for label in described["labels"]:
                self.add_label(work, Label(**label))
            for milestone in described["milestones"]:
                self.add_milestone(work, msgspec.convert(milestone, NewMilestone))
            first = min(work.milestones)
            for issue in described["issues"]:
                ends = {name: issue.pop(name) for name in ("assignee", "state", "resolution") if name in issue}
                if "milestone" in issue:
                    issue["milestone"] += first - 1
                opened = self.open_issue(work, msgspec.convert(issue, NewIssue), self.user(issue["reporter"]))
                self.change_issue(work, opened.number, **ends)

    # People.

    def user(self, login: str) -> User:
        return _known(self._users, login, "user")

    # Projects.

    @locked
    def projects(self, *, archived: bool = False) -> list[Project]:
        return [_counted(work) for work in self._work.values() if archived or not work.project.archived]

    @locked
    def work(self, key: str) -> Work:
        return _known(self._work, key, "project")

    @locked
    def add_project(self, new: NewProject, lead: User) -> Project:
        if new.key in self._work:
            raise Refused("this key is taken")
        project = Project(new.key, new.name, new.description, lead.login, datetime.now(UTC))
        self._work[new.key] = Work(project)
        return project

    @locked
    def change_project(self, work: Work, change: ProjectChange) -> Project:
        work.project = msgspec.structs.replace(work.project, **msgspec.to_builtins(change))
        return _counted(work)

    @locked
    def archive(self, work: Work) -> Project:
        work.project = msgspec.structs.replace(work.project, archived=True)
        return _counted(work)

    @locked
    def project(self, work: Work) -> Project:
        return _counted(work)

    @locked
    def summary(self, work: Work) -> Summary:
        issues = list(work.issues.values())
        states = Counter(issue.state for issue in issues)
        labels = Counter(label for issue in issues for label in issue.labels)
        assignees = Counter(issue.assignee for issue in issues if issue.assignee and issue.state == "open")
        return Summary(work.project.key, {"open": states["open"], "closed": states["closed"]}, labels, assignees)

    @locked
    def history(self, work: Work, since: datetime | None, limit: int) -> list[Event]:
        """What happened, the latest first."""
        return [event for event in reversed(work.history) if since is None or event.at >= since][:limit]

    @locked
    def record(self, key: str, events: Iterable[Event]) -> None:
        work = self.work(key)
        work.history = [*work.history, *events][-1000:]

    # Issues.

    @locked
    def find(self, works: Iterable[Work], wanted: Filter) -> IssuePage:
        found = [issue for work in works for issue in work.issues.values() if _fits(issue, wanted)]
        match wanted.sort:
            case "changed":
                found.sort(key=lambda issue: issue.changed, reverse=True)
            case "priority":
                found.sort(key=lambda issue: (-PRIORITIES.index(issue.priority), issue.number))
            case _:
                found.sort(key=lambda issue: issue.number)
        start = (wanted.page - 1) * wanted.per_page
        return IssuePage(len(found), wanted.page, found[start : start + wanted.per_page])

    @locked
    def assigned(self, user: User) -> dict[str, list[Issue]]:
        """The open issues of a user by project, those that have any."""
        mine = {
            key: [issue for issue in work.issues.values() if issue.assignee == user.login and issue.state == "open"]
            for key, work in self._work.items()
        }
        return {key: issues for key, issues in mine.items() if issues}

    @locked
    def open_issue(self, work: Work, new: NewIssue, reporter: User) -> Issue:
        self._check(work, new.labels, new.milestone)
        if work.project.archived:
            raise Refused("the project is archived")
        now = datetime.now(UTC)
        labels = list(dict.fromkeys(new.labels))
        issue = Issue(
            *(len(work.issues) + 1, new.title, new.text, "open", new.priority, labels, reporter.login, now, now),
            milestone=new.milestone,
        )
        work.issues[issue.number] = issue
        return issue

    @locked
    def edit_issue(self, work: Work, number: int, change: IssueChange) -> Issue:
        fields = {name: getattr(change, name) for name in change.__struct_fields__}
        given = {name: value for name, value in fields.items() if value is not msgspec.UNSET}
        self._check(work, (), given.get("milestone"))
        return self.change_issue(work, number, **given)

    @locked
    def change_issue(self, work: Work, number: int, **changes: Any) -> Issue:
        issue = msgspec.structs.replace(work.issue(number), changed=datetime.now(UTC), **changes)
        work.issues[number] = issue
        return issue

    @locked
    def close_issue(self, work: Work, number: int, resolution: Resolution) -> Issue:
        if work.issue(number).state == "closed":
            raise Refused("the issue is closed")
        return self.change_issue(work, number, state="closed", resolution=resolution)

    @locked
    def reopen(self, work: Work, number: int) -> Issue:
        if work.issue(number).state == "open":
            raise Refused("the issue is open")
        return self.change_issue(work, number, state="open", resolution=None)

    @locked
    def assign(self, work: Work, number: int, login: str | None) -> Issue:
        return self.change_issue(work, number, assignee=login and self.user(login).login)

    @locked
    def label_issue(self, work: Work, number: int, label: str) -> Issue:
        self._check(work, [label])
        return self.change_issue(work, number, labels=list(dict.fromkeys([*work.issue(number).labels, label])))

    @locked
    def unlabel_issue(self, work: Work, number: int, label: str) -> Issue:
        kept = [one for one in work.issue(number).labels if one != label]
        return self.change_issue(work, number, labels=kept)

    @locked
    def apply(self, work: Work, changes: Iterable[Close | Assign | AddLabel]) -> list[Issue]:
        """Make all changes, or none of them."""
        before = dict(work.issues)
        try:
            for change in changes:
                match change:
                    case Close():
                        self.close_issue(work, change.issue, change.resolution)
                    case Assign():
                        self.assign(work, change.issue, change.to)
                    case AddLabel():
                        self.label_issue(work, change.issue, change.label)
        except (Unknown, Refused):
            work.issues = before
            raise
        return [issue for number, issue in work.issues.items() if issue is not before[number]]

    # Comments.

    @locked
    def comments(self, work: Work, number: int) -> list[Comment]:
        work.issue(number)
        key = work.project.key
        return [one for owner, one in self._comments.values() if owner == key and one.issue == number]

    @locked
    def add_comment(self, work: Work, number: int, author: User, text: str) -> Comment:
        issue = work.issue(number)
        comment = Comment(next(self._ids), number, author.login, text, datetime.now(UTC))
        self._comments[comment.id] = (work.project.key, comment)
        self.change_issue(work, number, comments=issue.comments + 1)
        return comment

    @locked
    def comment(self, comment: int) -> Comment:
        return _known(self._comments, comment, "comment")[1]

    @locked
    def edit_comment(self, comment: Comment, text: str) -> Comment:
        edited = msgspec.structs.replace(comment, text=text, edited=True)
        self._comments[comment.id] = (self._comments[comment.id][0], edited)
        return edited

    @locked
    def delete_comment(self, comment: Comment) -> None:
        key, _ = self._comments.pop(comment.id)
        work = self._work[key]
        self.change_issue(work, comment.issue, comments=work.issue(comment.issue).comments - 1)

    # Labels and milestones.

    @locked
    def labels(self, work: Work) -> list[Label]:
        return list(work.labels.values())

    @locked
    def add_label(self, work: Work, label: Label) -> Label:
        if label.name in work.labels:
            raise Refused("there is a label of this name")
        work.labels[label.name] = label
        return label

    @locked
    def milestones(self, work: Work) -> list[Milestone]:
        return [_milestone(work, one) for one in work.milestones.values()]

    @locked
    def add_milestone(self, work: Work, new: NewMilestone) -> Milestone:
        milestone = Milestone(new.name, new.due, next(self._ids))
        work.milestones[milestone.id] = milestone
        return milestone

    @locked
    def change_milestone(self, work: Work, number: int, change: MilestoneChange) -> Milestone:
        milestone = _known(work.milestones, number, "milestone")
        fields = {name: getattr(change, name) for name in change.__struct_fields__}
        given = {name: value for name, value in fields.items() if value is not msgspec.UNSET}
        work.milestones[number] = msgspec.structs.replace(milestone, **given)
        return _milestone(work, work.milestones[number])

    def _check(self, work: Work, labels: Iterable[str], milestone: int | None = None) -> None:
        if any(label not in work.labels for label in labels):
            raise Refused("the project has no such label")
        if milestone is not None and milestone not in work.milestones:
            raise Refused("the project has no such milestone")


def _known(things: dict[Any, T], key: Any, what: str) -> T:
    if key not in things:
        raise Unknown(f"there is no such {what}")
    return things[key]


def _counted(work: Work) -> Project:
    count = sum(issue.state == "open" for issue in work.issues.values())
    return msgspec.structs.replace(work.project, open=count)


def _milestone(work: Work, milestone: Milestone) -> Milestone:
    states = Counter(issue.state for issue in work.issues.values() if issue.milestone == milestone.id)
    return msgspec.structs.replace(milestone, open=states["open"], closed=states["closed"])


def _fits(issue: Issue, wanted: Filter) -> bool:
    return (
        wanted.state in (None, issue.state)
        and set(wanted.label) <= set(issue.labels)
        and wanted.assignee in (None, issue.assignee)
        and (not wanted.priority or issue.priority in wanted.priority)
        and (wanted.changed_since is None or issue.changed >= _aware(wanted.changed_since))
        and wanted.q.lower() in f"{issue.title}\n{issue.text}".lower()
    )


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
