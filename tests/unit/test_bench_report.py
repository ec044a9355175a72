"""What a run leaves: numbers as data, a page, a picture."""

import json
from xml.etree import ElementTree as ET

import pytest

from bench.figures import Figures
from bench.grid import grids
from bench.report import Report
from bench.targets import evaluate
from bench.units import METRICS, number


@pytest.fixture
def report():
    figures = Figures()
    for ours, envoy in ((30.0, 40.0), (31.0, 39.0), (29.0, 45.0)):
        figures.add("ours", "get", {"cpu_us": ours, "worker_us": ours - 1, "rps": 20_000.0, "machine": 0.9})
        figures.add("envoy", "get", {"cpu_us": envoy, "rps": 25_000.0, "machine": 0.97})
        figures.add("slow & <old>", "get", {"cpu_us": 4000.0, "rps": 100.0, "machine": 0.5})
    figures.add("ours", "flag", {"effect_ms": [1.0, 2.0, 9.5], "answer_ms": [2.0, 3.0, 10.5]})
    figures.fail("nginx", "post", "status 502")
    return Report(
        figures=figures,
        verdicts=evaluate(figures, "ours"),
        ours="ours",
        machine={"cores": "2"},
        versions={"ours": "1.0", "envoy": "2.0"},
        missing=["caddy is missing and left out; to have it: make bench-peers"],
        pace="3 rounds",
    )


def test_a_table_has_medians_spreads_and_ratios(report):
    get, flag = grids(report.figures, "ours", whole=False)
    assert get.titles == ("", "CPU us/request", "min..max", "of ours", "its workers, us", "requests/s")
    assert get.rows[0] == ("ours", "30.0", "29.0..31.0", "", "29.0", "20,000")
    assert get.rows[1] == ("envoy", "40.0", "39.0..45.0", "1.33x", "", "25,000")
    assert flag.rows[0] == ("ours, to the first request", "3", "2.00", "9.50", "9.50")


def test_the_files_have_everything(report, tmp_path):
    report.write(tmp_path)
    said = json.loads((tmp_path / "results.json").read_text())
    assert said["machine"] == {"cores": "2"}
    assert said["figures"][0]["values"] == [30.0, 31.0, 29.0]
    assert said["targets"][0]["verdict"] == "met"
    page = (tmp_path / "RESULTS.md").read_text()
    for part in ("- cores: 2", "- envoy: 2.0", "make bench-peers", "FAILED: nginx: post: status 502", "**met**"):
        assert part in page
    assert "| envoy | 40.0 | 39.0..45.0 | 1.33x |" in page


def test_the_picture_is_well_formed_and_cuts_what_is_much_longer(report, tmp_path):
    report.write(tmp_path)
    root = ET.fromstring((tmp_path / "results.svg").read_text())
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "slow & <old>" in texts
    assert "4,000 →" in texts
    widths = [float(bar.get("width")) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert max(widths[1:]) < 430


def test_a_machine_that_had_much_else_to_do_is_told(report):
    assert report.disturbed == ""
    report.figures.add("ours", "get", {"foreign": [0.3, 0.4, 0.5]})
    assert report.disturbed.startswith("other programs used 40% of all cores meanwhile")
    assert report.disturbed in report.markdown()


@pytest.mark.parametrize(("value", "text"), [(12345.6, "12,346"), (99.94, "99.9"), (9.999, "10.00"), (0.123, "0.12")])
def test_numbers_have_three_digits_that_count(value, text):
    assert number(value) == text


def test_every_metric_has_a_title_of_its_own():
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)
