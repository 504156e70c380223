"""Bytes made to break the parsers: `python -m fuzz NAME --seconds N`, with atheris, or all of them by turns."""
