"""What must be known of the flags before a run may move them."""

import getpass
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from traffic.flags import Flag, Flags, FlagsError
from traffic.mover import Mover, movable
from traffic.options import Options
from traffic.people import chance_of
from traffic.ramp import Ramp
from traffic.run import Stop


class CannotBeginError(Exception):
    """The message says what is missing, and what to do."""


async def mover_of(options: Options, stop: Stop) -> Mover | None:
    """Who moves the flags of a run; None where none are to be.

    Raises CannotBeginError for flags that cannot be moved, or not be put back.
    """
    ramp = options.ramp
    if ramp is None:
        return None
    who = options.who or f"{getpass.getuser()}@{socket.gethostname()}"

    def flags() -> Flags:
        return Flags(options.admin, token=_token(os.environ), who=who, reason=reason_of(ramp, options.seed))

    looking = flags()
    try:
        chosen = _chosen(await looking.every(), options.features)
    except FlagsError as error:
        raise CannotBeginError(str(error)) from error
    finally:
        await looking.close()
    plans = {
        flag.feature: ramp.percents(options.seconds, chance_of(options.seed, -2 - number))
        for number, flag in enumerate(chosen)
    }
    return Mover(chosen, plans, flags=flags, every=ramp.every, clock=time.monotonic, rest=stop.rest)


def _chosen(there: Mapping[str, Flag], names: tuple[str, ...]) -> list[Flag]:
    unknown = [name for name in names if name not in there]
    if unknown or not there:
        raise CannotBeginError(f"there is no feature {', '.join(unknown)}; there are {', '.join(there) or 'none'}")
    chosen = [there[name] for name in dict.fromkeys(names or tuple(there))]
    reasons = [reason for flag in chosen if (reason := movable(flag))]
    if reasons:
        raise CannotBeginError("; ".join(reasons))
    return chosen


def _token(environment: Mapping[str, str]) -> str | None:
    """Of the admin port, from where `gateway flag` takes it too. Raises CannotBeginError; no message repeats it."""
    if found := environment.get("GATEWAY_ADMIN_TOKEN", "").strip():
        return found
    named = environment.get("GATEWAY_ADMIN_TOKEN_FILE", "")
    try:
        return Path(named).read_text(encoding="utf-8").strip() if named else None
    except (OSError, UnicodeDecodeError) as error:
        raise CannotBeginError(f"GATEWAY_ADMIN_TOKEN_FILE cannot be read: {type(error).__name__}") from error


def reason_of(ramp: Ramp, seed: int) -> str:
    """What is recorded with every change."""
    return f"traffic: {'any of ' if ramp.shuffle else ''}{ramp.first}:{ramp.last} every {ramp.every:g} s, seed {seed}"
