"""A record that arrives as JSON."""

from nacre import Nacre

app = Nacre()
catches = []


@app.post("/catches")
async def record_catch(request):
    catches.append(await request.json())
    return {"recorded": len(catches)}
