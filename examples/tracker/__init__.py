"""An issue tracker: an API with msgspec models, dataclasses and tagged unions, over a store in memory.

    app.py       the routes, and the layers in front of them: read this first
    models.py    what clients send and get
    store.py     projects and their issues
    issues.json  what is in it at the beginning

Run it with `python -m nacre run examples.tracker.app:app` and open /docs, or send `Authorization: Bearer ada`.
"""
