"""structlog for ourselves and for the libraries' loggers alike: JSON where machines read, plain text elsewhere."""

import logging
import sys

import structlog
from structlog.types import Processor


def configure_logs(environment: str) -> None:
    """Called once, before the server starts. Tracebacks never show local variables: those hold passwords."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(environment)],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    for library in ("python_multipart", "httpx"):  # they tell of each bad body, and of each request
        logging.getLogger(library).setLevel(logging.ERROR)


def _renderers(environment: str) -> list[Processor]:
    if environment in {"staging", "production"}:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)]
