"""One fault at a time under a steady load. The figures at the end of a run are what docs/operating.md shows."""

import asyncio

import pytest

from tests.faults.catalogue import BY_NAME
from tests.faults.drill import drill
from tests.faults.load import SteadyLoad
from tests.faults.rig import Rig

ONE_AT_A_TIME = [
    *("w0 killed", "w1 stalled", "w0 without descriptors", "control killed"),
    *("new killed", "new frozen", "new slow", "new half-open", "new answers garbage", "new answers twice"),
    *("new resets mid-body", "new answers 503", "legacy killed", "legacy ends mid-body"),
    *("Redis killed", "Redis killed and empty", "Redis frozen", "Redis full", "Redis wiped"),
    *("disk full", "files may not grow", "clock jumps"),
]


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("faults")) as rig:
        yield rig


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_AT_A_TIME)
async def test_a_fault_costs_no_more_than_is_promised(rig, name, figure):
    fault = BY_NAME[name]
    if not fault.possible(rig):
        pytest.skip("no file system of its own may be mounted here")
    if name == "files may not grow" and rig.has_small_disk:
        pytest.skip("a disk that is really full shows the same, and more")
    async with SteadyLoad(rig.gateway.port, rig.splits, seed=ONE_AT_A_TIME.index(name)) as load:
        await asyncio.sleep(0.15)  # the load before the fault
        account = await drill(rig, load, fault)
    figure("cost", account.line())
    assert account.broken == []
    assert account.confirmed
    assert load.surplus == 0
    assert account.sent > 50
