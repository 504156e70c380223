from microdot import Microdot

app = Microdot()


@app.get("/orders")
async def list_orders(request):
    return "list of orders"


@app.post("/orders")
async def take_order(request):
    return "an order is taken"
