"""How far a feature's migration has come. Derived from what is in force, never stored; a kill does not change it."""

from enum import StrEnum

from gateway.model import ALL, NONE
from gateway.rules.policy import FeaturePolicy


class Stage(StrEnum):
    """In the order in which a feature goes through them."""

    LEGACY = "legacy"
    SHADOW = "shadow"  # legacy answers, and new is asked as well
    SPLIT = "split"
    NEW = "new"
    RETIRED = "retired"  # routes.yaml names no legacy any more


def stage_of(policy: FeaturePolicy) -> Stage:
    """For whoever shows a feature: `gateway status`, `gateway flag`, `gateway explain`."""
    if policy.retired:
        return Stage.RETIRED
    if policy.basis_points == ALL:
        return Stage.NEW
    if policy.basis_points > NONE:
        return Stage.SPLIT
    return Stage.SHADOW if policy.shadow > NONE else Stage.LEGACY
