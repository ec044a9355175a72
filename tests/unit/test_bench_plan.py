"""What is measured of whom, and when a split counts as done."""

import pytest

from bench.contestants.nginx import Nginx
from bench.contestants.ours import Ours
from bench.figures import Figures
from bench.measure import sampling_error
from bench.plan import GROUPS, Pace, heats

NGINX = Nginx()


@pytest.fixture
def ours(tmp_path):
    return Ours("ours", tmp_path / "python")


def named(field, *groups):
    return [[(each.who, each.workload) for each in heat] for heat in heats(field, groups, Pace(), Figures())]


def test_heats_are_in_one_order_and_alternate_over_the_contestants(ours):
    assert named([ours, NGINX], "post", "get") == [
        [("ours", "get"), ("nginx", "get")],
        [("ours", "post"), ("nginx", "post")],
    ]


def test_what_is_only_ours_is_measured_of_ours_alone(ours):
    assert named([ours, NGINX], "flag") == [[("ours", "flag")]]
    assert named([ours, NGINX], "routes") == [[("ours", "routes-1"), ("ours", "routes-100"), ("ours", "routes-10000")]]
    assert named([NGINX], "routes", "flag", "workers") == [[], [], []]


def test_more_features_are_compared_over_as_many_routes(ours):
    (heat,) = heats([ours], ["features"], Pace(), Figures())
    assert [(each.contestant.routes, each.contestant.features) for each in heat] == [(500, 1), (500, 500)]


def test_memory_of_idle_connections_is_measured_of_one_that_has_served_nobody(ours):
    assert [each.fresh for heat in heats([ours, NGINX], ["get", "idle"], Pace(), Figures()) for each in heat] == [
        *(False, False),
        *(True, True),
    ]


def test_every_group_is_something(ours):
    assert all(heats([ours, NGINX], GROUPS, Pace(), Figures()))


def test_the_more_users_the_less_a_share_may_be_off():
    assert sampling_error(10_000) < 1.5
    assert sampling_error(100) > 10
