"""Names that Madara's programs may import."""

from __future__ import annotations

text_type = str
string_types = (str,)
