"""`make traffic`, `python -m traffic`: plays, watches, reports. The exit status is 1 when a journey failed."""

import sys

import uvloop

from traffic.options import parse
from traffic.prepare import CannotBeginError
from traffic.screen import console
from traffic.session import session


def main() -> int:
    """Returns the exit status."""
    options = parse(sys.argv[1:])
    out = console()
    try:
        return uvloop.run(session(options, out))
    except CannotBeginError as error:
        sys.stderr.write(f"traffic: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
