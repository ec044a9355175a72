"""A tiny run of the real benchmark, of the gateway alone."""

import json
import subprocess
import sys

import pytest

from bench.processes import SUPPORTED
from bench.program import ROOT


@pytest.mark.skipif(not SUPPORTED, reason="CPU is read from Linux's accounting")
def test_the_gateway_is_measured_and_the_results_are_written(tmp_path):
    words = ["--only", "ours", "--workloads", "start,get,up-10m,latency", "--rounds", "1", "--seconds", "0.3"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words, "--results", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads((tmp_path / "results.json").read_text())
    medians = {(each["workload"], each["metric"]): each["median"] for each in said["figures"]}
    assert said["failures"] == []
    assert medians["get", "cpu_us"] >= medians["get", "worker_us"] > 0
    assert medians["up-10m", "cpu_us_mib"] > 0
    assert medians["latency", "p999_ms"] >= medians["latency", "p99_ms"] >= medians["latency", "p50_ms"] > 0
    assert medians["start", "rss_mib"] > 10
    assert [each["target"] for each in said["targets"]] == ["memory of a worker at rest"]
    assert "memory of a worker at rest" in done.stdout
