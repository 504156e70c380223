"""A tour of Nacre: a reading room for the RFCs of the web. `python -m examples.tour` serves it.

app.py        the application: read this first        models.py    what clients of the API send
layers.py     layers of every style                   library.py   SQLite, plain and blocking
providers.py  what handlers and layers ask for        layout.py    the frame of a page, the drawing of a chain
pages.py      the pages                               report.py    an old WSGI application
api.py        the JSON API and the exports            admin.py     another Nacre application
"""
