from microdot import Microdot, URLPattern

URLPattern.register_type("hex", pattern="[0-9a-fA-F]+", parser=lambda text: int(text, 16))

app = Microdot()


@app.get("/buoys/<hex:code>")
async def buoy(request, code):
    return str(code)
