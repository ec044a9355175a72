"""`gateway compile`: the modules that every request runs through, as machine code."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from gateway import compiled


def compile_(
    *,
    if_possible: Annotated[
        bool, typer.Option("--if-possible", help="Where it cannot be done, say so and leave it at that.")
    ] = False,
) -> None:
    """Builds the modules that every request runs through as machine code: half of the CPU a request.

    Needs a C compiler, Python's headers and mypyc (`pip install "gateway[compile]"`), and takes about a minute. The
    next start uses what it has built, for as long as the sources are those that it was built from.
    """
    if compiled.is_current():
        print("already compiled, from these sources")
        return
    problem = _missing()
    if problem is None:
        print("compiling the modules that every request runs through; about a minute ...", flush=True)
        done = subprocess.run([sys.executable, "-m", "gateway.cli.build"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            print(f"compiled {len(compiled.HOT)} modules; the next start uses them")
            return
        problem = f"the compiler failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    print(f"not compiled: {problem}", file=sys.stderr)
    print("The gateway runs all the same, at about twice the CPU a request.", file=sys.stderr)
    if not if_possible:
        raise typer.Exit(1)


def _missing() -> str | None:
    """What there is not, and how to get it."""
    if find_spec("mypyc") is None or find_spec("setuptools") is None:
        return 'mypyc is not installed; pip install "gateway[compile]"'
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        return "there is no C compiler; on Debian and Ubuntu: apt install gcc python3-dev"
    return None
