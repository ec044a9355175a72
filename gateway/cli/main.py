"""The `gateway` command."""

import typer

from gateway import __version__
from gateway.cli import flag
from gateway.cli.check import check
from gateway.cli.explain import explain
from gateway.cli.reload import reload
from gateway.cli.schema import schema
from gateway.cli.serve import serve
from gateway.cli.status import status
from gateway.cli.token import token

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A strangler-fig gateway: moves a live system from old code to new, by percentage and per feature.",
)
app.command()(serve)
app.command()(check)
app.command()(schema)
app.command()(status)
app.command()(explain)
app.command()(token)
app.command()(reload)
app.add_typer(flag.app, name="flag")


@app.command()
def version() -> None:
    """Prints the version."""
    print(__version__)


def main() -> None:
    """The console script."""
    app()
