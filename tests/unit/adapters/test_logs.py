"""Log lines: their shape, the object that they are about, and no secret in any of them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator

import pytest

from ebbflow.adapters import logs
from ebbflow.adapters.logs import configure, log_context
from ebbflow.adapters.redaction import Redactor
from ebbflow.domain.secret import Tainted

CANARY = 'canary"öx\\y'


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    monkeypatch.setattr(logs, "redactor", Redactor())
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield io.StringIO()
    root.handlers[:], root.level = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def fail(words: str) -> None:
    raise ValueError(words)


def test_a_text_line_says_when_how_bad_who_about_what(stream: io.StringIO) -> None:
    configure("text", "info", stream)
    with log_context(kind="Template", namespace="default", name="shop"):
        logging.getLogger("ebbflow.x").warning("it %s", "broke")
    (line,) = lines(stream)
    when, rest = line.split(" ", 1)
    assert when.endswith("Z")
    assert rest == "WARNING ebbflow.x: [Template/default/shop] it broke"


def test_a_json_line_has_the_same_as_fields(stream: io.StringIO) -> None:
    configure("json", "info", stream)
    with log_context(kind="Template", namespace="default", name="shop"):
        logging.getLogger("ebbflow.x").warning("it %s", "broke", extra={"commit": "4f0d7c3"})
    parsed = json.loads(stream.getvalue())
    assert parsed.pop("ts").endswith("Z")
    assert parsed == {
        "level": "warning",
        "logger": "ebbflow.x",
        "msg": "it broke",
        "kind": "Template",
        "namespace": "default",
        "name": "shop",
        "commit": "4f0d7c3",
    }


async def test_each_task_has_its_own_context(stream: io.StringIO) -> None:
    configure("text", "info", stream)
    go_on = asyncio.Event()

    async def work(name: str) -> None:
        with log_context(name=name):
            await go_on.wait()
            logging.getLogger("x").warning("now")

    tasks = [asyncio.create_task(work(name)) for name in ("a", "b")]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*tasks)
    logging.getLogger("x").warning("after")
    assert [line.partition(": ")[2] for line in lines(stream)] == ["[a] now", "[b] now", "after"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_known_secret_is_in_no_line(stream: io.StringIO, form: logs.Format) -> None:
    configure(form, "info", stream)
    logs.register_secret(Tainted(CANARY))
    log = logging.getLogger("x")
    log.warning("raw %s, in a list %r, as JSON %s", CANARY, [CANARY], json.dumps(CANARY))
    log.warning("as a field", extra={"field": {"deep": [CANARY]}, "odd": ValueError(CANARY)})
    log.warning("tainted", extra={"secret": Tainted(CANARY)})
    try:
        fail(f"wrong password {CANARY}")
    except ValueError:
        log.exception("it failed")
    assert "canary" not in stream.getvalue()
    assert "[redacted]" in stream.getvalue()
    if form == "json":
        assert all(isinstance(json.loads(line), dict) for line in lines(stream))
        assert "wrong password [redacted]" in json.loads(lines(stream)[-1])["exc_info"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_uncaught_exception_is_redacted_too(stream: io.StringIO, form: logs.Format) -> None:
    configure(form, "info", stream)
    logs.register_secret(Tainted(CANARY))
    try:
        fail(CANARY)
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert "canary" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_an_interrupt_by_the_user_is_no_error(stream: io.StringIO) -> None:
    configure("text", "info", stream)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert stream.getvalue() == ""


def test_others_words_cannot_look_like_a_line_of_ours(stream: io.StringIO) -> None:
    configure("text", "info", stream)
    logging.getLogger("x").warning("the server said: %s", "no\n2026 ERROR x: all is lost\x1b[31m")
    (line,) = lines(stream)
    assert r"no\n2026 ERROR x: all is lost\x1b[31m" in line


@pytest.mark.parametrize(
    ("level", "kopf_info", "own_debug"),
    [
        pytest.param("info", False, False, id="info"),
        pytest.param("debug", True, True, id="debug"),
        pytest.param("error", False, False, id="error"),
    ],
)
def test_libraries_are_quieter_than_we(
    stream: io.StringIO, level: str, kopf_info: bool, own_debug: bool
) -> None:
    configure("text", level, stream)
    logging.getLogger("kopf.objects").info("an event")
    assert bool(lines(stream)) is kopf_info
    assert logging.getLogger("ebbflow.x").isEnabledFor(logging.DEBUG) is own_debug
    assert logging.getLogger("kopf.x").isEnabledFor(logging.ERROR)


def test_configuring_twice_does_not_double_the_lines(stream: io.StringIO) -> None:
    configure("text", "info", stream)
    configure("text", "info", stream)
    logging.getLogger("x").warning("once")
    assert len(lines(stream)) == 1


def test_a_warning_of_python_is_a_line_too(stream: io.StringIO) -> None:
    configure("json", "info", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", UserWarning, stacklevel=1)
    assert json.loads(stream.getvalue())["logger"] == "py.warnings"
