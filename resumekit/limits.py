"""How much text a file may have. A leaf, for all readers of files."""

from resumekit.errors import UnreadableFileError

MAX_CHARACTERS = 500_000
"""A hundred times a long resume."""


def too_long() -> UnreadableFileError:
    """What is raised when there is more."""
    return UnreadableFileError(f"its text is longer than {MAX_CHARACTERS:,} characters")
