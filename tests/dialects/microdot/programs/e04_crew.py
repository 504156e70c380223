from microdot import Microdot

app = Microdot()


@app.route("/crew/aboard")
async def aboard(request):
    return "Aboard: Mei, Ravi and Lotte"
