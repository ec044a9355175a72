"""Figures that tests measured, told at the end of a run. They are never asserted on: machines are shared and noisy."""

import statistics

import pytest

_KEY = "figure"
_figures = pytest.StashKey()


@pytest.fixture
def figure(request):
    """`figure("flag to effect", values_in_ms, "ms")` or `figure("requests", 20000)`."""

    def tell(name, value, unit=""):
        if isinstance(value, (list, tuple)):
            text = f"median {statistics.median(value):.1f}, max {max(value):.1f} {unit} of {len(value)}"
        else:
            text = f"{value} {unit}"
        request.node.user_properties.append((_KEY, f"{request.node.name}: {name}: {text.strip()}"))

    return tell


def pytest_configure(config):
    config.stash[_figures] = []
    config.pluginmanager.register(_Collector(config.stash[_figures]), "figures-collector")


class _Collector:
    """Reads reports, which come to the process that prints even when others ran the tests."""

    def __init__(self, lines):
        self._lines = lines

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":
            self._lines += [text for key, text in report.user_properties if key == _KEY]


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(_figures, [])
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)
