"""The programs of the extensions, put to Microdot and to the dialect."""

import base64

PROGRAMS = [
    "e30_session",
    "e31_basic_auth",
    "e31_token_auth",
    "e32_login",
    "e33_cors",
    "e34_csrf",
    "e34_csrf_chosen",
    "e38_bank",
    "ext_open_cors",
    "ext_stacked",
]

HEADERS = [
    "content-type",
    "location",
    "set-cookie",
    "vary",
    "www-authenticate",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
    "x-visits",
    "x-made",
]

MASKS = {r"_remember=[\w.-]+": "a token with the time at which it was made"}

REEF = ["Origin", "https://reef.example"]
PIRATE = ["Origin", "https://pirate.example"]
OWN = ["Origin", "http://localhost:5000"]
CROSS = ["Sec-Fetch-Site", "cross-site"]
SAME_SITE = ["Sec-Fetch-Site", "same-site"]
SAME = ["Sec-Fetch-Site", "same-origin"]
MULTIPART = ["Content-Type", "multipart/form-data; boundary=x"]
FIELD = '--x\r\nContent-Disposition: form-data; name="depth"\r\n\r\n12\r\n--x--\r\n'
KEY = ["Authorization", "Key pearl"]
FORM = ["Content-Type", "application/x-www-form-urlencoded"]
# {"diver": "joe"}, signed with another key, and {"diver": "mei"} signed with that of the program by PyJWT.
FORGED = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJkaXZlciI6ImpvZSJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def basic(text):
    return ["Authorization", "Basic " + base64.b64encode(text.encode()).decode()]


def asks(program, *requests):
    """Requests of one program: (id, method, path, headers, body, session), what is missing at the end left out."""
    for name, method, path, *rest in requests:
        headers, body, session = [*rest, None, None, None][:3]
        made = {"id": f"{program} {name}", "program": program, "method": method, "path": path, "body": body}
        yield made | {"headers": headers or []} | ({} if session is None else {"session": session})


REQUESTS = [
    *asks(
        "e30_session",
        ("first", "GET", "/", [], None, "joe"),
        ("sign in", "POST", "/", [FORM], "diver=joe", "joe"),
        ("signed in", "GET", "/", [], None, "joe"),
        ("another name", "POST", "/", [FORM], "diver=J%C3%B6e+B.", "joe"),
        ("signed in again", "GET", "/", [], None, "joe"),
        ("leave", "POST", "/leave", [], None, "joe"),
        ("left", "GET", "/", [], None, "joe"),
        ("forged", "GET", "/", [["Cookie", f"session={FORGED}"]]),
        ("garbage", "GET", "/", [["Cookie", "session=a.b.c"]]),
        ("empty", "GET", "/", [["Cookie", "session="]]),
    ),
    *asks(
        "e31_basic_auth",
        ("nobody", "GET", "/"),
        ("joe", "GET", "/", [basic("joe:coral")]),
        ("wrong", "GET", "/", [basic("joe:sand")]),
        ("no colon", "GET", "/", [basic("joe")]),
        ("no base64", "GET", "/", [["Authorization", "Basic !"]]),
        ("small letters", "GET", "/", [["Authorization", basic("joe:coral")[1].replace("Basic", "basic")]]),
        ("optional nobody", "GET", "/shore"),
        ("optional joe", "GET", "/shore", [basic("joe:coral")]),
        ("optional wrong", "GET", "/shore", [basic("joe:sand")]),
    ),
    *asks(
        "e31_token_auth",
        ("nobody", "GET", "/"),
        ("joe", "GET", "/", [["Authorization", "Bearer pearl"]]),
        ("small letters", "GET", "/", [["Authorization", "bearer pearl"]]),
        ("spaces", "GET", "/", [["Authorization", "Bearer   pearl"]]),
        ("wrong", "GET", "/", [["Authorization", "Bearer sand"]]),
        ("other scheme", "GET", "/", [["Authorization", "Basic pearl"]]),
        ("scheme alone", "GET", "/", [["Authorization", "Bearer"]]),
        ("optional nobody", "GET", "/shore"),
        ("optional joe", "GET", "/shore", [["Authorization", "Bearer pearl"]]),
    ),
    *asks(
        "e32_login",
        ("nobody", "GET", "/?day=1", [], None, "joe"),
        ("page", "GET", "/login?next=/%3Fday%3D1", [], None, "joe"),
        ("wrong", "POST", "/login", [FORM], "name=joe&password=sand", "joe"),
        ("sign in", "POST", "/login?next=/%3Fday%3D1", [FORM], "name=joe&password=coral", "joe"),
        ("signed in", "GET", "/", [], None, "joe"),
        ("fresh", "GET", "/fresh", [], None, "joe"),
        ("leave", "POST", "/logout", [], None, "joe"),
        ("left", "GET", "/fresh", [], None, "joe"),
        ("leave again", "POST", "/logout", [], None, "joe"),
        ("no next", "POST", "/login", [FORM], "name=mei&password=kelp", "mei"),
        ("another site", "POST", "/login?next=https://evil.example", [FORM], "name=mei&password=kelp", "mei"),
        ("another host", "POST", "/login?next=//evil.example", [FORM], "name=mei&password=kelp", "mei"),
        ("remember", "POST", "/login", [FORM], "name=mei&password=kelp&remember=1", "mei"),
        ("remembered", "GET", "/", [], None, "mei"),
        ("forget", "POST", "/logout", [], None, "mei"),
        ("forgotten", "GET", "/", [], None, "mei"),
        ("garbage", "GET", "/", [["Cookie", "_remember=a.b.c"]]),
        ("plus", "GET", "/?a=b+c%20d"),
        ("marks", "GET", "/?a=b&c=d:e,f;g@h"),
    ),
    *asks(
        "e33_cors",
        ("nobody", "GET", "/"),
        ("reef", "GET", "/", [REEF]),
        ("pirate", "GET", "/", [PIRATE]),
        ("stream", "GET", "/pieces", [REEF]),
        ("aborted", "GET", "/gone", [REEF]),
        ("broken", "GET", "/broken", [REEF]),
        ("not found", "GET", "/nowhere", [REEF]),
        ("no method", "POST", "/", [REEF]),
        ("head", "HEAD", "/", [REEF]),
        ("options", "OPTIONS", "/", [REEF]),
        ("preflight", "OPTIONS", "/", [REEF, ["Access-Control-Request-Method", "put"]]),
        ("preflight headers", "OPTIONS", "/", [REEF, ["Access-Control-Request-Headers", "X-A,x-b, X-C"]]),
        ("pirate's preflight", "OPTIONS", "/", [PIRATE, ["Access-Control-Request-Method", "PUT"]]),
        ("preflight of nothing", "OPTIONS", "/nowhere", [REEF, ["Access-Control-Request-Method", "GET"]]),
    ),
    *asks(
        "e34_csrf",
        ("no browser", "POST", "/log"),
        ("same origin", "POST", "/log", [SAME]),
        ("typed", "POST", "/log", [["Sec-Fetch-Site", "none"]]),
        ("same site", "POST", "/log", [SAME_SITE]),
        ("cross site", "POST", "/log", [CROSS]),
        ("listed", "POST", "/log", [REEF]),
        ("listed cross site", "POST", "/log", [CROSS, REEF]),
        ("pirate", "POST", "/log", [PIRATE]),
        ("pirate of the same origin", "POST", "/log", [SAME, PIRATE]),
        ("null", "POST", "/log", [["Origin", "null"]]),
        ("below", "POST", "/log", [["Origin", "https://a.reef.example"]]),
        ("exempt", "POST", "/webhook", [CROSS, PIRATE]),
        ("no method", "GET", "/log", [CROSS]),
        ("nothing", "POST", "/nowhere", [CROSS]),
        ("options", "OPTIONS", "/log", [CROSS]),
    ),
    *asks(
        "e34_csrf_chosen",
        ("not chosen", "POST", "/log", [CROSS]),
        ("chosen", "POST", "/submit-form", [CROSS]),
        ("chosen by no browser", "POST", "/submit-form"),
        ("chosen and listed", "POST", "/submit-form", [REEF]),
    ),
    *asks(
        "e38_bank",
        ("page", "GET", "/"),
        ("give", "POST", "/", [FORM, SAME, OWN], "amount=100"),
        ("given", "GET", "/"),
        ("no number", "POST", "/", [FORM, SAME, OWN], "amount=much"),
        ("pirate", "POST", "/", [FORM, CROSS, ["Origin", "http://localhost:5001"]], "amount=100"),
        ("kept", "GET", "/"),
    ),
    *asks(
        "ext_open_cors",
        ("nobody", "GET", "/"),
        ("anybody", "GET", "/", [PIRATE]),
        ("not found", "GET", "/nowhere", [PIRATE]),
        ("preflight", "OPTIONS", "/", [PIRATE, ["Access-Control-Request-Method", "GET"]]),
        ("no such method", "OPTIONS", "/", [PIRATE, ["Access-Control-Request-Method", "PUT"]]),
        ("some headers", "OPTIONS", "/", [PIRATE, ["Access-Control-Request-Headers", "x-tide, X-Other"]]),
        ("no headers", "OPTIONS", "/", [PIRATE, ["Access-Control-Request-Headers", "X-Other"]]),
        ("password", "GET", "/basic/log", [basic("joe:co:ral"), PIRATE]),
        ("no password", "GET", "/basic/log", [PIRATE]),
        ("token", "GET", "/token", [["X-Token", "pearl"]]),
        ("other token", "GET", "/token", [["X-Token", "sand"]]),
        ("no token", "GET", "/token", [["Authorization", "Bearer pearl"]]),
        ("refused", "POST", "/refusing", [PIRATE]),
        ("let in", "POST", "/refusing", [["Authorization", "tOKEN pearl"]]),
    ),
    *asks(
        "ext_stacked",
        ("two names", "GET", "/visit/2/joe", [], None, "joe"),
        ("another name", "GET", "/visit/1/mei", [], None, "joe"),
        ("keep", "GET", "/keep?a=1&b=%C3%B6&a=2", [], None, "joe"),
        ("not found", "GET", "/nowhere", [], None, "joe"),
        ("closed", "GET", "/closed", [], None, "joe"),
        ("closed is kept", "GET", "/keep", [], None, "joe"),
        ("stream", "GET", "/stream", [], None, "joe"),
        ("response", "GET", "/response", [], None, "joe"),
        ("nothing", "GET", "/none", [], None, "joe"),
        ("drop", "GET", "/drop", [], None, "joe"),
        ("dropped", "GET", "/keep", [], None, "joe"),
        ("until", "GET", "/until", [], None, "joe"),
        ("still", "GET", "/stream", [], None, "joe"),
        ("until then", "GET", "/until?past=1", [], None, "joe"),
        ("over", "GET", "/stream", [], None, "joe"),
        ("user", "GET", "/user", [basic("joe:co:ral")]),
        ("no password", "GET", "/user", [basic("joe:")]),
        ("no name", "GET", "/user", [basic(":coral")]),
        ("either by password", "GET", "/either", [basic("joe:coral")]),
        ("either by key", "GET", "/either", [KEY]),
        ("never both", "GET", "/both", [basic("joe:coral")]),
        ("wrong", "GET", "/wrong", [KEY]),
        ("status", "GET", "/status", [["Authorization", "kEY  pearl "]]),
        ("form", "POST", "/form", [MULTIPART, KEY, CROSS], FIELD, "form"),
        ("form of nobody", "POST", "/form", [MULTIPART, CROSS], FIELD, "form"),
        ("form is kept", "GET", "/keep", [], None, "form"),
        ("sibling", "PATCH", "/log", [SAME_SITE]),
        ("below", "PUT", "/log", [["Origin", "https://a.reef.example"]]),
        ("below by another scheme", "DELETE", "/log", [["Origin", "http://a.reef.example"]]),
        ("below by another port", "POST", "/log", [["Origin", "https://a.reef.example:80"]]),
        ("beside", "POST", "/log", [["Origin", "https://areef.example"]]),
        ("protected", "GET", "/open", [CROSS]),
        ("protected and listed", "GET", "/open", [CROSS, REEF]),
        ("preflight", "OPTIONS", "/log", [REEF, ["Access-Control-Request-Method", "get"]]),
        ("quay of nobody", "GET", "/harbour/?day=1&tide=high", [], None, "mei"),
        ("nobody", "GET", "/harbour/maybe", [], None, "mei"),
        ("enter", "POST", "/harbour/gate?next=/harbour/%3Fday%3D1%26tide%3Dhigh", [], None, "mei"),
        ("quay", "GET", "/harbour/?day=1&tide=high", [], None, "mei"),
        ("fresh", "GET", "/harbour/fresh/log", [], None, "mei"),
        ("aborted", "GET", "/harbour/abort", [], None, "mei"),
        ("leave", "POST", "/harbour/leave", [], None, "mei"),
        ("left", "GET", "/harbour/maybe", [], None, "mei"),
        ("leave again", "POST", "/harbour/leave", [], None, "mei"),
        ("for five days", "POST", "/harbour/gate?days=5", [], None, "kim"),
        ("enter as who is gone", "POST", "/harbour/gate?id=gone", [], None, "gone"),
        ("gone", "GET", "/harbour/", [], None, "gone"),
        ("not fresh", "GET", "/harbour/fresh/log", [], None, "gone"),
        ("next with a space", "POST", "/harbour/gate?next=/a%20b"),
        ("next with an escape", "POST", "/harbour/gate?next=/a%252Fb%253Fc"),
        ("next with a plus", "POST", "/harbour/gate?next=/a%2Bb"),
        ("two of them", "POST", "/harbour/gate?next=/a&next=/b"),
    ),
]

_REALM = "`BasicAuth(app)`, as the document has it, gets the default realm: the original tells everybody an address"
_REMEMBERED = "the cookie has Path, HttpOnly and SameSite, and is deleted as it was set; the original's has none"

DIFFERENCES = {
    "e31_basic_auth nobody": _REALM,
    "e31_basic_auth wrong": _REALM,
    "e31_basic_auth no colon": _REALM,
    "e31_basic_auth no base64": _REALM,
    "e31_basic_auth small letters": "the name of a scheme has no case (RFC 9110 §11.1)",
    "e32_login another host": "`//host` leads to another site, though it begins with a slash",
    "e32_login remember": _REMEMBERED,
    "e32_login forget": _REMEMBERED,
    "ext_stacked for five days": _REMEMBERED,
    "ext_stacked next with a space": "a space can't stand in a Location (RFC 3986): it is percent-encoded",
    "e32_login plus": "a plus sign is escaped once, so the login leads back to the same URL",
}
