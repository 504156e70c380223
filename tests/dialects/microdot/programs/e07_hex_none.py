from microdot import Microdot, URLPattern


def parse(text):
    try:
        return int(text, 16)
    except ValueError:
        return None


URLPattern.register_type("hex", parser=parse)

app = Microdot()


@app.get("/buoys/<hex:code>")
async def buoy(request, code):
    return str(code)
