"""The two halves of a generator provider, run directly."""

from __future__ import annotations

import pytest

from nacre.binding.running import finish, finish_async, start, start_async


class Boom(Exception): ...


def make(after):
    """A plain and an async generator that yield once and then do the same."""

    def plain():
        try:
            yield "value"
        except Boom as error:
            after(error)
        else:
            after(None)

    async def asynchronous():
        try:
            yield "value"
        except Boom as error:
            after(error)
        else:
            after(None)

    return plain, asynchronous


async def run(generator, failure=None):
    if hasattr(generator, "__anext__"):
        assert await start_async(generator) == "value"
        await finish_async(generator, failure)
    else:
        assert start(generator) == "value"
        finish(generator, failure)


@pytest.fixture(params=[0, 1], ids=["plain", "async"])
def made(request):
    return lambda after: make(after)[request.param]()


async def test_generator_runs_to_its_end(made):
    seen = []
    await run(made(seen.append))
    assert seen == [None]


async def test_failure_is_raised_at_the_yield(made):
    seen, failure = [], Boom()
    await run(made(seen.append), failure)
    assert seen == [failure]


async def test_failure_that_comes_out_again_is_known(made):
    def again(error):
        raise error

    await run(made(again), Boom())


@pytest.mark.parametrize("failure", [None, Boom()], ids=["well", "failed"])
async def test_what_else_is_raised_comes_out(made, failure):
    def other(error):
        raise ValueError("other") from error

    with pytest.raises(ValueError, match="other"):
        await run(made(other), failure)


@pytest.mark.parametrize("failure", [StopIteration(1), StopAsyncIteration(2), KeyboardInterrupt(), GeneratorExit()])
async def test_failures_of_generators_and_of_the_process_are_known_too(made, failure):
    await run(made(lambda error: None), failure)


def twice():
    try:
        yield "value"
    finally:
        yield "again"


async def twice_async():
    try:
        yield "value"
    finally:
        yield "again"


@pytest.mark.parametrize("generator", [twice, twice_async])
@pytest.mark.parametrize("failure", [None, Boom()], ids=["well", "failed"])
async def test_second_yield_is_an_error_that_names_the_provider(generator, failure):
    with pytest.raises(RuntimeError, match=rf"^provider `{generator.__name__}` \(.*\.py:\d+\) yielded a second time$"):
        await run(generator(), failure)


def stubborn():
    for _ in range(3):
        try:
            yield "value"
        except GeneratorExit:
            pass


async def test_generator_that_refuses_to_be_closed_is_the_same_error():
    with pytest.raises(RuntimeError, match="yielded a second time") as caught:
        await run(stubborn())
    assert "ignored GeneratorExit" in str(caught.value.__cause__)


def never():
    return
    yield


async def never_async():
    return
    yield


@pytest.mark.parametrize("generator", [never, never_async])
async def test_no_yield_is_an_error_that_names_the_provider(generator):
    with pytest.raises(RuntimeError, match=rf"^provider `{generator.__name__}` \(.*\) ended without yielding a value$"):
        await run(generator())
