"""Figures that tests measured, told at the end of a run. They are never asserted on: machines are shared and noisy."""

import statistics

import pytest

_figures = pytest.StashKey()


@pytest.fixture
def figure(request):
    """`figure("flag to effect", values_in_ms, "ms")` or `figure("requests", 20000)`."""

    def tell(name, value, unit=""):
        if isinstance(value, (list, tuple)):
            text = f"median {statistics.median(value):.1f}, max {max(value):.1f} {unit} of {len(value)}"
        else:
            text = f"{value} {unit}"
        request.config.stash.setdefault(_figures, []).append(f"{request.node.name}: {name}: {text.strip()}")

    return tell


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(_figures, [])
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)
