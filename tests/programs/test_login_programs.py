"""Programs with a login, each run as a whole: what it answers as users come and go."""

from programs.program import Ask, load

AMA = {"form": {"name": "Ama", "password": "pearl"}}


def to(location):
    return {"location": location}


async def run(client, *asks):
    for ask in asks:
        await ask.put_to(client)


async def test_e32_login(client_for):
    async with client_for(load("e32_login").app) as client:
        await run(
            client,
            Ask("GET /", 302, headers=to("/login?next=/")),
            Ask("GET /?foo=bar", 302, headers=to("/login?next=/%3Ffoo%3Dbar")),
            Ask("GET /fresh", 302, headers=to("/login?next=/fresh")),
            Ask("POST /logout", 303, headers=to("/login")),
            Ask("POST /login", 303, headers=to("/login"), sent={"form": {"name": "Ama", "password": "shell"}}),
            Ask("POST /login?next=/fresh", 303, headers=to("/login?next=/fresh"), sent={"form": {"name": "Cy"}}),
            Ask("GET /", 302),
            Ask("POST /login?next=/%3Ffoo%3Dbar", 303, headers=to("/?foo=bar"), sent=AMA),
            Ask("GET /", text="Hello, Ama"),
            Ask("GET /fresh", text="Your password is fresh, Ama"),
            Ask("POST /login?next=//evil.example", 303, headers=to("/"), sent=AMA),
            Ask("POST /logout", 303, headers=to("/login")),
            Ask("GET /", 302),
            Ask("GET /fresh", 302),
        )


async def test_e32_login_that_is_remembered(client_for):
    remembered = {"form": AMA["form"] | {"remember": "on"}}
    async with client_for(load("e32_login").app) as client:
        await run(client, Ask("POST /login", 303, headers=to("/"), sent=remembered), Ask("GET /fresh"))
        client.cookies.pop("session")  # the browser is closed and opened again
        await run(
            client,
            Ask("GET /", text="Hello, Ama"),
            Ask("GET /fresh", 302, headers=to("/login?next=/fresh")),
            Ask("POST /login?next=/fresh", 303, headers=to("/fresh"), sent=AMA),
            Ask("GET /fresh", text="Your password is fresh, Ama"),
            Ask("POST /logout", 303),
        )
        client.cookies.pop("session", None)
        await run(client, Ask("GET /", 302))


async def test_e42_current_user(client_for):
    async with client_for(load("e42_current_user").app) as client:
        await run(
            client,
            Ask("GET /", 302, headers=to("/login?next=/")),
            Ask("POST /login", 303),
            Ask("GET /", text="Ama"),
            Ask("POST /logout", text="bye"),
            Ask("GET /", 302),
        )
