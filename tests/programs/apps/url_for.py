"""URLs built from names, through groups and mounts, that lead back to their route."""

from nacre import Group, Nacre

inner = Group("/<lang>", name="inner")


@inner.get("/words/<path:word>", name="word")
async def word(request, lang, word):
    return {"lang": lang, "word": word, "query": request.query.get("page")}


child = Nacre()
child.include(inner, prefix="/deep")

app = Nacre()
app.mount("/mounted", child, name="child")
app.include(inner, prefix="/direct")


@app.get("/build")
async def build(request):
    return [
        request.url_for("inner:word", lang="fr", word="mère/de perle", page=2),
        request.url_for("child:inner:word", lang="de", word="100% Perl", page=None),
    ]
