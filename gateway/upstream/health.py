"""Active health checks: a GET to each target every few seconds, on a connection of its own, by a task of its own."""

import asyncio
import contextlib
import random
from urllib.parse import urlsplit

from gateway.config.schema import Health, Upstream
from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.tasks import Tasks
from gateway.upstream.api import OutboundRequest, UpstreamClient
from gateway.upstream.factory import build_client
from gateway.upstream.tls import Tls

MAX_BODY_BYTES = 65_536


class CheckNotMadeError(Exception):
    """No connection could be opened for want of descriptors here: nothing was learnt of the target."""


def start_checks(
    tasks: Tasks, name: str, spec: Upstream, client: UpstreamClient, tls: Tls | None
) -> "list[asyncio.Task[None]]":
    """One task for each target, until cancelled; none where the upstream has no `health`."""
    if spec.health is None:
        return []
    return [
        tasks.start(
            _check_again_and_again(name, spec, spec.health, place, client=client, tls=tls),
            name=f"health-check {name} {url}",
        )
        for place, url in enumerate(spec.targets)
    ]


async def _check_again_and_again(
    name: str, spec: Upstream, health: Health, place: int, *, client: UpstreamClient, tls: Tls | None
) -> None:
    target = spec.targets[place]
    own = build_client(name, _for_checks(spec, target, health.timeout_seconds), tls=tls)
    jitter = random.Random(f"{name} {target}")  # noqa: S311 - so that targets are not all checked at one instant
    try:
        while True:
            with contextlib.suppress(CheckNotMadeError):
                client.checked(place, await _problem(own, target, health))
            await asyncio.sleep(health.interval_seconds * jitter.uniform(0.9, 1.1))
    finally:
        await own.aclose()


def _for_checks(spec: Upstream, target: str, seconds: float) -> Upstream:
    """A new connection for each check: whether one can be opened is a part of what is asked."""
    return spec.model_copy(
        update={
            "url": target,
            "urls": (),
            "health": None,
            "max_idle_connections": 0,
            "connect_timeout_seconds": seconds,
            "first_byte_timeout_seconds": seconds,
            "total_timeout_seconds": seconds,
        }
    )


async def _problem(own: UpstreamClient, target: str, health: Health) -> str | None:
    """What is wrong with a target; None where all is well. Raises CheckNotMadeError."""
    authority = urlsplit(target).netloc.encode("ascii")
    fields = [(b"host", authority), (b"user-agent", b"gateway-health-check"), (b"accept", b"*/*")]
    try:
        response = await own.send(OutboundRequest(b"GET", health.path.encode("ascii"), fields))
        try:
            size = 0
            while (piece := await response.read()) and size < MAX_BODY_BYTES:
                size += len(piece)
        finally:
            await response.aclose()
    except UpstreamError as error:
        if error.kind is UpstreamErrorKind.EXHAUSTED:
            raise CheckNotMadeError from None
        return error.detail
    except (OSError, ValueError) as error:
        return f"the check cannot be made: {error}"
    return None if 200 <= response.status < 400 else f"GET {health.path} is answered {response.status}"
