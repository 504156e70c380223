"""Catches that pages of one other site may read, with the cookies of whoever looks at them."""

from nacre import Nacre
from nacre.security import CORS

app = Nacre(middlewares=[CORS(["https://market.example"], credentials=True)])


@app.get("/catches")
async def catches():
    return ["sole", "crab"]
