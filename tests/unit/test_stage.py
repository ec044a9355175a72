"""How far a feature has come."""

import pytest

from gateway.model import BasisPoints, Source
from gateway.rules.policy import FeaturePolicy
from gateway.rules.stage import Stage, stage_of


def policy(points, shadow=0, **more):
    return FeaturePolicy("auth", BasisPoints(points), Source.FILE, shadow=BasisPoints(shadow), **more)


@pytest.mark.parametrize(
    ("held", "stage"),
    [
        (policy(0), Stage.LEGACY),
        (policy(0, 1), Stage.SHADOW),
        (policy(0, 10_000), Stage.SHADOW),
        (policy(1), Stage.SPLIT),
        (policy(9999, 500), Stage.SPLIT),
        (policy(10_000), Stage.NEW),
        (policy(10_000, 500), Stage.NEW),
        (policy(10_000, retired=True), Stage.RETIRED),
        (policy(0, unknown=True), Stage.LEGACY),
    ],
)
def test_a_stage_follows_from_what_is_in_force(held, stage):
    assert stage_of(held) is stage


def test_a_kill_does_not_change_the_stage():
    assert stage_of(policy(5000, killed=True, kill_sources=("redis",))) is Stage.SPLIT
