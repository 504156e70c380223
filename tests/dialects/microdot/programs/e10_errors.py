from microdot import Microdot

app = Microdot()


@app.errorhandler(404)
async def no_such_thing(request):
    return {"problem": "no such berth"}, 404


@app.errorhandler(ZeroDivisionError)
async def no_division(request, exception):
    return {"problem": "nobody to share with"}, 500


@app.errorhandler(ArithmeticError)
async def no_sums(request, exception):
    return {"problem": type(exception).__name__}, 500


@app.get("/share/<int:crew>")
async def share(request, crew):
    return str(12 // crew)


@app.get("/overflow")
async def overflow(request):
    raise OverflowError("too much")
