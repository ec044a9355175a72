"""The `gateway` command. Of its subcommands only the one that was typed is loaded: a start is a matter of imports."""

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Final

import typer

from gateway import COMPILED, __version__, lean

COMMANDS: Final = {
    "serve": "serve.serve",
    "check": "check.check",
    "schema": "schema.schema",
    "status": "status.status",
    "explain": "explain.explain",
    "token": "token.token",
    "verify": "verify.verify",
    "reload": "reload.reload",
    "compile": "compile.compile_",
    "flag": "flag.app",
    "compare": "compare.app",
}
"""Where each is, below `gateway.cli`; an app of typer's is a group of commands."""


def build(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """The command with these subcommands, and `version`."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="A strangler-fig gateway: moves a live system from old code to new, by percentage and per feature.",
    )
    for name in names:
        module, _, attribute = COMMANDS[name].partition(".")
        found = getattr(import_module(f"gateway.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name=name)(found)
    app.command()(version)
    app.callback()(_group)
    return app


def _group() -> None:
    """Without it a lone subcommand would be the command itself."""


def version() -> None:
    """Prints the version, and whether it is compiled."""
    print(f"{__version__} (compiled)" if COMPILED else __version__)


def main() -> None:
    """The console script. What is no subcommand (`--help`, a word that is mistyped) is told of all of them."""
    lean.imports_only()
    typed = sys.argv[1] if len(sys.argv) > 1 else ""
    app = build([typed]) if typed in COMMANDS else build([] if typed == "version" else COMMANDS)
    lean.over()
    app()
