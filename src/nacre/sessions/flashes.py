"""What templates call to show the messages that a session holds."""

from __future__ import annotations

from collections.abc import Callable, Collection

from nacre.session import Flash, Session


def flashed_messages(session: Session) -> Callable[..., list[str] | list[Flash]]:
    """Make the function `get_flashed_messages` of the templates of one request."""

    def get_flashed_messages(
        with_categories: bool = False, category_filter: Collection[str] = ()
    ) -> list[str] | list[Flash]:
        """Take the messages of the session: their texts, or pairs of category and text.

        All are taken, whatever is asked for; `category_filter` names the categories to be given.
        """
        flashes = [one for one in session.flashes() if not category_filter or one.category in category_filter]
        return flashes if with_categories else [one.message for one in flashes]

    return get_flashed_messages
