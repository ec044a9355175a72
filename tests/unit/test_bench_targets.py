"""Targets are data; a run says of each whether it was met, or that it cannot tell."""

import pytest

from bench.figures import Figures
from bench.targets import TARGETS, evaluate


def figures(**values):
    """`envoy__get__cpu_us=40` by who, workload and metric; `_` for a dash in the workload."""
    found = Figures()
    for name, value in values.items():
        who, workload, metric = name.split("__")
        found.add(who, workload.replace("_", "-"), {metric: value})
    return found


def words(found):
    return [(verdict.target.text, round(verdict.value, 2), verdict.word) for verdict in evaluate(found, "ours")]


def test_a_ratio_to_a_peer_is_met_or_not():
    text = "get: CPU a request, of envoy's"
    assert words(figures(ours__get__cpu_us=30, envoy__get__cpu_us=40)) == [(text, 0.75, "met")]
    assert words(figures(ours__get__cpu_us=40, envoy__get__cpu_us=40)) == [(text, 1.0, "met")]
    assert words(figures(ours__get__cpu_us=50, envoy__get__cpu_us=40)) == [(text, 1.25, "not met")]


def test_what_was_not_measured_is_not_told_of():
    assert words(figures(ours__get__cpu_us=30)) == []
    assert words(figures(envoy__get__cpu_us=30)) == []


def test_a_number_of_ours_alone_has_its_own_bound():
    assert words(figures(ours__start__rss_mib=64.0)) == [("memory of a worker at rest", 64.0, "met")]
    assert words(figures(ours__start__rss_mib=91.0)) == [("memory of a worker at rest", 91.0, "not met")]


def test_of_flag_changes_the_99th_percentile_counts():
    few_slow = figures(ours__flag__effect_ms=[2.0] * 995 + [50.0] * 5)
    many_slow = figures(ours__flag__effect_ms=[2.0] * 980 + [50.0] * 20)
    assert [verdict.word for verdict in evaluate(few_slow, "ours")] == ["met"]
    assert [verdict.word for verdict in evaluate(many_slow, "ours")] == ["not met"]


@pytest.mark.parametrize(
    ("machine", "rps", "word"),
    [(0.7, 190, "met"), (0.7, 170, "not met"), (0.99, 190, "not told"), (0.99, 150, "not told")],
)
def test_two_workers_are_judged_only_where_the_machine_had_room_for_them(machine, rps, word):
    found = figures(
        ours__workers_1__rps=100,
        ours__workers_2__rps=rps,
        ours__workers_1__cpu_us=50,
        ours__workers_2__cpu_us=51,
        ours__workers_2__machine=machine,
    )
    (verdict,) = evaluate(found, "ours")
    assert verdict.word == word
    assert ("1.96 x" in verdict.note) == (word == "not told")


def test_latencies_are_not_judged_where_the_load_generator_was_late_itself():
    common = {"ours__latency__p99_ms": 4.0, "envoy__latency__p99_ms": 4.0, "ours__latency__late_p99_ms": 0.5}
    assert [each.word for each in evaluate(figures(**common, envoy__latency__late_p99_ms=1.9), "ours")] == ["met"]
    (verdict,) = evaluate(figures(**common, envoy__latency__late_p99_ms=2.1), "ours")
    assert (verdict.word, "2.1 ms late itself (envoy" in verdict.note) == ("not told", True)


def test_another_name_may_be_ours():
    found = figures(before__get__cpu_us=50, after__get__cpu_us=30, envoy__get__cpu_us=40)
    assert [verdict.word for verdict in evaluate(found, "before")] == ["not met"]
    assert [verdict.word for verdict in evaluate(found, "after")] == ["met"]


def test_each_target_says_something_else():
    assert len({target.text for target in TARGETS}) == len(TARGETS)
