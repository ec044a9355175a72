"""Many patterns followed at once are what each of them is by itself."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.json_path import Pattern, Wild, parse_path
from gateway.rules.places import MAX_KEPT, Places

NAMES = st.sampled_from(["a", "b", "c", "0"])
NUMBERS = st.integers(0, 2)
STEPS = st.lists(st.one_of(NAMES, NUMBERS, st.sampled_from(Wild)), max_size=5).map(tuple)
PATHS = st.lists(st.one_of(NAMES, NUMBERS), max_size=6)


def walked(places, path):
    place = places.start
    for step in path:
        place = place.key(step) if isinstance(step, str) else place.index(step)
    return place


@given(st.lists(STEPS.map(lambda steps: Pattern("", steps)), max_size=5), st.lists(PATHS, max_size=8))
def test_a_place_knows_which_patterns_match_it(patterns, paths):
    places = Places(patterns, lambda matched, alive: (list(matched), alive))
    for path in paths:
        matched, alive = walked(places, path).rule
        assert matched == [at for at, pattern in enumerate(patterns) if pattern.matches(tuple(path))]
        assert set(matched) <= alive


@given(STEPS.map(lambda steps: Pattern("", steps)), PATHS, PATHS)
def test_what_is_no_longer_alive_matches_nothing_below(pattern, path, below):
    places = Places([pattern], lambda _, alive: bool(alive))
    if not walked(places, path).rule:
        assert not pattern.matches((*path, *below))


def test_the_same_way_leads_to_the_same_place_and_other_keys_share_one():
    places = Places([parse_path("$..at"), parse_path("$.items[0].id")], lambda matched, _: bool(matched))
    assert walked(places, ["items", 0]) is walked(places, ["items", 0])
    assert walked(places, ["x", "y"]) is walked(places, ["other", "z"])
    assert walked(places, ["items"]).has_numbers
    assert not walked(places, ["x"]).has_numbers


def test_what_is_remembered_is_bounded_and_right_beyond_that():
    """Twelve times `..` make more places than anybody keeps, if a body has the keys in all orders."""
    names = [f"k{number}" for number in range(12)]
    patterns = [parse_path(f"$..{name}..end") for name in names]
    places = Places(patterns, lambda matched, _: list(matched))
    for number in range(1 << 12):
        chosen = [name for bit, name in enumerate(names) if number >> bit & 1]
        matched = walked(places, [*chosen, "end"]).rule
        assert matched == [names.index(name) for name in chosen]
    assert len(places._kept) == MAX_KEPT
