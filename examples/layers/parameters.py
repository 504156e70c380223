from typing import Annotated

import msgspec

from nacre import Header, Nacre, Provide, Query


class Order(msgspec.Struct):
    item: str
    count: int


def stock() -> dict[str, int]:
    return {"pearl": 3}


async def signed(request, call_next, token: str = Header(alias="Authorization", pattern="^Bearer ")):
    return await call_next(request)


app = Nacre(middlewares=[signed])


@app.post("/orders/<shop>", status_code=201)
async def order(
    shop: str,
    order: Order,
    coupons: Annotated[list[str], Query(alias="coupon", max_length=3, default_factory=list)],
    express: bool = False,
    stock: dict[str, int] = Provide(stock),
):
    return {"shop": shop, "left": stock[order.item] - order.count, "express": express, "coupons": coupons}
