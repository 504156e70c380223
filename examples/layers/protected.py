from nacre import Nacre
from nacre.auth import APIKey, Authentication, requires
from nacre.security import CORS


def find(key: str) -> dict[str, object] | None:
    return {"name": "ada", "roles": ["editor"]} if key == "mother-of-pearl" else None


app = Nacre(
    secure=True,  # headers that browsers protect pages by, forms of other sites refused
    middlewares=[CORS(["https://shop.example"]), Authentication(APIKey(find), roles=lambda user: user["roles"])],
)


@app.get("/me")
async def me(request):
    return {"user": request.user["name"] if request.user else None}


@app.delete("/articles/<int:number>")
@requires(roles=["editor"])
async def remove(number: int):
    return 204
