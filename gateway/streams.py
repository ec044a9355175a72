"""Replies that do not end by themselves, as long as they run: a kill cuts those of new when its grace is over."""

import asyncio
from collections.abc import Callable

from gateway.exchange import Exchange
from gateway.model import ShadowOutcome, Side


class Streams:
    """Owned by `Proxy`. `open`: those that new serves."""

    def __init__(self) -> None:
        self.open: set[Exchange] = set()

    def add(self, exchange: Exchange, overtaken: Callable[[Exchange], bool]) -> None:
        """One begins. One of new's that begins after a kill has its own grace. overtaken: whether a kill forbids it."""
        exchange.streaming = True
        if exchange.copy is not None:
            exchange.copy.drop(ShadowOutcome.DROPPED_STREAM)
        if exchange.side is not Side.NEW:
            return
        self.open.add(exchange)
        if overtaken(exchange):
            grace = exchange.plan.routes.kill_grace_seconds
            asyncio.get_running_loop().call_later(grace, self._cut_late, exchange, overtaken)

    def _cut_late(self, exchange: Exchange, overtaken: Callable[[Exchange], bool]) -> None:
        if exchange in self.open and overtaken(exchange):
            exchange.cut_short()

    def cut(self, feature: str) -> None:
        """A kill's grace is over: what new still serves for a feature ends. Called by `worker`."""
        for exchange in [stream for stream in self.open if stream.feature == feature]:
            exchange.cut_short()

    def discard(self, exchange: Exchange) -> None:
        """It is over, if it was one."""
        self.open.discard(exchange)
