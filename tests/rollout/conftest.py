"""The stack as `make run` starts it, shared by the tests of this folder."""

import pytest

from tests.support.running_stack import ROOT, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    text = (ROOT / "routes.yaml").read_text()
    assert "\nroutes:\n" in text
    text = text.replace("\nroutes:\n", '\nroutes:\n  - {path: "/api/v1/upload/*", feature: upload}\n')
    with running_stack(tmp_path_factory.mktemp("stack"), text) as running:
        yield running


@pytest.fixture(autouse=True)
def _clean(stack):
    """Each test begins with the shipped routes and without flags."""
    yield
    stack.routes.write_text(stack.good_routes)
    for feature in ("auth", "upload", "ai", "review"):
        stack.flag(feature, "enable")
        stack.flag(feature, "unset")
