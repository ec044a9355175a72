from ipaddress import ip_network

from tests.unit.test_assign import plan

__all__ = ["plan"]


def test_upstreams_know_their_own_host_and_what_a_location_may_name(plan):
    old, new = plan.upstreams["old"], plan.upstreams["new"]
    assert (old.keeps_host, old.authority) == (True, b"old.example:80")
    assert old.origins == {b"http://old.example:80", b"http://old.example"}
    assert (new.keeps_host, new.authority) == (False, b"new.example")
    assert new.origins == {b"https://new.example", b"https://new.example:443", b"http://[::1]:9"}


def test_a_feature_has_its_parts_by_side(plan):
    auth = plan.features["auth"]
    assert (auth.upstreams, auth.cookie) == (("old", "new"), "id")
    assert auth.rewrites[0] is None
    assert auth.rewrites[1].forward(b"/api/auth/x") == b"/auth/x"


def test_a_fixed_route_has_its_own_rewrite(plan):
    assert plan.targets[1].rewrite.forward(b"/fixed/x") == b"/x"
    assert plan.trusted == (ip_network("10.0.0.0/8"),)
