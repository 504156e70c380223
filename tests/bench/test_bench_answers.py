"""The benchmark measures applications that answer rightly: each workload, in process."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from bench.apps.nacre_layers import STYLES
from bench.drivers import Driver, driver_for
from bench.targets import NACRE_ASGI, NACRE_RSGI, NACRE_WSGI, STARLETTE, TARGETS
from bench.workloads import WORKLOADS, Answer, Blob, Call, Setting, WrongAnswer, check, random_bytes

# Their styles are for a thread that may block; on an event loop each would visit a worker thread.
PLAIN_STYLES = ("onion, plain def", "Django class")


@pytest.fixture
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    made = driver_for(request.param)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("target", "driver", "workload"),
    [
        pytest.param(target, target.protocol, workload, id=f"{name}-{workload.name}")
        for name, target in TARGETS.items()
        for workload in WORKLOADS.values()
        if target.answers(workload.name)
    ],
    indirect=["driver"],
)
def test_every_application_answers_its_workloads(target, driver, workload):
    if not target.present:
        pytest.skip(f"{target.needs} is not installed")
    if target is STARLETTE and workload.name in ("form", "multipart") and find_spec("python_multipart") is None:
        pytest.skip("python-multipart is not installed, which Starlette reads forms with")
    setting = workload.under(target.setting)
    app = target.build(setting)
    for call in workload.calls:
        check(call, setting, driver.answer(app, call))
    assert driver.run(app, workload.calls, 2) > 0


@pytest.mark.parametrize("adding", [True, False], ids=["adding", "idle"])
@pytest.mark.parametrize(
    ("target", "driver", "style"),
    [
        pytest.param(target, target.protocol, style, id=f"{target.name}-{style}")
        for target in (NACRE_ASGI, NACRE_RSGI, NACRE_WSGI)
        for style in (*STYLES, "mixed", "mixed, plain")
        if (target is NACRE_WSGI) == (style in PLAIN_STYLES or style == "mixed, plain")
    ],
    indirect=["driver"],
)
def test_layers_of_every_style_add_their_headers(target, driver, style, adding):
    setting = Setting(layers=7, style=style, adding=adding, plain=target is NACRE_WSGI)
    app = target.build(setting)
    for call in WORKLOADS["json"].calls:
        check(call, setting, driver.answer(app, call))


@pytest.mark.parametrize(
    ("status", "headers", "body", "complaint"),
    [
        (500, (), b"", "status 500"),
        (200, (("content-type", "text/plain"),), b"{}", "content-type"),
        (200, (("content-type", "application/json"),), b"{", "no JSON"),
        (200, (("content-type", "application/json"),), b"{}", "instead of"),
        (200, (("content-type", "application/json"),), b'{"message":"Hello, World!"}', "layers added"),
    ],
)
def test_wrong_answers_are_noticed(status, headers, body, complaint):
    call = WORKLOADS["json"].calls[0]
    with pytest.raises(WrongAnswer, match=complaint):
        check(call, Setting(layers=1), Answer(status, headers, body))


def test_bytes_are_known_by_length_and_fingerprint():
    data = random_bytes(5000)
    call = Call("GET", "/file", "", b"", Blob.of(data))
    check(call, Setting(), Answer(200, (), data))
    for wrong in (data[1:], data[1:] + data[:1], data + b"\0"):
        with pytest.raises(WrongAnswer, match="Blob") as raised:
            check(call, Setting(), Answer(200, (), wrong))
        assert len(str(raised.value)) < 200


def test_only_the_status_of_an_error_counts():
    (call,) = WORKLOADS["error"].calls
    check(call, Setting(), Answer(409, (("content-type", "text/html"),), b"taken"))
    with pytest.raises(WrongAnswer, match="status 200"):
        check(call, Setting(), Answer(200, (), b"{}"))


def test_a_setting_reaches_a_server_through_its_environment(monkeypatch):
    setting = Setting(layers=3, style="after hook", routes=2, plain=True)
    for name, value in setting.environment().items():
        monkeypatch.setenv(name, value)
    assert Setting.from_environment() == setting
