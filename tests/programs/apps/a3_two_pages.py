"""Two pages that take no variables; one handler asks for no request."""

from nacre import Nacre

app = Nacre()


@app.get("/")
def shore():
    return "You stand on the shore."


@app.get("/reef")
async def reef(request):
    return "You look down at the reef."
