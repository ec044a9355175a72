"""Plays one scenario in every mode that is asked for, and judges it. Called by `gateway verify` alone.

Legacy, asked directly, is the measure of everything. New is asked directly in turns with it; only where that is alike
the gateway's flag is moved, so that its users do not meet a new that is known to be wrong.
"""

import time

from gateway.verify.admin import Admin
from gateway.verify.direct import Direct
from gateway.verify.plan import Plan, Progress, Stage
from gateway.verify.through import PERCENTS, Through
from gateway.verify.verdict import FeatureResult, Mode, ModeResult

NOT_MOVED = "new differs already when it is asked directly, so the flag was not moved (--keep-going moves it)"


async def verify(plan: Plan, admin: Admin | None, progress: Progress) -> FeatureResult:
    """Everything of one scenario. admin: of the gateway in the plan. Raises CannotPlayError and FlagError; the flag is
    as it was, whatever happens.
    """
    began = time.monotonic()
    stage = Stage(plan, progress)
    direct = Direct(stage)
    asked = Mode.DIRECT in plan.modes
    first = await direct.compare() if asked else await direct.legacy_alone()
    timing = direct.timing() if asked else None
    modes = [first] if first is not None else []
    modes += await _through(stage, direct, admin, already_bad=first is not None and first.is_bad)
    return FeatureResult(
        feature=plan.scenario.feature,
        file=str(plan.file),
        modes=tuple(modes),
        timing=timing,
        requests=stage.requests,
        requests_to_new=stage.requests_to_new,
        seconds=time.monotonic() - began,
    )


async def _through(stage: Stage, direct: Direct, admin: Admin | None, *, already_bad: bool) -> list[ModeResult]:
    plan = stage.plan
    wanted = [mode for mode in PERCENTS if mode in plan.modes]
    if not wanted or admin is None or plan.gateway is None:
        return []
    if already_bad and not plan.keep_going:
        return [ModeResult(mode, unplayed=NOT_MOVED) for mode in wanted]
    return await Through(stage, admin, plan.gateway, direct.measure).compare(wanted)
