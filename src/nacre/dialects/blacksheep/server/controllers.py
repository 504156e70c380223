"""Controllers: classes whose methods are handlers, with an object made for each request."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from nacre.binding import Provide
from nacre.callables import is_async
from nacre.dialects.blacksheep.messages import Request, Response
from nacre.dialects.blacksheep.server import responses
from nacre.dialects.blacksheep.server.bindings import rebound
from nacre.dialects.blacksheep.server.normalization import ensure_response
from nacre.dialects.blacksheep.server.routing import RegisteredRoute, Route, Router, controllers_routes, router

get = controllers_routes.get
post = controllers_routes.post
put = controllers_routes.put
patch = controllers_routes.patch
delete = controllers_routes.delete
head = controllers_routes.head
options = controllers_routes.options
trace = controllers_routes.trace
ws = controllers_routes.ws
route = controllers_routes.route

_METHOD = inspect.Parameter.POSITIONAL_ONLY


def abstract() -> Callable[[type], type]:
    """Have a controller's methods served only by those that derive from it."""

    def mark(cls: type) -> type:
        router.controllers[:] = [one for one in router.controllers if one is not cls]
        return cls

    return mark


class Controller:
    """Derive from it to have the methods that are decorated with `get` and the others of this module served.

    Constructors are given what their annotations ask for. A class is of the default router; those of another one are
    registered with `app.register_controllers`.
    """

    own_routes: ClassVar[list[RegisteredRoute]] = []
    """The declarations of the class's methods, inherited ones too."""

    def __init_subclass__(cls) -> None:
        functions = {id(inspect.unwrap(one)): name for name, one in vars(cls).items() if inspect.isroutine(one)}
        taken = [one for one in controllers_routes.routes if id(inspect.unwrap(one.handler)) in functions]
        controllers_routes.routes[:] = [one for one in controllers_routes.routes if one not in taken]
        inherited = [one for one in cls.own_routes if getattr(cls, one.handler.__name__, None) is one.handler]
        cls.own_routes = [*inherited, *taken]
        if cls.own_routes:
            router.controllers.append(cls)
            if router.owner is not None and router.owner.is_configured:
                register_controller(router, cls)

    @classmethod
    def route(cls) -> str | None:
        """The prefix of its paths; None for none."""
        return None

    @classmethod
    def class_name(cls) -> str:
        """Its name in lower case, without "Controller"."""
        return cls.__name__.lower().removesuffix("controller")

    async def on_request(self, request: Request) -> None:
        """Called before each of its handlers."""

    async def on_response(self, response: Response) -> None:
        """Called after each of its handlers."""

    # The functions of `server.responses`, as methods.
    status_code = staticmethod(responses.status_code)
    ok = staticmethod(responses.ok)
    created = staticmethod(responses.created)
    accepted = staticmethod(responses.accepted)
    no_content = staticmethod(responses.no_content)
    json = staticmethod(responses.json)
    pretty_json = staticmethod(responses.pretty_json)
    text = staticmethod(responses.text)
    html = staticmethod(responses.html)
    moved_permanently = staticmethod(responses.moved_permanently)
    redirect = staticmethod(responses.redirect)
    see_other = staticmethod(responses.see_other)
    not_modified = staticmethod(responses.not_modified)
    temporary_redirect = staticmethod(responses.temporary_redirect)
    permanent_redirect = staticmethod(responses.permanent_redirect)
    bad_request = staticmethod(responses.bad_request)
    unauthorized = staticmethod(responses.unauthorized)
    forbidden = staticmethod(responses.forbidden)
    not_found = staticmethod(responses.not_found)
    file = staticmethod(responses.file)


class APIController(Controller):
    """A controller below `/api/`: its paths begin with its version, if it has one, and its name."""

    @classmethod
    def version(cls) -> str:
        """The version, which stands in the path; a class's name may end with it, in capitals."""
        return ""

    @classmethod
    def route(cls) -> str | None:
        name, version = cls.class_name(), cls.version()
        parts = ["api", version, name.removesuffix(version) if version else name]
        return "/" + "/".join(part for part in parts if part)


ApiController = APIController


def register_controller(served_by: Router, controller: type) -> None:
    """Serve a controller's methods by a router. Raises RouteDuplicate for paths that it has already."""
    served_by.want(controller)
    for declared in controller.own_routes if issubclass(controller, Controller) else ():
        prefix = _prefix_of(controller)
        path = (declared.pattern or "").strip("/") if prefix else declared.pattern or "/"
        pattern = f"/{prefix.strip('/')}/{path}".rstrip("/") or "/" if prefix else path
        served_by.add(
            declared.method,
            pattern,
            _endpoint(controller, declared.handler, Route(pattern, None).param_names),
            name=declared.name,
        )


def _prefix_of(controller: Any) -> str:
    """What `route` says: a method of the class's, or the prefix itself."""
    said = controller.route
    prefix: Any = said() if callable(said) else said
    return prefix.decode() if isinstance(prefix, bytes) else prefix or ""


def _endpoint(controller: type, method: Callable[..., Any], variables: list[str]) -> Callable[..., Any]:
    """A function that has an object made, and calls its method."""
    first = [inspect.Parameter("self", _METHOD)]
    asked = [one for one in rebound(method, variables, first).parameters.values() if one.name != "self"]
    place = next((at for at, one in enumerate(asked) if one.name == "request"), None)
    more = [one for one in asked if one.name != "request"]

    @functools.wraps(method)
    async def endpoint(request: Request, controller_object: Any, *values: Any, **named: Any) -> Response:
        await controller_object.on_request(request)
        if place is not None:
            values = (*values[:place], request, *values[place:])
        result = method(controller_object, *values, **named)
        response = ensure_response(await result if is_async(method) else result)
        await controller_object.on_response(response)
        return response

    made = inspect.Parameter("controller_object", _METHOD, annotation=Annotated[Any, Provide(controller, inline=True)])
    request = inspect.Parameter("request", _METHOD, annotation=Request)
    endpoint.__signature__ = inspect.Signature([request, made, *more])  # type: ignore[attr-defined]
    return endpoint
