"""A lifespan whose startup fails, and one whose shutdown does."""

from nacre import Nacre

fails_to_start = Nacre()
fails_to_stop = Nacre()


@fails_to_start.on_startup
async def startup(app):
    return {}["foo"]


@fails_to_stop.on_shutdown
async def shutdown(app):
    return 1 / 0
