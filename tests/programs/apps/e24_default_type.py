"""Another content type for text, for one application only."""

from nacre import Nacre, Results


async def page(request):
    return "<h1>Reef</h1>"


app = Nacre(results=Results(text_type="text/html; charset=utf-8"))
app.add_route("/", page)
other = Nacre()
other.add_route("/", page)
app.mount("/other", other)
