"""Whole applications under a prefix: paths inside and outside of them, and how those that are no Nacre are called."""

from __future__ import annotations

from typing import Any

from nacre.callables import Call, is_async, prepare_call
from nacre.chain.asgi import replay, respond, scope_of
from nacre.chain.asgi_upgrade import receive_from, upgrade_by
from nacre.chain.layer import Tools
from nacre.chain.stage import Stage
from nacre.chain.wsgi import wsgi_endpoint
from nacre.errors import NotFound
from nacre.request import Request
from nacre.response import Response


def enter_mount(stage: Stage, prefix: str, app: Any) -> Stage:
    """Let those inside a mounted application see its own paths, and those outside the whole ones."""

    handle, inline = stage.handle, stage.inline

    def enter(request: Request) -> tuple[str, str, Any]:
        outside = request.path, request.root_path, request.app
        request.path = request.path[len(prefix) :] or "/"
        request.root_path += prefix
        request.app = app
        return outside

    async def mounted(request: Request) -> Response:
        outside = enter(request)
        try:
            return await handle(request)
        finally:
            request.path, request.root_path, request.app = outside

    if inline is None:
        return Stage(mounted, None)

    def mounted_in_thread(request: Request) -> Response:
        outside = enter(request)
        try:
            return inline(request)
        finally:
            request.path, request.root_path, request.app = outside

    return Stage(mounted, mounted_in_thread)


def foreign_call(app: Any, prefix: str, label: str, tools: Tools) -> Call:
    """How an application that is no Nacre is called: an ASGI one is driven in the task, a WSGI one in a thread."""

    def relocate(request: Request) -> tuple[str, str]:
        outside = request.path, request.root_path
        request.path = request.path[len(prefix) :] or "/"
        request.root_path += prefix
        return outside

    if is_async(app):

        async def asgi(request: Request) -> Response:
            outside = relocate(request)
            try:
                scope = scope_of(request)
                scope.pop("router", None)  # frameworks take one that is there for their own
                if request.websocket is not None:
                    return await upgrade_by(app, scope, receive_from(request.websocket.channel), request, label)
                return await respond(app, scope, replay(request, keep=False), request, label)
            finally:
                request.path, request.root_path = outside

        return Call(asgi, None)
    answer = wsgi_endpoint(app, label)

    def wsgi(request: Request) -> Response:
        if request.websocket is not None:
            raise NotFound
        outside = relocate(request)
        try:
            return answer(request)
        finally:
            request.path, request.root_path = outside

    return prepare_call(wsgi, tools.threads)
