"""An application put together from parts that know nothing of each other."""

from nacre import Group, Nacre

buyers = Group()


@buyers.get("/")
async def all_buyers(request):
    return "all buyers"


@buyers.post("/")
async def new_buyer(request):
    return "a new buyer"


auctions = Group()


@auctions.get("/")
async def all_auctions(request):
    return "all auctions"


@auctions.post("/")
async def new_auction(request):
    return "a new auction"


def create_app():
    app = Nacre()
    app.include(buyers, prefix="/buyers")
    app.include(auctions, prefix="/auctions")
    return app


app = create_app()
