"""What Nacre must reach: ratios set from measurements of the peers, each to what was measured in the same run."""

from __future__ import annotations

# In process, CPU time by that of BlackSheep with pydantic models (at most). `params` is what the issue of typed binding
# asks for; that of speed would have 0.5.
INPROC_BLACKSHEEP = {
    "plain": 0.6,
    "json": 0.4,
    "params": 0.4,
    "body": 0.2,
    "layers0": 0.4,
    "layers5": 0.4,
    "layers20": 0.4,
    "routes": 0.45,
}
# And by that of raw ASGI with the same JSON library.
INPROC_RAW_MSGSPEC = {"json": 1.9, "params": 1.0, "body": 1.8}

# On a server, raw ASGI's CPU time per request by Nacre's (at least).
CAPACITY = {
    "nacre rsgi": {
        "plain": 1.08,
        "json": 1.05,
        "params": 1.05,
        "body": 1.28,
        "layers5": 1.15,
        "layers20": 1.40,
        "routes": 1.08,
    },
    "nacre asgi": {
        "plain": 0.92,
        "json": 0.92,
        "params": 0.92,
        "body": 1.20,
        "layers5": 0.98,
        "layers20": 1.10,
        "routes": 0.95,
    },
    "nacre wsgi": {
        "plain": 1.30,
        "json": 1.05,
        "params": 1.05,
        "body": 1.90,
        "layers5": 1.15,
        "layers20": 1.40,
        "routes": 1.05,
    },
}

# One layer by one plain function call that does the same (at most).
LAYER = {
    "onion": 4.0,
    "onion, not annotated": 4.0,
    "onion, looked at": 4.0,
    "after hook": 2.0,
    "after_request": 2.0,
    "finalizer": 2.0,
}
LAYER_WSGI = {
    "onion, plain def": 4.0,
    "Django class": 3.0,
    "after hook": 2.0,
    "after_request": 2.0,
    "finalizer": 2.0,
}
# The same of headers that are known at startup, which are to cost next to nothing, and of a layer that doesn't apply,
# which is to cost nothing. What a field costs when it is sent is in the one figure, noise in both.
CONSTANT_HEADER = 0.25
SKIPPED_LAYER = 0.05
# A layer that is an ASGI class, inside of the chain.
ASGI_LAYER_NS = 2000.0
# A layer of a mixed chain by the mean of the styles it is made of, which would be the sum and no more.
MIXED_LAYER = 1.1

# A request at so many routes by one at 5 (at most); one of the last 80 of 100 layers by one of the 19 after the first;
# the compilation of 500 routes under 20 layers.
ROUTES_GROWTH = {500: 1.1, 5000: 1.2}
LAYERS_GROWTH = 1.1
COMPILE_MS = 300.0

# Beyond an interpreter that does nothing; a served process by one of raw RSGI.
IMPORT_MS = 60.0
COLD_START = 1.4
RESIDENT = 1.15

# The stack on one server, a peer's CPU time per request by Nacre's (at least).
STACK = {"starlette": 3.0, "starlette, BaseHTTPMiddleware": 3.0, "litestar": 2.0}

# On a server, an original's CPU time per request by that of its dialect (at least).
DIALECTS = {"microdot": 3.0, "madara": 2.0, "flama": 3.0, "blacksheep": 1.15, "rapidy": 3.0}
