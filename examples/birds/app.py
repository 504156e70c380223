"""The survey's routes, and the layers in front of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from examples.birds.models import (
    About,
    Client,
    Code,
    Family,
    Imported,
    Latitude,
    LifeList,
    Login,
    Longitude,
    Month,
    NearSite,
    NewSighting,
    NewSite,
    Observer,
    Photo,
    Problem,
    Registration,
    Sighting,
    SightingChange,
    Site,
    Slug,
    Species,
    WhichSightings,
    WhichSpecies,
)
from examples.birds.store import Image, Refused, Survey, Unknown

from nacre import (
    CallNext,
    File,
    Form,
    Group,
    Header,
    Key,
    Nacre,
    Path,
    Provide,
    Query,
    Request,
    Response,
    StreamingResponse,
    abort,
    middleware,
)
from nacre.forms import UploadFile
from nacre.openapi import OpenAPI

OBSERVER: Key[Observer] = Key("observer")

# RFC 6750 §2.1. What is no token at all is a 422; one that nobody has is a 401.
TOKEN = r"^Bearer [A-Za-z0-9._~+/-]+=*$"

NO_SUCH = {404: ("There is no such thing in the survey", Problem)}
RULED_OUT = {409: ("The survey can't do that as things are", Problem)}
BOTH = {**NO_SUCH, **RULED_OUT}

Number = Annotated[int, Path(ge=1, le=2**53)]


# Layers.


@middleware(
    provides=OBSERVER,
    security={"bearer": {"type": "http", "scheme": "bearer"}},
    responses={401: "Nobody is known by this token"},
)
async def signed_in(
    request: Request,
    call_next: CallNext,
    survey: Survey,
    bearer: Annotated[str | None, Header(alias="Authorization", pattern=TOKEN)] = None,
):
    """Let pass who sends a token, in this example the login itself."""
    observer = survey.observers.get(bearer.removeprefix("Bearer ")) if bearer else None
    if observer is None:
        abort(401, "sign in first", headers={"www-authenticate": "Bearer"})
    request.state[OBSERVER] = observer
    return await call_next(request)


@middleware(requires=OBSERVER, responses={403: "This is done by experts"})
async def experts_only(request: Request, call_next: CallNext, observer: Annotated[Observer, OBSERVER]):
    if not observer.is_expert:
        abort(403, "this is done by experts")
    return await call_next(request)


# Providers.


async def the_sighting(survey: Survey, number: Number) -> Sighting:
    return survey.sighting(number)


async def my_sighting(
    observer: Annotated[Observer, OBSERVER], sighting: Annotated[Sighting, Provide(the_sighting)]
) -> Sighting:
    """The sighting, for who entered it."""
    if sighting.observer != observer.login:
        raise Unknown("you have entered no such sighting")
    return sighting


async def the_image(survey: Survey, number: Number) -> Image:
    return survey.image(number)


async def the_site(survey: Survey, slug: Annotated[Slug, Path()]) -> Site:
    return survey.site(slug)


async def the_species(survey: Survey, code: Annotated[Code, Path()]) -> Species:
    return survey.one_species(code)


async def the_observer(survey: Survey, login: Annotated[Login, Path()]) -> Observer:
    return survey.observer(login)


Me = Annotated[Observer, OBSERVER]
TheSighting = Annotated[Sighting, Provide(the_sighting)]
MySighting = Annotated[Sighting, Provide(my_sighting)]
TheImage = Annotated[Image, Provide(the_image)]
TheSite = Annotated[Site, Provide(the_site)]
TheSpecies = Annotated[Species, Provide(the_species)]
TheObserver = Annotated[Observer, Provide(the_observer)]


# Species and sites.

species = Group("/species", tags=["species"])
sites = Group("/sites", tags=["sites"])


@species.get("")
async def list_species(survey: Survey, which: Annotated[WhichSpecies, Query()]) -> list[Species]:
    """The species of the survey."""
    return survey.find_species(which)


@species.get("/families")
async def list_families(survey: Survey) -> list[Family]:
    """The families, with the number of their species."""
    return survey.families()


@species.get("/<code>", responses=NO_SUCH)
async def one_species(species: TheSpecies) -> Species:
    """One species."""
    return species


@species.get("/<code>/months", responses=NO_SUCH)
async def months_of_species(survey: Survey, species: TheSpecies) -> list[Month]:
    """In which months a species was seen."""
    return survey.months(species)


@sites.get("")
async def list_sites(survey: Survey) -> list[Site]:
    """The sites of the survey."""
    return list(survey.sites.values())


@sites.get("/near")
async def near_sites(
    survey: Survey, latitude: Latitude, longitude: Longitude, within: Annotated[float, Query(gt=0, le=20_000)] = 500
) -> list[NearSite]:
    """The sites within so many kilometres, the nearest first."""
    return survey.near(latitude, longitude, within)


@sites.post("", middlewares=[signed_in, experts_only], status_code=201, responses=RULED_OUT)
async def add_site(request: Request, response: Response, survey: Survey, site: NewSite) -> Site:
    """Add a site."""
    response.headers["location"] = request.url_for("site", slug=site.slug)
    return survey.add_site(site)


@sites.get("/<slug>", name="site", responses=NO_SUCH)
async def one_site(site: TheSite) -> Site:
    """One site."""
    return site


@sites.get("/<slug>/species", responses=NO_SUCH)
async def species_of_site(survey: Survey, site: TheSite) -> list[Species]:
    """What was seen at a site."""
    return survey.species_at(site)


# Observers.

observers = Group("/observers", tags=["observers"])


@observers.post("", status_code=201, responses=RULED_OUT)
async def register(survey: Survey, registration: Annotated[Registration, Form()]) -> Observer:
    """Take part in the survey."""
    return survey.register(registration)


@observers.get("/<login>", responses=NO_SUCH, include_fields=["login", "name", "is_expert"])
async def one_observer(observer: TheObserver) -> Observer:
    """Who somebody is."""
    return observer


@observers.get("/<login>/life-list", responses=NO_SUCH)
async def life_list(survey: Survey, observer: TheObserver) -> LifeList:
    """What somebody has seen, and when for the first time."""
    return survey.life_list(observer)


# Sightings.

sightings = Group("/sightings", tags=["sightings"])
entering = Group(middlewares=[signed_in])


@sightings.get("", exclude_none=True)
async def list_sightings(survey: Survey, which: Annotated[WhichSightings, Query()]) -> list[Sighting]:
    """What was seen, the latest first."""
    return survey.find(which)


@sightings.get("/export", responses={200: ("All sightings", str, "text/csv")})
def export(survey: Survey) -> StreamingResponse:
    """All sightings as a file."""
    headers = {"content-disposition": 'attachment; filename="sightings.csv"'}
    return StreamingResponse(survey.as_csv(), headers=headers, content_type="text/csv")


@sightings.get("/<int:number>", name="sighting", responses=NO_SUCH)
async def one_sighting(sighting: TheSighting) -> Sighting:
    """One sighting."""
    return sighting


@entering.post("", status_code=201, responses=RULED_OUT)
async def enter(request: Request, response: Response, survey: Survey, me: Me, sighting: NewSighting) -> Sighting:
    """Enter what was seen."""
    entered = survey.enter(sighting, me)
    response.headers["location"] = request.url_for("sighting", number=entered.id)
    return entered


@entering.post("/import", max_body=500_000, responses=RULED_OUT)
def enter_many(survey: Survey, me: Me, lines: Annotated[UploadFile, File()]) -> Imported:
    """Enter a file of lines `day,site,species,count,note`; lines that can't be entered are listed."""
    try:
        added, refused = survey.enter_lines(lines.data.decode(), me)
    except UnicodeDecodeError:
        raise Refused("the file isn't UTF-8") from None
    return Imported(added=added, refused=refused)


@entering.patch("/<int:number>", responses=NO_SUCH)
async def change(survey: Survey, sighting: MySighting, change: SightingChange) -> Sighting:
    """Change a sighting of one's own; what is left out stays."""
    return survey.change(sighting, change)


@entering.delete("/<int:number>", responses=NO_SUCH)
async def forget(survey: Survey, sighting: MySighting) -> None:
    """Delete a sighting of one's own."""
    survey.forget(sighting)


@entering.post("/<int:number>/confirm", middlewares=[experts_only], responses=BOTH)
async def confirm(survey: Survey, me: Me, sighting: TheSighting) -> Sighting:
    """Confirm what somebody has seen."""
    return survey.confirm(sighting, me)


# Photos.


@sightings.get("/<int:number>/photos", tags=["photos"], responses=NO_SUCH)
async def list_photos(survey: Survey, sighting: TheSighting) -> list[Photo]:
    """The photos of a sighting."""
    return survey.photos(sighting)


@entering.post("/<int:number>/photos", tags=["photos"], status_code=201, responses=BOTH)
async def add_photo(
    survey: Survey,
    sighting: MySighting,
    photo: Annotated[bytes, File(description="PNG or JPEG")],
    caption: Annotated[str, Form(max_length=200)] = "",
) -> Photo:
    """Add a photo to a sighting of one's own."""
    return survey.add_photo(sighting, caption, photo)


photos = Group("/photos", tags=["photos"])


@photos.get("/<int:number>", responses={200: ("The image", bytes, "image/*"), **NO_SUCH})
async def show_photo(image: TheImage) -> Response:
    """A photo itself."""
    headers = {"x-content-type-options": "nosniff", "cache-control": "public, max-age=86400"}
    return Response(image.data, headers=headers, content_type=image.about.content_type)


@photos.delete("/<int:number>", middlewares=[signed_in], responses={**NO_SUCH, 403: "The photo is somebody else's"})
async def remove_photo(survey: Survey, me: Me, image: TheImage) -> None:
    """Delete a photo of one's own sighting."""
    if survey.sighting(image.about.sighting).observer != me.login:
        abort(403, "the photo is somebody else's")
    survey.remove_photo(image)


# The survey.

survey_itself = Group(tags=["survey"])


@survey_itself.get("/about")
async def about(survey: Survey, client: Annotated[Client, Header()]) -> About:
    """How large the survey is, and whether the client's app is current."""
    return About(
        species=len(survey.species),
        sites=len(survey.sites),
        sightings=len(survey.sightings),
        asked_by=client.app,
        is_current=client.version == "7",
    )


@survey_itself.get("/months")
async def months(survey: Survey) -> list[Month]:
    """In which months birds were seen."""
    return survey.months(None)


sightings.include(entering)


def build() -> Nacre:
    app = Nacre(name="birds", max_body=2_000_000)

    @app.provider(scope="app")
    def survey() -> Iterator[Survey]:
        yield Survey()

    @app.error_handler(404, inline=True)
    def nothing_here(request: Request):
        return Problem(problem="there is nothing here"), 404

    @app.error_handler(Unknown, inline=True)
    def unknown(request: Request, error: Unknown):
        return Problem(problem=str(error)), 404

    @app.error_handler(Refused, inline=True)
    def refused(request: Request, error: Refused):
        return Problem(problem=str(error)), 409

    for group in (species, sites, observers, sightings, photos, survey_itself):
        app.include(group)
    app.include(OpenAPI(title="Bird survey", version="1.0"))
    return app


app = build()
