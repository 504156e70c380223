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
    "after hook": 2.0,
    "after_request": 2.0,
    "finalizer": 2.0,
}
LAYER_WSGI = {"Django class": 3.0, "after hook": 2.0, "after_request": 2.0, "finalizer": 2.0}
ASGI_LAYER_NS = 2000.0

# A request at so many routes by one at 5 (at most), and the compilation of 500 routes under 20 layers.
ROUTES_GROWTH = {500: 1.1, 5000: 1.2}
COMPILE_MS = 300.0

# Beyond an interpreter that does nothing; a served process by one of raw RSGI.
IMPORT_MS = 60.0
COLD_START = 1.4
RESIDENT = 1.15

# On a server, an original's CPU time per request by that of its dialect (at least).
DIALECTS = {"microdot": 3.0, "madara": 2.0, "flama": 3.0, "blacksheep": 1.15, "rapidy": 3.0}
