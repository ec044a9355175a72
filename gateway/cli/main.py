"""The `gateway` command. Of its subcommands only the one that was typed is loaded: a start is a matter of imports."""

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Final

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

PARTS: Final = {"compare": {"run": "compare_run.run"}}
"""Commands of a group that are loaded where none of its others was typed."""

ASKING: Final = frozenset({"status", "explain", "token", "reload", "flag", "compare"})
"""Those that speak to the admin port, and to nobody else."""


def build(names: Iterable[str] = tuple(COMMANDS), part: str = "") -> typer.Typer:
    """The command with these subcommands, and `version`. part: what was typed behind the name of a group."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="A strangler-fig gateway: moves a live system from old code to new, by percentage and per feature.",
    )
    for name in names:
        found = _found(COMMANDS[name])
        if isinstance(found, typer.Typer):
            app.add_typer(_whole(found, PARTS.get(name, {}), part), name=name)
        else:
            app.command(name=name)(found)
    app.command()(version)
    app.callback()(_group)
    return app


def _whole(group: typer.Typer, parts: Mapping[str, str], part: str) -> typer.Typer:
    """A group with its parts, unless another command of it was typed."""
    commands = group.registered_commands
    if part in {each.name or each.callback.__name__ for each in commands if each.callback is not None}:
        return group
    whole = typer.Typer(no_args_is_help=True, help=group.info.help)
    whole.registered_commands += commands
    for name, place in parts.items():
        whole.command(name=name)(_found(place))
    return whole


def _found(place: str) -> Any:
    module, _, attribute = place.partition(".")
    return getattr(import_module(f"gateway.cli.{module}"), attribute)


def _group() -> None:
    """Without it a lone subcommand would be the command itself."""


def version() -> None:
    """Prints the version, and whether it is compiled."""
    print(f"{__version__} (compiled)" if COMPILED else __version__)


def main() -> None:
    """The console script. What is no subcommand (`--help`, a word that is mistyped) is told of all of them."""
    lean.imports_only()
    typed, part, *_ = *sys.argv[1:3], "", ""
    if typed in ASKING and part not in PARTS.get(typed, {}):
        lean.without_http2()
    app = build([typed], part) if typed in COMMANDS else build([] if typed == "version" else COMMANDS)
    lean.over()
    app()
