"""Twin of B1: a class that wraps the next application and changes nothing."""

from flama import types


class Porthole:
    def __init__(self, app: types.App, shade: str = "clear"):
        self.app = app
        self.shade = shade

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send):
        if scope["type"] == "http":

            async def watched_send(message: types.Message):
                if message["type"] == "http.response.start":
                    pass  # the place for changes of the header fields
                await send(message)

            await self.app(scope, receive, watched_send)
        else:
            await self.app(scope, receive, send)
