"""How shadow traffic speaks to either side, and understands it: as `Proxy` does with its users' requests."""

import random
import secrets

from gateway.exchange import Exchange
from gateway.model import Side
from gateway.outbound import shadow_request
from gateway.reply import rewritten_back
from gateway.rules import headers
from gateway.upstream.api import OutboundRequest


class ShadowSpeech:
    """Handed to `Shadows` by `worker`."""

    def __init__(self) -> None:
        self._random = random.Random(secrets.randbits(256))  # noqa: S311 - ids to find log lines by, not secrets

    def request(self, exchange: Exchange, side: Side, body: bytes) -> OutboundRequest:
        """For one side, with a fresh trace where the client has none."""
        return shadow_request(exchange, side, body, fresh=self._random.randbytes(24))

    def heard(self, exchange: Exchange, side: Side, fields: headers.Fields) -> headers.Fields:
        """The head of that side's reply as the client would have it."""
        feature = exchange.feature_plan
        assert feature is not None  # noqa: S101 - a copy is made of a feature's requests alone
        place = 1 if side is Side.NEW else 0
        passing = headers.forwardable_response(fields)
        return rewritten_back(exchange, passing, feature.rewrites[place], feature.upstreams[place])
