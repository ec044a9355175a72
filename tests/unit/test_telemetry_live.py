"""How the reports of several workers become one number, and that dead workers leave nothing behind."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.live import HeldFlag, HeldUpstream, LiveCollector, WorkerReport


def report(slot="w0", *, up=True, **fields):
    return WorkerReport(slot=slot, pid=1, up=up, **fields)


def scraped(*reports, **more):
    collector = LiveCollector("1.2.3")
    collector.update(reports, **more)
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(collector.text().decode())
        for sample in family.samples
    }


def test_the_store_is_up_only_when_it_is_for_every_worker_and_the_oldest_sync_counts():
    both = scraped(report(flag_store_up=True, flag_last_sync=50.0), report("w1", flag_store_up=True, flag_last_sync=40))
    assert (both["gateway_flag_store_up",], both["gateway_flag_last_sync_timestamp_seconds",]) == (1, 40)
    one = scraped(report(flag_store_up=True, flag_last_sync=50.0), report("w1", flag_store_up=False))
    assert (one["gateway_flag_store_up",], one["gateway_flag_last_sync_timestamp_seconds",]) == (0, 0)


def test_without_a_configured_store_nothing_is_said_of_it():
    assert not any(name.startswith("gateway_flag_store") for name, *_ in scraped(report()))


@pytest.mark.parametrize(
    ("first", "second", "percent", "enabled", "divergence"),
    [
        (HeldFlag(2500, enabled=True), HeldFlag(2500, enabled=True), 25, 1, 0),
        (HeldFlag(2500, enabled=True), HeldFlag(1250, enabled=True), 25, 1, 12.5),
        (HeldFlag(2500, enabled=True), HeldFlag(2500, enabled=False), 25, 1, 25),
        (HeldFlag(2500, enabled=False), HeldFlag(2500, enabled=False), 25, 0, 0),
    ],
    ids=["agree", "other shares", "one has not killed yet", "killed"],
)
def test_the_largest_share_any_worker_holds_is_shown_and_by_how_much_they_differ(
    first, second, percent, enabled, divergence
):
    found = scraped(report(features={"auth": first}), report("w1", features={"auth": second}))
    auth = ("feature", "auth")
    assert found["gateway_flag_percent", auth] == percent
    assert found["gateway_flag_enabled", auth] == enabled
    assert found["gateway_flag_divergence", auth] == divergence


def test_requests_in_flight_are_added_up():
    found = scraped(report(in_flight={("auth", "new"): 2}), report("w1", in_flight={("auth", "new"): 3}))
    assert found["gateway_requests_in_flight", ("feature", "auth"), ("side", "new")] == 5


def test_tasks_are_shown_for_each_live_worker():
    found = scraped(report(tasks=7), report("w1", tasks=9), report("w2", up=False, tasks=5))
    shown = {key: value for key, value in found.items() if key[0] == "gateway_tasks"}
    assert shown == {("gateway_tasks", ("slot", "w0")): 7, ("gateway_tasks", ("slot", "w1")): 9}


def test_a_worker_that_is_down_counts_as_down_and_nothing_else_of_it_counts():
    dead = report(
        "w1", up=False, in_flight={("auth", "new"): 9}, flag_store_up=False, features={"old": HeldFlag(1, enabled=True)}
    )
    found = scraped(report(flag_store_up=True, flag_last_sync=1.0), dead)
    assert found["gateway_workers", ("state", "up")] == 1
    assert found["gateway_workers", ("state", "down")] == 1
    assert found["gateway_flag_store_up",] == 1
    assert not any("old" in str(key) or "in_flight" in key[0] for key in found)


def test_reloads_are_a_counter_by_result_and_the_build_says_what_runs():
    found = scraped(report(), reloads={"accepted": 3, "refused": 1}, damaged_files=2)
    assert found["gateway_config_reloads_total", ("result", "accepted")] == 3
    assert found["gateway_config_reloads_total", ("result", "refused")] == 1
    assert found["gateway_scrape_damaged_files",] == 2
    assert any(name == "gateway_build_info" and ("version", "1.2.3") in labels for name, *labels in found)


def test_a_breaker_counts_the_workers_and_a_target_is_up_where_it_is_for_all():
    collector = LiveCollector("1")
    held = [HeldUpstream(breaker_open=True, targets={"u": True}), HeldUpstream(targets={"u": False})]
    collector.update([WorkerReport(f"w{n}", n, up=True, upstreams={"new": each}) for n, each in enumerate(held)])
    text = collector.text().decode()
    assert 'gateway_breaker_open{upstream="new"} 1.0' in text
    assert 'gateway_target_up{target="u",upstream="new"} 0.0' in text
