"""What the client sees of an error: a short answer in the form it accepts, and in debug mode the whole story."""

from nacre.pages.answer import error_page
from nacre.pages.audience import may_see_details
from nacre.pages.debug import debug_page
from nacre.pages.unknown import unknown_path_page

__all__ = ["debug_page", "error_page", "may_see_details", "unknown_path_page"]
