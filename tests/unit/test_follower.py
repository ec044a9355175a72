"""What a process makes of each reading: what has changed is resolved, and comes to what all of it would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.schema import RoutesFile
from gateway.follower import FlagFollower
from gateway.rules.flagmodel import FeatureReading, Reading
from gateway.rules.policy import resolve
from gateway.settings import Process, Settings
from gateway.tasks import Tasks

NAMES = ("auth", "upload", "search")


def routes_of(*names, percent=0):
    return RoutesFile.model_validate(
        {
            "version": 1,
            "upstreams": {"legacy": {"url": "http://127.0.0.1:9001"}, "new": {"url": "http://127.0.0.1:9002"}},
            "features": {name: {"legacy": "legacy", "new": "new", "percent": percent} for name in names},
            "routes": [{"path": "/*", "feature": names[0]}],
        }
    )


class Followed:
    """A follower that never connects: the test says what was read, as the watcher would take it."""

    def __init__(self, directory, *names):
        self.routes = routes_of(*names)
        self.killed = []
        settings = Settings(redis="redis://127.0.0.1:1/0", state_dir=directory)
        process = Process(settings=settings, slot="w0", run_dir=directory)
        self.follower = FlagFollower(process=process, routes=self.routes, tasks=Tasks(), on_policies=self.killed.append)

    def read(self, flags, *, full=False):
        features = {
            name: FeatureReading({key.encode(): str(value).encode() for key, value in flag.items()})
            for name, flag in flags.items()
        }
        self.follower.watcher._take(Reading("e", "r", features, full=full), connected=True)

    def edit(self, *names, percent):
        self.routes = routes_of(*names, percent=percent)
        self.follower.routes_changed(self.routes)

    def resolved(self):
        return resolve(
            routes=self.routes,
            environment=self.follower._environment,
            known=self.follower.watcher.known,
            store_configured=True,
        )


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("follower")


names = st.sets(st.sampled_from(NAMES), min_size=1).map(sorted)
flags = st.fixed_dictionaries(
    {}, optional={"percent": st.sampled_from([0, 25, "oops"]), "enabled": st.sampled_from(["true", "false"])}
)
steps = st.lists(
    st.tuples(st.just("read"), st.dictionaries(st.sampled_from(NAMES), flags), st.booleans())
    | st.tuples(st.just("edit"), names, st.sampled_from([0, 50])),
    max_size=8,
)


@given(names, steps)
def test_after_any_readings_and_edits_every_policy_is_what_all_of_it_comes_to(directory, at_first, done):
    followed = Followed(directory, *at_first)
    for what, said, more in done:
        if what == "read":
            followed.read(said, full=more)
        else:
            followed.edit(*said, percent=more)
        follower = followed.follower
        assert follower.policies == followed.resolved()
        assert {name: state.basis_points for name, state in follower.feature_states().items()} == {
            name: policy.basis_points for name, policy in followed.resolved().items()
        }


def test_what_has_not_changed_is_not_resolved_again_and_a_kill_is_told_once(directory):
    followed = Followed(directory, *NAMES)
    followed.read({name: {"percent": 10} for name in NAMES}, full=True)
    before, states = followed.follower.policies, followed.follower.feature_states()
    followed.read({"auth": {"percent": 10, "enabled": "false"}, "upload": {"percent": 10}})
    after = followed.follower.policies
    assert [name for name in NAMES if after[name] is not before[name]] == ["auth"]
    assert (before["auth"].killed, after["auth"].killed) == (False, True)
    followed.read({"upload": {"percent": 20}})
    assert followed.killed == [frozenset(), frozenset({"auth"}), frozenset()]
    assert (states["auth"].killed, followed.follower.feature_states()["auth"].killed) == (False, True)
    assert followed.follower.feature_states() is followed.follower.feature_states()
