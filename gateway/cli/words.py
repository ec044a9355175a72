"""What commands say at the terminal, on both of its streams."""

import os
import sys
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from gateway.telemetry.redact import clean_text

WIDE = 200
"""Columns where the output is no terminal: a file or a pipe has no edge to fold lines at."""

console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)


def safe(text: str) -> str:
    """Text from outside for a line with markup: brackets stay brackets, and nothing in it moves a cursor."""
    return escape("\n".join(clean_text(line, one_line=True) for line in text.split("\n")))


def fail(message: str, *, status: int = 1) -> NoReturn:
    """Says what is wrong on standard error and exits."""
    errors.print(f"[bold red]error:[/] {safe(message)}")
    raise typer.Exit(status)
