from microdot import Microdot

app = Microdot()


@app.route("/orders", methods=["GET"])
async def list_orders(request):
    return "list of orders"


@app.route("/orders", methods=["POST"])
async def take_order(request):
    return "an order is taken"
