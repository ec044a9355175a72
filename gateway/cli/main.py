"""The `gateway` command."""

import typer

from gateway import COMPILED, __version__
from gateway.cli import compare, flag
from gateway.cli.check import check
from gateway.cli.compile import compile_
from gateway.cli.explain import explain
from gateway.cli.reload import reload
from gateway.cli.schema import schema
from gateway.cli.serve import serve
from gateway.cli.status import status
from gateway.cli.token import token
from gateway.cli.verify import verify

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
app.command()(verify)
app.command()(reload)
app.command(name="compile")(compile_)
app.add_typer(flag.app, name="flag")
app.add_typer(compare.app, name="compare")


@app.command()
def version() -> None:
    """Prints the version, and whether it is compiled."""
    print(f"{__version__} (compiled)" if COMPILED else __version__)


def main() -> None:
    """The console script."""
    app()
