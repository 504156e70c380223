"""A tour of Nacre: a reading room for the RFCs of the web. `python -m examples.tour` serves it.

app.py       the application: read this first        library.py   SQLite, plain and blocking
layers.py    layers of every style                   layout.py    the frame of a page, the drawing of a chain
pages.py     the pages                               report.py    an old WSGI application
api.py       the JSON API and the exports            admin.py     another Nacre application
"""
