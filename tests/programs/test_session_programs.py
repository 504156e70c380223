"""The program that keeps a login in a session: who comes with the cookie that it set is known."""

import re

from programs.program import Ask, load

SET = re.compile(r"session=[\w.-]+; Path=/; HttpOnly; SameSite=Lax")


async def test_e30_session_login(client_for):
    async with client_for(load("e30_session_login").app) as client:
        for ask in (
            Ask("GET /", text="Not logged in", headers={"vary": "Cookie", "set-cookie": None}),
            Ask("POST /", 302, sent={"form": {"username": "joe"}}, headers={"location": "/", "set-cookie": SET}),
            Ask("GET /", text="Logged in as joe", headers={"set-cookie": None}),
            Ask(
                "POST /logout",
                302,
                headers={"location": "/", "set-cookie": re.compile("session=; Path=/; .*Max-Age=0; HttpOnly.*")},
            ),
            Ask("GET /", text="Not logged in"),
        ):
            await ask.put_to(client)
