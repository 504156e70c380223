from microdot import Microdot

app = Microdot()


@app.route("/orders", methods=["GET", "POST"])
async def orders(request):
    if request.method == "GET":
        return "list of orders"
    return "an order is taken"
