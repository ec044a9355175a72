"""Logs: structlog, one JSON object a line in production, readable at a terminal, the same for libraries' own logs.

`configure` is called once, first thing in each process. Modules say `log = structlog.get_logger("name")` and log
events in words with values as keys. Secrets are hidden and forged lines made harmless by `redact`, for all of them.
"""

import logging
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.config.schema import Log
from gateway.model import ALL, NO_FEATURE, NONE, BasisPoints, Reason, Side
from gateway.percent import format_percent
from gateway.rules.sample import is_logged
from gateway.telemetry.log_stream import LossyStream
from gateway.telemetry.redact import Redact

MAX_PATH = 1024
"""Characters of a path in a line: lines stay under 4096 bytes, which a pipe takes whole from several processes."""

_QUIET = ("httpx", "httpcore", "hpack", "asyncio")  # httpx logs whole URLs at info, query and all
_OWN_LINES = ("uvicorn", "uvicorn.error", "uvicorn.access")


def configure(
    *,
    json: bool | None = None,
    level: str = "info",
    process: str | None = None,
    slot: str | None = None,
    stream: BinaryIO | None = None,
) -> None:
    """Sets structlog and the standard library's logging up, once in a process: loggers keep what they first met.

    json: None means by the variable GATEWAY_LOG (`json` or `text`), else JSON unless the stream is a terminal.
    level: debug, info, warning or error; events below it cost next to nothing.
    process, slot: bound to every line; the slot `control` says which process it is. stream: standard output by default.
    """
    out = sys.stdout.buffer if stream is None else stream
    terminal = out.isatty()
    as_json = _wants_json(terminal=terminal) if json is None else json
    number = logging.getLevelNamesMapping()[level.upper()]
    kind = process or ("control" if slot == "control" else "worker")
    constants = {"process": kind} if slot in {None, kind} else {"process": kind, "slot": str(slot)}
    processors = _processors(as_json=as_json, colors=terminal, constants=constants)
    lossy = LossyStream(out, lost=_lost_lines(processors))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", lossy)),
        cache_logger_on_first_use=True,
    )
    _adopt_standard_logging(number)


def _lost_lines(processors: list[Processor]) -> Callable[[int], bytes]:
    """What stands in the log for lines that nobody took."""

    def tell(lines: int) -> bytes:
        event: Any = {"event": "log lines were lost: they were not read in time", "lines": lines}
        for process in processors:
            event = process(None, "warning", event)
        return cast("bytes", event) + b"\n"

    return tell


def _wants_json(*, terminal: bool) -> bool:
    chosen = os.environ.get("GATEWAY_LOG", "").strip().lower()
    return chosen == "json" or (chosen != "text" and not terminal)


def _processors(*, as_json: bool, colors: bool, constants: dict[str, str]) -> list[Processor]:
    def add_constants(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["level"] = "error" if method == "exception" else method
        event.update(constants)
        name = getattr(logger, "name", None)
        if name is not None:
            event.setdefault("logger", name)
        return event

    return [
        structlog.processors.format_exc_info,  # plain: values of local variables are no business of a log
        Redact(one_line=False),
        add_constants,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([_render_json] if as_json else _console(colors=colors)),
    ]


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    return orjson.dumps(event)


def _console(*, colors: bool) -> list[Processor]:
    """For people: one line, then a traceback, indented so that no line of it can pass for an event of its own."""
    one_line = Redact(one_line=True)
    render = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=40)

    def render_text(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
        traceback = event.pop("exception", None)
        text = str(render(logger, method, one_line(logger, method, event)))
        if isinstance(traceback, str):
            lines = (str(one_line(logger, method, {"line": line})["line"]) for line in traceback.splitlines())
            text = "\n    | ".join([text, *lines])
        return text.encode("utf-8", "backslashreplace")

    return [render_text]


# -- the standard library's logging


class _Adopt(logging.Handler):
    """Hands records of the standard library's logging (uvicorn, redis, asyncio) to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit the message
            message = str(record.msg)
        fields: dict[str, Any] = {} if record.exc_info is None else {"exc_info": record.exc_info}
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        structlog.get_logger(record.name).log(level, "%s", message, **fields)


def _adopt_standard_logging(level: int) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Adopt)]:
        root.removeHandler(handler)
    root.addHandler(_Adopt())
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in _OWN_LINES:
        own = logging.getLogger(name)
        own.handlers.clear()
        own.propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # `request_line` is our access log


# -- one line a request


class RequestLine(NamedTuple):
    """What the log says of one finished request. `path` is without the query, which may hold tokens. `cut`: the reply
    had begun and could not be completed.
    """

    feature: str
    side: Side
    reason: Reason | None
    status: int
    seconds: float
    request_id: bytes
    method: bytes
    path: bytes
    upstream: str | None = None
    error: str | None = None
    cut: bool = False


def request_line(log: Any, line: RequestLine, policy: Log) -> None:
    """Called once for each finished request, whatever became of it."""
    if not is_logged(line.status, line.request_id, policy, cut=line.cut):
        return
    fields = {
        "feature": line.feature,
        "side": str(line.side),
        "reason": None if line.reason is None else str(line.reason),
        "status": line.status,
        "duration_ms": round(line.seconds * 1000, 2),
        "request_id": line.request_id.decode("utf-8", "backslashreplace"),
        "method": line.method.decode("utf-8", "backslashreplace"),
        "path": line.path.partition(b"?")[0][:MAX_PATH].decode("utf-8", "backslashreplace")[:MAX_PATH],
        "upstream": line.upstream,
    }
    if line.feature != NO_FEATURE and line.side in (Side.NEW, Side.LEGACY):
        fields["implementation"] = implementation(line.feature, line.side)
    if line.error is not None:
        fields["error"] = line.error
    if line.cut:
        fields["cut"] = True
    if (line.status >= 500 and line.status != 501) or line.cut:
        log.error("request", **fields)
    else:
        log.info("request", **fields)


@lru_cache(maxsize=4096)
def implementation(feature: str, side: Side) -> str:
    """The words that operators search for: `Using NEW auth implementation`."""
    return f"Using {'NEW' if side is Side.NEW else 'OLD'} {feature} implementation"


def feature_changed(feature: str, old: BasisPoints | None, new: BasisPoints, **why: object) -> None:
    """Says which implementation a feature uses when its share in force has changed. old: None at start.

    why: more to say, such as the source of the new share.
    """
    if new in {ALL, NONE}:
        words = implementation(feature, Side.NEW if new == ALL else Side.LEGACY)
    else:
        words = f"{implementation(feature, Side.NEW)} for {format_percent(new)} % of keys, OLD for the others"
    before = None if old is None else format_percent(old)
    log = structlog.get_logger("flags")
    log.info(words, feature=feature, percent=format_percent(new), percent_before=before, **why)
