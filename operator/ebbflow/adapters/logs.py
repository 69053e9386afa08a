"""Logs: text or JSON lines on stderr, with the object that they are about and without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal, TextIO

from pythonjsonlogger.json import JsonFormatter
from typing_extensions import override

from ebbflow.adapters.redaction import Redactor
from ebbflow.domain.secret import Tainted

Format = Literal["text", "json"]

QUIET: Final = ("kopf", "aiohttp", "urllib3", "kubernetes", "client", "asyncio", "dulwich")
"""Loggers of libraries: at INFO kopf alone writes two lines for each event of each object."""

OUR_FIELDS: Final = frozenset(("ts", "level", "logger"))
"""What is written by nobody but us, and so holds nothing to be taken out."""

redactor: Final = Redactor()
"""Every secret value that the process has read. Formatters ask it; so does the status writer."""

_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default={})  # noqa: B039 - never changed in place

logger = logging.getLogger(__name__)


def register_secret(value: Tainted) -> None:
    """Keep `value` out of all later log lines, in every usual encoding of it."""
    redactor.register(value)


@contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Add fields such as kind, namespace and name to every line logged inside, in this task."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def configure(format: Format = "text", level: str = "info", stream: TextIO | None = None) -> None:  # noqa: A002 - the flag's name
    """Send all logs to `stream` (stderr), replacing what was configured before.

    `level` is debug, info, warning or error, for our own lines; libraries are one step quieter
    except at debug. Uncaught exceptions are logged too, so that they are redacted as well.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.addFilter(_add_context)
    handler.setFormatter(JsonLines(redactor) if format == "json" else TextLines(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    number = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(number)
    for name in QUIET:
        quiet = logging.INFO if number <= logging.DEBUG else max(number, logging.WARNING)
        logging.getLogger(name).setLevel(quiet)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _add_context(record: logging.LogRecord) -> bool:
    record.about = _context.get()
    return True


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logger.critical("stopped by an error of its own", exc_info=(kind, error, trace))


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextLines(logging.Formatter):
    """`TIME LEVEL logger: [Kind/namespace/name] message`, with control characters made visible."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    @override
    def format(self, record: logging.LogRecord) -> str:
        about = "/".join(getattr(record, "about", {}).values())
        message = _one_line(record.getMessage())
        line = f"{_timestamp(record)} {record.levelname:<7} {record.name}: "
        line += f"[{about}] {message}" if about else message
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            line += "\n" + record.stack_info
        return self._redact(line)


def _one_line(text: str) -> str:
    """Keep others' words from looking like lines of ours."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


class JsonLines(JsonFormatter):
    """One JSON object a line: ts, level, logger, msg, the context's fields, exc_info."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__(json_ensure_ascii=False)
        self._redact = redact

    @override
    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        rest = {key: value for key, value in log_data.items() if key not in ("about", "message")}
        log_data.clear()
        log_data.update(
            ts=_timestamp(record),
            level=record.levelname.lower(),
            logger=record.name,
            msg=log_message(record),
            **{**rest, **getattr(record, "about", {})},
        )

    @override
    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        # By value, before it is written as JSON: a secret with quotes looks different after that.
        return {
            key: value if key in OUR_FIELDS else self._clean(value)
            for key, value in log_data.items()
        }

    def _clean(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case dict():
                return {str(key): self._clean(item) for key, item in value.items()}
            case list() | tuple() | set():
                return [self._clean(item) for item in value]
            case Tainted():
                return repr(value)
            case _:
                return self._redact(str(value))


def log_message(record: logging.LogRecord) -> str:
    """Return the message of a record with its arguments filled in."""
    return record.getMessage()
