"""A short stretch of the random schedule; five minutes of it are `make faults`."""

import pytest

from tests.faults.schedule import run, table

SECONDS = 6


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11])
async def test_a_random_schedule_breaks_no_promise(tmp_path, seed, figure):
    accounts, whole = await run(tmp_path, seed=seed, seconds=SECONDS)
    figure(f"seed {seed}", whole.line())
    assert whole.broken == [], "\n".join([table(accounts, whole), *whole.broken])
    assert len(accounts) > 3
    assert whole.sent > 300
