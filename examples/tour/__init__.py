"""A tour of Nacre: a reading room for the RFCs of the web. `python -m examples.tour` serves it."""
