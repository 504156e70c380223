from microdot import Microdot, URLPattern


def parse(text):
    return int(text, 16) if set(text.lower()) <= set("0123456789abcdef") else None


URLPattern.register_type("hex", parser=parse)

app = Microdot()


@app.get("/buoys/<hex:code>")
async def buoy(request, code):
    return str(code)
