"""Errors answered as JSON: by status, by class, by the most specific class."""

from nacre import Nacre, abort

app = Nacre()


@app.error_handler(404)
async def unknown(request):
    return {"error": "nothing here"}


@app.error_handler(ArithmeticError)
def arithmetic(request, error):
    return {"error": "bad sum"}, 400


@app.error_handler(ZeroDivisionError)
def division(app, request, error):
    return {"error": f"no share: {error}"}, 422


@app.get("/share/<int:pearls>/<int:divers>")
async def share(request, pearls, divers):
    return {"each": pearls // divers}


@app.get("/overflow")
async def overflow(request):
    raise OverflowError("too many pearls")


@app.get("/taken")
async def taken(request):
    abort(409, "somebody else has it")
