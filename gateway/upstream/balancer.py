"""Which target of an upstream takes the next request, and what each has shown of itself. One per client."""

import random
import secrets
from collections.abc import Callable, Sequence

import structlog

from gateway.errors import UpstreamError
from gateway.rules.balance import draw_two, less_busy, taking_part
from gateway.rules.standing import Standing, StandingLimits, TargetStanding

log = structlog.get_logger("upstream")


class Balancer:
    """Asked and told by a client, on the event loop's thread. Targets go by their place in `urls`.

    clock: any that only goes forward. load: requests in flight at a target.
    """

    __slots__ = ("_calm", "_clock", "_found", "_load", "_random", "_refusals", "_standings", "is_down", "name", "urls")

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        limits: StandingLimits,
        *,
        load: Callable[[int], int],
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self.urls = tuple(urls)
        self._load = load
        self._clock = clock
        self._random = random.Random(secrets.randbits(64)).random  # noqa: S311 - draws, not secrets
        self._standings = [TargetStanding(limits) for _ in urls]
        self._calm = True
        self.is_down = False
        """No target passes its health checks."""
        self._found: list[str | None] = [None for _ in urls]
        self._refusals: dict[int, str] = {}

    def problems(self) -> tuple[str | None, ...]:
        """For people, in the order of `urls`: what the last health check found, or why no connection was to be had."""
        return tuple(found or self._refusals.get(place) for place, found in enumerate(self._found))

    def states(self) -> tuple[str, ...]:
        """For people, in the order of `urls`."""
        self._look()
        return tuple(standing.state.value for standing in self._standings)

    def pick(self, load: Callable[[int], int] | None = None) -> int:
        """The target for a request. load: what it goes by, if not the requests in flight."""
        load = load or self._load
        count = len(self.urls)
        if count == 1:
            return 0
        draw = self._random
        if self._calm:
            return less_busy(load, *draw_two(count, draw(), draw()))
        places = taking_part(self._look(), draw()) or self._not_unhealthy() or list(range(count))
        if len(places) == 1:
            return places[0]
        one, other = draw_two(len(places), draw(), draw())
        return less_busy(load, places[one], places[other])

    def after(self, chosen: int) -> list[int]:
        """All targets in the order in which a connection is tried, those out of service last."""
        if len(self.urls) == 1:
            return [chosen]
        others = [place for place in range(len(self.urls)) if place != chosen]
        if not self._calm:
            shares = self._look()
            others.sort(key=lambda place: shares[place] <= 0)
        return [chosen, *others]

    def connected(self, place: int) -> None:
        """A target has taken a connection."""
        if self._refusals and self._refusals.pop(place, None) is not None:
            log.info("a target takes connections again", upstream=self.name, target=self.urls[place])

    def refused(self, place: int, error: UpstreamError) -> None:
        """A target has taken none; told once for each reason."""
        if self._refusals.get(place) != error.detail:
            self._refusals[place] = error.detail
            cause = str(error.__cause__ or "") or None
            log.error(
                "no connection to a target",
                upstream=self.name,
                target=self.urls[place],
                problem=error.detail,
                cause=cause,
            )
        self.failed(place)

    def succeeded(self, place: int) -> None:
        """A reply that shows a service that works."""
        self._standings[place].succeeded()

    def failed(self, place: int) -> None:
        """No connection, no reply in time, or one that shows that the service cannot answer."""
        standing = self._standings[place]
        before = standing.state
        standing.failed(self._clock(), last=self._is_last(place))
        if standing.state is not before:
            self._calm = False
            log.error(
                "a target fails and is left out", upstream=self.name, target=self.urls[place], seconds=standing.wait
            )

    def checked(self, place: int, problem: str | None) -> None:
        """A health check has ended; problem: what it found, None where all is well."""
        standing = self._standings[place]
        before = standing.state
        standing.checked(problem is None, self._clock())
        self._found[place] = problem
        if standing.state is before:
            return
        self._calm = False
        self.is_down = all(each.state is Standing.UNHEALTHY for each in self._standings)
        if standing.state is Standing.UNHEALTHY:
            log.error("a target fails its health checks", upstream=self.name, target=self.urls[place], problem=problem)
        else:
            log.info("a target passes its health checks again", upstream=self.name, target=self.urls[place])

    def _is_last(self, place: int) -> bool:
        if len(self.urls) == 1:
            return True
        shares = self._look()
        return not any(share > 0 for other, share in enumerate(shares) if other != place)

    def _not_unhealthy(self) -> list[int]:
        return [place for place, each in enumerate(self._standings) if each.state is not Standing.UNHEALTHY]

    def _look(self) -> list[float]:
        """Each target's share now."""
        now = self._clock()
        shares = [standing.share(now) for standing in self._standings]
        self._calm = all(standing.state is Standing.SERVING for standing in self._standings)
        return shares
