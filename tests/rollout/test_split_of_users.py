"""20,000 users through the whole stack: how many land on new, who, and that nobody goes back."""

import math

from tests.support.load import ask_all
from tests.support.xxh64 import xxh64

USERS = 20_000
FEWER_USERS = 4_000


def questions(count, feature="auth", path="config"):
    return [(f"/api/v1/{feature}/{path}", (("cookie", f"gateway_id=user-{number}"),)) for number in range(count)]


def expected(feature, number, percent):
    """The rule, computed by code that shares nothing with the product's."""
    bucket = xxh64(f"{feature}:user-{number}".encode()) % 10_000
    return "new" if bucket < percent * 100 else "legacy"


async def sides(stack, count, **more):
    replies = await ask_all(stack.port, questions(count, **more))
    assert {reply.side for reply in replies} <= {"legacy", "new"}
    return [reply.side for reply in replies]


async def test_ten_percent_of_20000_users_land_on_new_always_the_same_ones(stack, figure):
    await stack.aset_percent("auth", 10)
    replies = await ask_all(stack.port, questions(USERS))
    assert all(reply.status == 200 for reply in replies)
    assert all(reply.server == reply.side for reply in replies), "who answered is who the gateway says answered"
    first = [reply.side for reply in replies]
    on_new = first.count("new")
    figure("users on new at 10 %", f"{on_new} of {USERS}")
    deviation = math.sqrt(USERS * 0.1 * 0.9)
    assert abs(on_new - USERS * 0.1) < 4 * deviation
    assert first == [expected("auth", number, 10) for number in range(USERS)]
    assert await sides(stack, USERS) == first, "each key is always on the same side, whichever worker answers"


async def test_nobody_goes_back_while_the_percent_rises(stack, figure):
    on_new = set()
    for percent in (1, 5, 10, 25, 50, 100):
        await stack.aset_percent("auth", percent)
        found = await sides(stack, FEWER_USERS)
        now = {number for number, side in enumerate(found) if side == "new"}
        assert on_new <= now, f"at {percent} % users went back to legacy"
        assert found == [expected("auth", number, percent) for number in range(FEWER_USERS)]
        figure(f"users on new at {percent} %", f"{len(now)} of {FEWER_USERS}")
        on_new = now
    assert len(on_new) == FEWER_USERS


async def test_two_features_are_uncorrelated(stack, figure):
    await stack.aset_percent("auth", 50)
    await stack.aset_percent("upload", 50)
    auth = [side == "new" for side in await sides(stack, FEWER_USERS)]
    upload = [side == "new" for side in await sides(stack, FEWER_USERS, feature="upload", path="nothing")]
    both = sum(a and b for a, b in zip(auth, upload, strict=True))
    share_a, share_b = sum(auth) / FEWER_USERS, sum(upload) / FEWER_USERS
    covariance = both / FEWER_USERS - share_a * share_b
    phi = covariance / math.sqrt(share_a * (1 - share_a) * share_b * (1 - share_b))
    figure("correlation of two features at 50 %", f"{phi:+.4f}")
    assert abs(phi) < 4 / math.sqrt(FEWER_USERS)
