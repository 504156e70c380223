"""Cargo, as a BlackSheep program."""

from dataclasses import dataclass

from nacre.dialects.blacksheep import Application, FromJSON, Request, Response, Router, json

router = Router()
app = Application(router=router)


@dataclass
class Crate:
    label: str
    kilograms: float


async def weighed(request: Request, handler):
    response: Response = await handler(request)
    response.add_header(b"x-scales", b"calibrated")
    return response


app.middlewares.append(weighed)


@router.post("/crates")
async def store(crate: FromJSON[Crate]):
    return json({"stored": crate.value.label, "heavy": crate.value.kilograms > 50}, status=201)


@router.get("/crates/{int:number}")
async def find(number: int):
    return {"number": number}
