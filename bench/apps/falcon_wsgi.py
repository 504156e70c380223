"""Falcon on WSGI, which has neither typed bodies nor providers; a layer is a component."""

from __future__ import annotations

from typing import Any

from falcon import MEDIA_TEXT, App, HTTPBadRequest, HTTPConflict, Request, Response

from bench.apps.orders import validate_order
from bench.workloads import (
    MESSAGE,
    TEXT,
    Setting,
    dynamic_path,
    served_file,
    static_path,
    upload_answer,
    validate_item,
)


class Plain:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = MEDIA_TEXT
        resp.text = TEXT.decode()


class Message:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.media = MESSAGE


class Post:
    def on_get(self, req: Request, resp: Response, user_id: int, slug: str) -> None:
        resp.media = {"user_id": user_id, "slug": slug, "limit": req.get_param_as_int("limit", required=True)}


class Item:
    def on_post(self, req: Request, resp: Response) -> None:
        try:
            resp.media = validate_item(req.get_media())
        except ValueError as error:
            raise HTTPBadRequest from error


class Conflict:
    def on_get(self, req: Request, resp: Response) -> None:
        raise HTTPConflict(title="taken")


class Order:
    def on_post(self, req: Request, resp: Response) -> None:
        form = req.get_media()
        try:
            resp.media = validate_order(form, form.get("tags", ()))
        except ValueError as error:
            raise HTTPBadRequest from error


class Upload:
    def on_post(self, req: Request, resp: Response) -> None:
        title = ""
        for part in req.get_media():
            if part.name == "title":
                title = part.get_text()
            elif part.name == "upload":
                data = part.stream.read()
                resp.media = upload_answer(part.name, title, part.filename, data)


class Fixed:
    def __init__(self, index: int) -> None:
        self.index = index

    def on_get(self, req: Request, resp: Response) -> None:
        resp.media = {"route": self.index}


class Numbered:
    def __init__(self, index: int) -> None:
        self.index = index

    def on_get(self, req: Request, resp: Response, number: int) -> None:
        resp.media = {"route": self.index, "number": number}


class AddHeader:
    def __init__(self, name: str, value: str) -> None:
        self.field = (name, value)

    def process_response(self, req: Request, resp: Response, resource: Any, req_succeeded: bool) -> None:
        resp.append_header(*self.field)


def build(setting: Setting) -> App[Request, Response]:
    app = App(middleware=[AddHeader(*field) for field in setting.added_headers()])
    app.add_route("/plain", Plain())
    app.add_route("/json", Message())
    app.add_route("/users/{user_id:int}/posts/{slug}", Post())
    app.add_route("/items", Item())
    app.add_route("/conflict", Conflict())
    app.add_route("/orders", Order())
    app.add_route("/uploads", Upload())
    app.add_static_route("/files", str(served_file().parent))
    for index in range(setting.routes):
        app.add_route(static_path(index), Fixed(index))
        app.add_route(dynamic_path(index, "{number:int}"), Numbered(index))
    return app


app = build(Setting.from_environment())
