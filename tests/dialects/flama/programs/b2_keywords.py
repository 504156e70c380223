"""Twin of B2: a class registered with a keyword, and once more without it."""

from flama import Flama, http, types, websockets
from flama.middleware import Middleware

built = []
seen = []


class Porthole:
    def __init__(self, app: types.App, shade: str = "clear"):
        self.app = app
        self.shade = shade
        built.append(shade)

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send):
        seen.append(f"{self.shade}: {scope['type']} in")
        await self.app(scope, receive, send)
        seen.append(f"{self.shade}: {scope['type']} out")


app = Flama(
    middleware=[
        Middleware(Porthole, shade="smoked"),
        Middleware(Porthole),
    ]
)


@app.route("/cabin")
async def cabin():
    return http.PlainTextResponse("You see the stars.")


@app.websocket_route("/bridge")
async def bridge(websocket: websockets.WebSocket):
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()
