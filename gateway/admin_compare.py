"""The admin port's part about comparisons: totals, differences, samples. Used by `gateway compare` and consoles."""

import re
import time
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.compare.reader import CompareReader
from gateway.control_view import ControlView
from gateway.errors import ClientError
from gateway.flags.stored import FlagStoreError
from gateway.rules.flagvalues import nearest

NO_STORE = (
    "comparisons are kept in Redis, and this gateway was started without: start it with --redis (embedded is enough); "
    "until then only the metrics count them"
)
_ID = re.compile("[0-9a-f]{1,32}")


class CompareDesk:
    """Its routes; every failure is a ClientError, which the admin app tells."""

    def __init__(self, control: ControlView) -> None:
        self._control = control
        self.routes = (
            Route("/api/compare", self._every),
            Route("/api/compare/samples/{sample:path}", self._sample),
            Route("/api/compare/{feature:path}", self._feature, methods=["GET", "DELETE"]),
        )

    async def _every(self, _: Request) -> Response:
        """Totals of each feature in routes.yaml."""
        reader = self._reader()
        try:
            totals = await reader.totals(self._control.plan.features)
        except FlagStoreError as error:
            raise _away(error) from None
        return _json({"time": time.time(), "features": totals})

    async def _feature(self, request: Request) -> Response:
        feature, reader = self._known(request.path_params["feature"]), self._reader()
        try:
            if request.method == "DELETE":
                await reader.clear(feature)
                return _json({"feature": feature, "cleared": True})
            return _json({"time": time.time(), **await reader.feature(feature)})
        except FlagStoreError as error:
            raise _away(error) from None

    async def _sample(self, request: Request) -> Response:
        sample, reader = request.path_params["sample"], self._reader()
        try:
            found = await reader.sample(sample) if _ID.fullmatch(sample) else None
        except FlagStoreError as error:
            raise _away(error) from None
        if found is None:
            raise ClientError(404, "No such sample", "there is no such sample; it may have expired, or was cleared")
        return _json(found)

    def _reader(self) -> CompareReader:
        if self._control.comparisons is None:
            raise ClientError(409, "No Redis", NO_STORE)
        return self._control.comparisons

    def _known(self, feature: str) -> str:
        known = self._control.plan.features
        if feature not in known:
            raise ClientError(
                404, "No such feature", f"routes.yaml has no feature {feature!r}{nearest(feature, tuple(known))}"
            )
        return feature


def _away(error: FlagStoreError) -> ClientError:
    return ClientError(503, "Comparison store", str(error))


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers={"cache-control": "no-store"})
