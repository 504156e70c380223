"""A bookshop: an API with msgspec models over SQLite.

    app.py      the routes, and the layers in front of them: read this first
    models.py   what clients send and get
    store.py    the database
    books.csv   the books

Run it with `python -m nacre run examples.shop.app:app` and open /docs, or send `Authorization: Bearer reader`.
"""
