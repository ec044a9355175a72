"""What is typed behind `python -m bench`."""

from pathlib import Path

import pytest

from bench.options import HERE, QUICK, QUICK_GROUPS, parse
from bench.plan import GROUPS, Pace

PEERS = ("nginx", "envoy")


def test_without_words_everything_is_measured_and_written():
    options = parse([], PEERS)
    assert (options.groups, options.pace, options.results) == (GROUPS, Pace(), HERE)
    assert [each.name for each in options.ours] == ["ours"]


def test_quick_is_one_short_round_without_the_largest_bodies():
    options = parse(["--quick"], PEERS)
    assert (options.groups, options.pace, options.results) == (QUICK_GROUPS, QUICK, HERE)


def test_a_part_is_measured_and_not_written():
    options = parse(["--only", "ours, envoy", "--workloads", "get,post", "--rounds", "7", "--seconds", "0.5"], PEERS)
    assert options.only == ("ours", "envoy")
    assert options.groups == ("get", "post")
    assert (options.pace.rounds, options.pace.seconds) == (7, 0.5)
    assert options.results is None


def test_a_part_is_written_where_one_says():
    assert parse(["--only", "ours", "--results", "x"], PEERS).results == Path("x")


def test_several_of_ours_have_names_which_may_be_chosen():
    options = parse(["--ours", "before=/a/python", "--ours", "after=/b/python", "--only", "after,nginx"], PEERS)
    assert [(each.name, each.python) for each in options.ours] == [
        ("before", Path("/a/python")),
        ("after", Path("/b/python")),
    ]
    assert options.only == ("after", "nginx")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "envoi"], "there is no 'envoi'; of ours, nginx, envoy"),
        (["--workloads", "gets"], "there is no 'gets'; of start, get"),
        (["--rounds", "0"], "0 is not over 0"),
        (["--ours", "python"], "'python' is not NAME=PYTHON"),
        (["--ours", "nginx=/a/python"], "names must differ, also from the peers': nginx, nginx, envoy"),
    ],
)
def test_a_mistake_is_told(words, told, capsys):
    with pytest.raises(SystemExit):
        parse(words, PEERS)
    assert told in capsys.readouterr().err
