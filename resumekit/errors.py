"""The one failure that a reader of files is told of. A leaf, so that each format's reader may raise it."""


class UnreadableFileError(Exception):
    """A file whose text cannot be had. `str(error)` completes "The file cannot be read: ...", and holds no secret."""
