"""Pages made of templates, by Jinja2 or MiniJinja behind one interface."""

from nacre.templates.context import ContextProcessor
from nacre.templates.errors import BlockNotFound, TemplateError, TemplateNotFound
from nacre.templates.jinja import Jinja
from nacre.templates.minijinja import MiniJinja
from nacre.templates.templates import Templates

__all__ = ["BlockNotFound", "ContextProcessor", "Jinja", "MiniJinja", "TemplateError", "TemplateNotFound", "Templates"]
