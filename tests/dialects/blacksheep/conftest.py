"""Programs declare their routes on the default router, which all of a process share: each test begins with none."""

import pytest

from nacre.dialects.blacksheep.server.routing import router


@pytest.fixture(autouse=True)
def _no_routes_of_others():
    router.reset()
    yield
    router.reset()
