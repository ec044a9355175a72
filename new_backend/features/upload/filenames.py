"""The name a client gives to a file: shown and sent back, never used as a path. Pure."""

from urllib.parse import quote

from new_backend.infrastructure.fields import strip_controls

MAX_FILENAME = 255
_RFC8187_SAFE = "!#$&+-.^_`|~"


def clean_filename(raw: bytes) -> str:
    """What follows the last slash, of either kind; the end is kept of a long one, for the extension stands there."""
    last = raw.replace(b"\\", b"/").rpartition(b"/")[2]
    text = strip_controls(last.decode("utf-8", "replace")).strip()
    return text[-MAX_FILENAME:] or "resume"


def attachment(filename: str) -> str:
    """A Content-Disposition (RFC 6266) whose name may hold anything (RFC 8187)."""
    return f"attachment; filename*=UTF-8''{quote(filename, safe=_RFC8187_SAFE)}"
