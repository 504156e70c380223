"""The tracker's routes, and the layers in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from examples.tracker.models import (
    Batch,
    Closing,
    Comment,
    Event,
    Filter,
    Issue,
    IssueChange,
    IssuePage,
    Label,
    LabelName,
    Login,
    Milestone,
    MilestoneChange,
    NewComment,
    NewIssue,
    NewMilestone,
    NewProject,
    Problem,
    Project,
    ProjectChange,
    ProjectKey,
    Summary,
    User,
)
from examples.tracker.store import Refused, Tracker, Unknown, Work

from nacre import CallNext, Group, Header, Key, Nacre, Path, Provide, Query, Request, Response, abort, middleware
from nacre.openapi import OpenAPI

USER: Key[User] = Key("user")

# RFC 6750 §2.1. What is no token at all is a 422; one that nobody has is a 401.
TOKEN = r"^Bearer [A-Za-z0-9._~+/-]+=*$"

NO_SUCH = {404: ("There is no such thing in the tracker", Problem)}
RULED_OUT = {409: ("The tracker can't do that as things are", Problem)}
BOTH = {**NO_SUCH, **RULED_OUT}


# Layers.


@middleware(
    provides=USER,
    only=("POST", "PUT", "PATCH", "DELETE"),
    security={"bearer": {"type": "http", "scheme": "bearer"}},
    responses={401: "Nobody is known by this token"},
)
async def writers_sign_in(
    request: Request,
    call_next: CallNext,
    tracker: Tracker,
    bearer: Annotated[str | None, Header(alias="Authorization", pattern=TOKEN)] = None,
):
    """Everybody may read; who writes sends a token, in this example the login itself."""
    try:
        if bearer is None:
            raise Unknown
        request.state[USER] = tracker.user(bearer.removeprefix("Bearer "))
    except Unknown:
        abort(401, "sign in to write", headers={"www-authenticate": "Bearer"})
    return await call_next(request)


@middleware(provides=USER, security={"bearer": {"type": "http", "scheme": "bearer"}}, responses={401: "Sign in first"})
async def everybody_signs_in(
    request: Request,
    call_next: CallNext,
    tracker: Tracker,
    bearer: Annotated[str, Header(alias="Authorization")] = "",
):
    try:
        request.state[USER] = tracker.user(bearer.removeprefix("Bearer "))
    except Unknown:
        abort(401, "sign in first", headers={"www-authenticate": "Bearer"})
    return await call_next(request)


# Providers.


async def this_project(tracker: Tracker, key: Annotated[ProjectKey, Path()]) -> Work:
    return tracker.work(key)


class Log(list[Event]):
    """What a request does to a project."""

    def __init__(self, user: User) -> None:
        super().__init__()
        self._who = user.login

    def add(self, what: str, issue: int | None = None) -> None:
        self.append(Event(datetime.now(UTC), self._who, what, issue))


async def this_log(
    tracker: Tracker, user: Annotated[User, USER], key: Annotated[ProjectKey, Path()]
) -> AsyncIterator[Log]:
    """Goes into the project's history when the request is done, unless it failed."""
    log = Log(user)
    yield log
    tracker.record(key, log)


Here = Annotated[Work, Provide(this_project)]
Logged = Annotated[Log, Provide(this_log)]
Me = Annotated[User, USER]
Number = Annotated[int, Path(ge=1, le=1_000_000)]


# Projects.

projects = Group("/projects", tags=["projects"], middlewares=[writers_sign_in], inline=True)
one = Group("/<key>")


@projects.get("")
def list_projects(tracker: Tracker, archived: bool = False) -> list[Project]:
    """The projects, with the number of their open issues."""
    return tracker.projects(archived=archived)


@projects.post("", status_code=201, responses=RULED_OUT)
def add_project(request: Request, response: Response, tracker: Tracker, me: Me, project: NewProject) -> Project:
    """Begin a project; who does leads it."""
    response.headers["location"] = request.url_for("project", key=project.key)
    return tracker.add_project(project, me)


@one.get("", name="project", responses=NO_SUCH)
def show_project(tracker: Tracker, work: Here) -> Project:
    """One project."""
    return tracker.project(work)


@one.patch("", responses=NO_SUCH)
def change_project(tracker: Tracker, work: Here, log: Logged, change: ProjectChange) -> Project:
    """Change a project; what is left out stays."""
    log.add("changed the project")
    return tracker.change_project(work, change)


@one.post("/archive", responses={**NO_SUCH, 403: "Only who leads a project, or an administrator, archives it"})
def archive_project(tracker: Tracker, work: Here, me: Me, log: Logged) -> Project:
    """Archive a project: it can be read, and no issue can be opened in it."""
    if not me.is_admin and me.login != work.project.lead:
        abort(403, "only who leads the project archives it")
    log.add("archived the project")
    return tracker.archive(work)


@one.get("/summary", responses=NO_SUCH)
def summarize(tracker: Tracker, work: Here) -> Summary:
    """How many issues there are, by state, label and assignee."""
    return tracker.summary(work)


@one.get("/history", responses=NO_SUCH, exclude_none=True)
def history(
    tracker: Tracker,
    work: Here,
    since: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Event]:
    """What happened, the latest first."""
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return tracker.history(work, since, limit)


@one.post("/batch", responses=BOTH)
def change_many(tracker: Tracker, work: Here, log: Logged, batch: Batch) -> list[Issue]:
    """Close, assign and label many issues: all of them, or none. Returns those that were changed."""
    changed = tracker.apply(work, batch.changes)
    for issue in changed:
        log.add("changed many issues", issue.number)
    return changed


# Labels and milestones.

plans = Group(tags=["plans"])


@plans.get("/labels", responses=NO_SUCH)
def list_labels(tracker: Tracker, work: Here) -> list[Label]:
    """The labels that the project's issues may have."""
    return tracker.labels(work)


@plans.post("/labels", status_code=201, responses=BOTH)
def add_label(tracker: Tracker, work: Here, log: Logged, label: Label) -> Label:
    """Add a label."""
    log.add(f"added the label {label.name}")
    return tracker.add_label(work, label)


@plans.get("/milestones", responses=NO_SUCH)
def list_milestones(tracker: Tracker, work: Here) -> list[Milestone]:
    """The milestones, with how far they are."""
    return tracker.milestones(work)


@plans.post("/milestones", status_code=201, responses=NO_SUCH)
def add_milestone(tracker: Tracker, work: Here, log: Logged, milestone: NewMilestone) -> Milestone:
    """Plan a milestone."""
    log.add(f"planned {milestone.name}")
    return tracker.add_milestone(work, milestone)


@plans.patch("/milestones/<int:number>", responses=NO_SUCH)
def change_milestone(tracker: Tracker, work: Here, log: Logged, number: Number, change: MilestoneChange) -> Milestone:
    """Change a milestone; what is left out stays."""
    log.add("changed a milestone")
    return tracker.change_milestone(work, number, change)


# Issues.

issues = Group("/issues", tags=["issues"])


@issues.get("", responses=NO_SUCH)
def list_issues(tracker: Tracker, work: Here, wanted: Annotated[Filter, Query()]) -> IssuePage:
    """The issues of a project that fit the query."""
    return tracker.find([work], wanted)


@issues.post("", status_code=201, responses=BOTH)
def open_issue(
    request: Request, response: Response, tracker: Tracker, work: Here, me: Me, log: Logged, issue: NewIssue
) -> Issue:
    """Open an issue."""
    opened = tracker.open_issue(work, issue, me)
    log.add("opened", opened.number)
    response.headers["location"] = request.url_for("issue", key=work.project.key, number=opened.number)
    return opened


@issues.get("/<int:number>", name="issue", responses=NO_SUCH)
def show_issue(work: Here, number: Number) -> Issue:
    """One issue."""
    return work.issue(number)


@issues.patch("/<int:number>", responses=BOTH)
def edit_issue(tracker: Tracker, work: Here, number: Number, log: Logged, change: IssueChange) -> Issue:
    """Change an issue; what is left out stays."""
    log.add("edited", number)
    return tracker.edit_issue(work, number, change)


@issues.post("/<int:number>/close", responses=BOTH)
def close_issue(tracker: Tracker, work: Here, number: Number, log: Logged, closing: Closing) -> Issue:
    """Close an issue, and say how it ended."""
    log.add(f"closed as {closing.resolution}", number)
    return tracker.close_issue(work, number, closing.resolution)


@issues.post("/<int:number>/reopen", responses=BOTH)
def reopen_issue(tracker: Tracker, work: Here, number: Number, log: Logged) -> Issue:
    """Open an issue again."""
    log.add("opened again", number)
    return tracker.reopen(work, number)


@issues.put("/<int:number>/assignee/<login>", responses=NO_SUCH)
def assign(tracker: Tracker, work: Here, number: Number, log: Logged, login: Annotated[Login, Path()]) -> Issue:
    """Give an issue to somebody."""
    log.add(f"assigned {login}", number)
    return tracker.assign(work, number, login)


@issues.delete("/<int:number>/assignee", responses=NO_SUCH)
def unassign(tracker: Tracker, work: Here, number: Number, log: Logged) -> Issue:
    """Take an issue from who had it."""
    log.add("unassigned", number)
    return tracker.assign(work, number, None)


@issues.put("/<int:number>/labels/<label>", responses=BOTH)
def add_label_to_issue(
    tracker: Tracker, work: Here, number: Number, log: Logged, label: Annotated[LabelName, Path()]
) -> Issue:
    """Put one of the project's labels on an issue."""
    log.add(f"labelled {label}", number)
    return tracker.label_issue(work, number, label)


@issues.delete("/<int:number>/labels/<label>", responses=NO_SUCH)
def take_label_off(
    tracker: Tracker, work: Here, number: Number, log: Logged, label: Annotated[LabelName, Path()]
) -> Issue:
    """Take a label off an issue."""
    log.add(f"took off {label}", number)
    return tracker.unlabel_issue(work, number, label)


# Comments.

comments = Group(tags=["comments"], inline=True)


async def my_comment(tracker: Tracker, me: Me, comment: Number) -> Comment:
    """A comment of who asks; that of somebody else is as good as none, except for administrators."""
    found = tracker.comment(comment)
    if found.author != me.login and not me.is_admin:
        raise Unknown("you have written no such comment")
    return found


MyComment = Annotated[Comment, Provide(my_comment)]


@issues.get("/<int:number>/comments", tags=["comments"], responses=NO_SUCH)
def list_comments(tracker: Tracker, work: Here, number: Number) -> list[Comment]:
    """The comments on an issue, oldest first."""
    return tracker.comments(work, number)


@issues.post("/<int:number>/comments", tags=["comments"], status_code=201, responses=NO_SUCH)
def add_comment(tracker: Tracker, work: Here, number: Number, me: Me, log: Logged, comment: NewComment) -> Comment:
    """Comment on an issue."""
    log.add("commented", number)
    return tracker.add_comment(work, number, me, comment.text)


@comments.patch("/comments/<int:comment>", middlewares=[writers_sign_in], responses=NO_SUCH)
def edit_comment(tracker: Tracker, written: MyComment, change: NewComment) -> Comment:
    """Change the text of a comment."""
    return tracker.edit_comment(written, change.text)


@comments.delete("/comments/<int:comment>", middlewares=[writers_sign_in], responses=NO_SUCH)
def delete_comment(tracker: Tracker, written: MyComment) -> None:
    """Delete a comment."""
    tracker.delete_comment(written)


# People.

people = Group(tags=["people"], inline=True)
me = Group("/me", middlewares=[everybody_signs_in])


@people.get("/users/<login>", responses=NO_SUCH, exclude_fields=["is_admin"])
def show_user(tracker: Tracker, login: Annotated[Login, Path()]) -> User:
    """Who somebody is."""
    return tracker.user(login)


@me.get("")
def who_am_i(me: Me) -> User:
    """Who the token stands for."""
    return me


@me.get("/issues")
def my_issues(tracker: Tracker, me: Me) -> dict[str, list[Issue]]:
    """The open issues of who asks, by project."""
    return tracker.assigned(me)


@people.get("/search")
def search(tracker: Tracker, wanted: Annotated[Filter, Query()]) -> IssuePage:
    """The issues of all projects that fit the query."""
    return tracker.find([tracker.work(project.key) for project in tracker.projects(archived=True)], wanted)


people.include(me)
one.include(plans)
one.include(issues)
projects.include(one)


def build() -> Nacre:
    app = Nacre(name="tracker", max_body=1_000_000)

    @app.provider(scope="app")
    def tracker() -> Tracker:
        return Tracker()

    @app.error_handler(404, inline=True)
    def nothing_here(request: Request):
        return Problem("there is nothing here"), 404

    @app.error_handler(Unknown, inline=True)
    def unknown(request: Request, error: Unknown):
        return Problem(str(error)), 404

    @app.error_handler(Refused, inline=True)
    def refused(request: Request, error: Refused):
        return Problem(str(error)), 409

    for group in (projects, comments, people):
        app.include(group)
    app.include(OpenAPI(title="Issue tracker", version="1.0"))
    return app


app = build()
