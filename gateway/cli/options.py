"""Options that several commands share."""

from typing import Annotated

import typer

DEFAULT_ADMIN = "http://127.0.0.1:8001"


def _or_default(value: str) -> str:
    return value or DEFAULT_ADMIN


Admin = Annotated[
    str,
    typer.Option(
        "--admin",
        envvar="GATEWAY_ADMIN",
        callback=_or_default,
        show_default=DEFAULT_ADMIN,
        help="The admin port of a gateway.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs instead of text for people.")]
