"""The back office: an application of its own, mounted at /admin. It could as well be served alone."""

from __future__ import annotations

from html import escape

from examples.tour.layers import Password
from examples.tour.layout import page
from examples.tour.library import Catalogue, Entry
from examples.tour.providers import open_catalogue

from nacre import Middleware, Nacre, Request, abort

USER, PASSWORD = "admin", "nacre"

admin = Nacre(
    name="admin",
    middlewares=[Middleware(Password, user=USER, password=PASSWORD)],
    providers=[open_catalogue],  # an application has providers of its own
)


@admin.error_handler(404)
def no_such_drawer(request, error):
    return page(request, "Admin", f"<h1>No such drawer</h1><p>{escape(error.detail)}</p>", 404)


@admin.get("/", hidden=True)
def overview(request: Request, catalogue: Catalogue):
    notes = "".join(
        f"<tr><td>RFC {note.number}<td>{escape(note.reader)}<td>{escape(note.text)}"
        f'<td><button class="quiet" data-delete="{request.url_for("remove", note=note.id)}">Delete</button>'
        for note in catalogue.notes()
    )
    read = "".join(f"<tr><td>RFC {number}<td>{escape(title)}<td>{n}" for number, title, n in catalogue.most_read())
    journal = "".join(f"<tr><td>{entry.at}<td>{escape(entry.entry)}" for entry in catalogue.journal())
    return page(
        request,
        "Admin",
        f"""
<h1>The back office</h1>
<h2>Notes</h2><table><tr><th>Document<th>Reader<th>Note<td>{notes}</table>
<h2>Most read</h2><table><tr><th>Document<th>Title<th>Times{read}</table>
<h2>Journal</h2><table><tr><th>When<th>What{journal}</table>""",
        script=DELETE,
    )


@admin.get("/journal", tags=["staff"])
def journal(catalogue: Catalogue) -> list[Entry]:
    """What happened lately, the latest first."""
    return catalogue.journal()


NO_SUCH = {404: ("There is no such note.", str, "text/html")}


@admin.delete("/notes/<uint(max=9999999):note>", tags=["staff"], responses=NO_SUCH)
def remove(catalogue: Catalogue, note: int) -> None:
    """Delete any reader's note."""
    if not catalogue.delete_note(note):
        abort(404, f"there is no note {note}")


DELETE = """
for (const button of document.querySelectorAll("[data-delete]"))
  button.addEventListener("click", async () => {
    const answer = await fetch(button.dataset.delete, {method: "DELETE"});
    if (answer.ok) location.reload();
  });
"""
