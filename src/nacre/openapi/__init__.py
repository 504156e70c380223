"""OpenAPI 3.1: the document of an application, drawn from `app.describe()`, and pages that show it.

group       what an application includes; CLI and server read it
document    the whole; operations (which, where), parameters, bodies, answers, security (what each has)
fields      inputs by their names on the wire      schema, models   types as JSON Schema (msgspec's and pydantic's)
narrowing   schemas made stricter                  pages            Swagger UI and its like, offline
"""

from nacre.openapi.document import draw_document
from nacre.openapi.group import IF_INSTALLED, OpenAPI

__all__ = ["IF_INSTALLED", "OpenAPI", "draw_document"]
