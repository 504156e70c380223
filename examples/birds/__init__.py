"""A bird survey: an API with pydantic models, forms and files, over a store in memory.

    app.py       the routes, and the layers in front of them: read this first
    models.py    what clients send and get
    store.py     species, sites and what was seen
    species.csv  species with their families and their state in the IUCN Red List (2023)
    sites.csv    places where birds are watched

Run it with `python -m nacre run examples.birds.app:app` and open /docs, or send `Authorization: Bearer gilbert`.
"""
