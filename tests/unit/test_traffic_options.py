"""What one may ask for, and that a load generator aims at this machine unless somebody says otherwise."""

import re
from pathlib import Path

import pytest

from traffic.browser import Target
from traffic.journeys import JOURNEYS
from traffic.options import parse, parser_of_traffic

DOCUMENT = (Path(__file__).parents[2] / "docs/traffic.md").read_text()


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    ["http://example.com", "http://10.0.0.1:8000", "http://localhost.example.com", "http://0.0.0.0:1", "http://127.1"],
)
@pytest.mark.parametrize("option", ["--gateway", "--admin"])
def test_another_machine_is_refused(capsys, option, url):
    assert "--allow-remote" in refused(capsys, option, url)
    assert parse([option, url, "--allow-remote"])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://127.8.8.8", "http://localhost:1", "http://[::1]:8000"]
)
def test_loopback_is_not(url):
    assert parse(["--gateway", url]).gateway.is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1/path",
        "http://u:p@127.0.0.1",
        "http://127.0.0.1?x",
    ],
)
def test_what_is_no_address_of_a_server_is_refused_in_words(capsys, url):
    assert "--gateway" in refused(capsys, "--gateway", url)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--rate", value) for value in ("0", "-1", "1001", "x", "nan", "inf")),
        *(("--seconds", value) for value in ("0", "86401", "nan")),
        *(("--users", value) for value in ("0", "1.5", "1000001")),
        *(("--most", value) for value in ("0", "5001")),
        *(("--think", value) for value in ("-1", "601", "nan")),
        ("--audit", "-1"),
        ("--ramp", "1"),
        ("--ramp", "1:101"),
        ("--journeys", "whole,hole"),
        ("--features", "auth"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_option_s_name(capsys, option, value):
    assert option in refused(capsys, f"{option}={value}")


def test_a_load_is_bounded_by_default():
    options = parse([])
    assert (options.rate, options.seconds, options.most) == (2.0, 60.0, 100)
    assert options.journeys == tuple(JOURNEYS)
    assert options.ramp is None


def test_a_shuffle_needs_no_ramp():
    ramp = parse(["--shuffle", "--every", "0.5"]).ramp
    assert (ramp.first, ramp.last, ramp.every, ramp.shuffle) == (0, 100, 0.5, True)


def test_a_seed_is_chosen_when_none_is_given():
    assert parse(["--seed", "0"]).seed == 0
    assert len({parse([]).seed for _ in range(5)}) > 1


def test_an_address_has_the_port_of_its_scheme():
    assert Target.parse("https://127.0.0.1").port == 443
    assert Target.parse("http://[::1]").authority == "[::1]:80"


def test_every_option_is_in_the_document_with_its_default():
    rows = dict(re.findall(r"^\| `(--[\w-]+)[^`]*` \| ([^|]*?) ?\|", DOCUMENT, re.MULTILINE))
    options = {each.option_strings[-1]: each.default for each in parser_of_traffic()._actions}
    assert rows.keys() == options.keys() - {"--help"}
    for name in (
        "--gateway",
        "--rate",
        "--seconds",
        "--most",
        "--think",
        "--patience",
        "--job-seconds",
        "--audit",
        "--every",
    ):
        told = options[name]
        assert rows[name] == f"`{told:g}`" if not isinstance(told, str) else f"`{told}`", name


@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=list(JOURNEYS))
def test_every_journey_is_in_the_document_with_its_weight(journey):
    total = sum(each.weight for each in JOURNEYS.values())
    assert f"| kind | of {total} |" in DOCUMENT
    assert f"| `{journey.name}` | {journey.weight} |" in DOCUMENT
