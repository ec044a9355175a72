"""docs/metrics.md and the Prometheus rules are held against the code: names, kinds, labels and label values."""

import itertools
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.errors import UpstreamErrorKind
from gateway.model import Cohort, Outcome, Reason, Refusal, ShadowOutcome, Side
from gateway.telemetry import catalogue
from gateway.telemetry.catalogue import CONTROL_METRICS, METRICS, WORKER_METRICS, Kind
from gateway.telemetry.live import HeldFlag, HeldUpstream, LiveCollector, WorkerReport
from gateway.telemetry.metrics import RequestMetrics
from gateway.telemetry.shadow_metrics import ShadowMetrics

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/metrics.md").read_text()
RULES = (ROOT / "deploy/prometheus/gateway.rules.yml").read_text()
BY_NAME = {definition.name: definition for definition in METRICS}

SECTIONS = {
    match[1]: match[2]
    for match in re.finditer(r"^### `(gateway_\w+)`\n(.*?)(?=^##|\Z)", DOCS, re.MULTILINE | re.DOTALL)
}
QUERIES = re.findall(r"```promql\n(.*?)```", DOCS, re.DOTALL)
EXPRESSIONS = [rule["expr"] for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"]]
RECORDED = {
    rule["record"]: rule["expr"]
    for group in yaml.safe_load(RULES)["groups"]
    for rule in group["rules"]
    if "record" in rule
}


def base(name):
    for suffix in ("_bucket", "_count", "_sum"):
        if name.removesuffix(suffix) in BY_NAME:
            return name.removesuffix(suffix)
    return name


def used(query):
    """Each metric of a query, with the names of the labels that it is matched on."""
    for match in re.finditer(r"(?<![\w:])(gateway_\w+)(?![\w:])(?:\{([^}]*)\})?", query):
        yield match[1], re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", match[2] or "")


def test_every_metric_is_documented_and_no_other():
    assert set(SECTIONS) == set(BY_NAME)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_section_names_the_kind_and_the_labels_and_has_a_query_that_uses_it(name):
    definition = BY_NAME[name]
    kind, _, labels = SECTIONS[name].splitlines()[0].partition(" · ")
    assert kind == definition.kind.capitalize()
    assert tuple(re.findall(r"`(\w+)`", labels)) == definition.labels
    queries = re.findall(r"```promql\n(.*?)```", SECTIONS[name], re.DOTALL)
    assert any(base(metric) == name for query in queries for metric, _ in used(query))


@pytest.mark.parametrize("query", QUERIES + EXPRESSIONS)
def test_a_query_uses_only_metrics_that_exist_and_labels_that_they_have(query):
    assert query.count("(") == query.count(")")
    assert query.count("{") == query.count("}")
    for metric, labels in used(query):
        definition = BY_NAME[base(metric)]
        assert (metric == base(metric)) is (definition.kind is not Kind.HISTOGRAM), metric
        assert set(labels) <= set(definition.labels), metric


def test_rules_use_only_recorded_series_that_are_recorded():
    for expression in EXPRESSIONS:
        for series in re.findall(r"[\w]+:[\w:]+", expression):
            assert series in RECORDED


def test_the_outcomes_that_count_as_errors_are_the_same_everywhere():
    for text in (*QUERIES, *EXPRESSIONS):
        for outcomes in re.findall(r'outcome=~"([^"]*)"', text):
            assert set(outcomes.split("|")) == {"5xx", "timeout", "refused", "truncated"}


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("side", Side),
        ("cohort", Cohort),
        ("outcome", Outcome),
        ("reason", Reason),
        ("kind", UpstreamErrorKind),
        ("cause", Refusal),
    ],
)
def test_every_value_of_a_label_is_documented(label, values):
    (row,) = re.findall(rf"^\| `{label}` \| (.*) \|$", DOCS, re.MULTILINE)
    assert {value.value for value in values} <= set(re.findall(r"`(\w+)`", row))


def test_every_outcome_of_a_shadow_is_documented():
    section = DOCS.partition("### `gateway_shadow_requests_total`")[2].partition("\n### ")[0]
    assert {outcome.value for outcome in ShadowOutcome} == set(re.findall(r"`(\w+)`", section.partition("```")[0])) & {
        *ShadowOutcome
    }


def test_workers_export_exactly_the_metrics_of_the_catalogue():
    metrics = RequestMetrics()
    ShadowMetrics(metrics)
    exported = {
        (family.name + ("_total" if family.type == "counter" else ""), family.type, family.documentation)
        for family in metrics.registry.collect()
    }
    assert exported == {(each.name, each.kind.value, each.help) for each in WORKER_METRICS}


def test_control_exports_exactly_the_metrics_of_the_catalogue_with_their_labels():
    collector = LiveCollector("1")
    report = WorkerReport(
        "w0",
        1,
        up=True,
        in_flight={("a", "new"): 1},
        flag_store_up=True,
        features={"a": HeldFlag(1, enabled=True)},
        upstreams={"b": HeldUpstream(targets={"http://h:1": True})},
        certificates={"shop.pem": 1.0},
    )
    collector.update([report], reloads={"accepted": 1}, deaths={"w0": (1, 1)})
    exported = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(collector.text().decode())
        for sample in family.samples
    }
    assert exported == {each.name: set(each.labels) for each in CONTROL_METRICS}


def test_the_scrape_config_loads_the_rules_that_are_beside_it():
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    for name in config["rule_files"]:
        assert (ROOT / "deploy/prometheus" / name).is_file()


def test_the_buckets_that_the_docs_describe_are_the_ones_there_are():
    dense = [bound for bound in catalogue.BUCKETS if 0.01 <= bound <= 2]
    ratios = [upper / lower for lower, upper in itertools.pairwise(dense)]
    assert (dense[0], dense[-1]) == (0.01, 2.0)
    assert all(1.24 < ratio < 1.29 for ratio in ratios)
    assert [bound for bound in catalogue.BUCKETS if bound not in dense] == [0.0025, 0.005, 0.0075, 5, 30]
