"""Templates: the environment that pages are made with. Needs Jinja."""

from __future__ import annotations

import html
import json
from typing import Any

from nacre.errors import MissingExtra

try:
    import jinja2
    import markupsafe
except ImportError:
    raise MissingExtra("HTMLTemplateResponse", "jinja") from None


class HTMLTemplatesEnvironment(jinja2.Environment):
    """Jinja with Flama's marks: `||@ value @||`, `||% statement %||`, `||* comment *||`.

    What is printed is escaped. The filter `safe` escapes as well, line ends too; `safe_json` gives JSON, escaped in
    the same way, for a literal of a script.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"autoescape": True, **options, **_MARKS})
        self.filters["safe"] = _safe
        self.filters["safe_json"] = _safe_json


_MARKS = {
    "comment_start_string": "||*",
    "comment_end_string": "*||",
    "block_start_string": "||%",
    "block_end_string": "%||",
    "variable_start_string": "||@",
    "variable_end_string": "@||",
}


def _escaped(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_escaped(one) for one in value]
    if isinstance(value, dict):
        return {key: _escaped(one) for key, one in value.items()}
    return html.escape(value).replace("\n", "&#10;&#13;") if isinstance(value, str) else value


def _safe(value: Any) -> Any:
    found = _escaped(value)
    return markupsafe.Markup(found) if isinstance(found, str) else found  # noqa: S704  # nosec B704 - escaped in the line above


def _safe_json(value: Any) -> Any:
    # SECURITY: keys are escaped by the last step, for `</script>` may stand in them too.
    text = json.dumps(_escaped(value)).replace("<", "\\u003c").replace('"', '\\"')
    return markupsafe.Markup(text)  # noqa: S704  # nosec B704 - as said


standard = HTMLTemplatesEnvironment(loader=jinja2.FileSystemLoader("templates"))
"""For the folder `templates` of the working directory."""
