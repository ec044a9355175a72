"""How far a replay is: what is done once is never sent again, and a file of something else is refused."""

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.state import Mark, State, StateError, load, save

OPTIONS = {"--from sha256": "a", "--sample": "10", "--methods": ["GET"]}


@given(total=st.integers(0, 40), data=st.data())
def test_what_is_finished_in_any_order_is_done_and_nothing_else(total, data):
    finished = data.draw(st.lists(st.integers(0, total), unique=True))
    mark = Mark()
    for number in finished:
        mark.finish(number)
    assert {number for number in range(total + 2) if mark.is_done(number)} == set(finished)
    assert mark.done == len(finished)
    assert mark.below not in mark.beyond


def test_what_was_saved_is_there_again(tmp_path):
    file = tmp_path / "state.json"
    save(file, State(OPTIONS, Mark(3, {5, 9}), {"auth": {"counts": {"match": 5}}}))
    state = load(file, OPTIONS)
    assert (state.mark, state.found) == (Mark(3, {5, 9}), {"auth": {"counts": {"match": 5}}})


def test_there_is_no_state_before_the_first_run(tmp_path):
    assert load(tmp_path / "state.json", OPTIONS) is None


def test_it_is_its_owners_alone_and_nothing_lies_beside_it(tmp_path):
    file = tmp_path / "state.json"
    save(file, State(OPTIONS, Mark(), {}))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [file]


def test_a_state_that_cannot_be_written_leaves_the_last_one_whole(tmp_path):
    file = tmp_path / "state.json"
    save(file, State(OPTIONS, Mark(3), {}))
    with pytest.raises(TypeError):
        save(file, State(OPTIONS, Mark(4), {"not json": object()}))
    assert load(file, OPTIONS).mark == Mark(3)
    assert [*tmp_path.iterdir()] == [file]


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({**OPTIONS, "--sample": "20"}, r"was begun with --sample 10 \(now: 20\); run that again"),
        ({**OPTIONS, "--from sha256": "b"}, "was begun with another content of --from;"),
        ({**OPTIONS, "--methods": ["GET", "POST"]}, r"was begun with --methods GET \(now: GET,POST\);"),
        ({**OPTIONS, "--host": "a"}, r"was begun with --host none \(now: a\);"),
    ],
)
def test_a_state_of_other_options_is_refused_with_what_they_were(tmp_path, now, words):
    file = tmp_path / "state.json"
    save(file, State(OPTIONS, Mark(3), {}))
    with pytest.raises(StateError, match=words):
        load(file, now)


@pytest.mark.parametrize("content", [b"", b"no", b"[]", b"{}", json.dumps({"version": 1}).encode()])
def test_another_file_is_refused(tmp_path, content):
    file = tmp_path / "state.json"
    file.write_bytes(content)
    with pytest.raises(StateError):
        load(file, OPTIONS)
    assert file.read_bytes() == content


def test_a_state_of_another_version_is_refused(tmp_path):
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"version": 2}))
    with pytest.raises(StateError, match="another version"):
        load(file, OPTIONS)
