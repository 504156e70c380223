"""Routes by host, one of them with a variable in it."""

from nacre import Group, Nacre

app = Nacre()
tenant = Group(host="<name>.pearls.example")


@tenant.get("/")
async def tenant_home(request, name):
    return f"shop of {name}"


@tenant.get("/<int:item>")
async def tenant_item(request, item, name):
    return f"{name} sells {item}"


app.include(tenant)


@app.get("/", host="admin.pearls.example")
async def admin(request):
    return "the office"


@app.get("/")
async def anyone(request):
    return "the street"
