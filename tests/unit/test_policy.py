"""File, environment and Redis put together."""

import pytest

from gateway.config.schema import RoutesFile
from gateway.model import ALL, NONE, Source
from gateway.rules.flagmodel import WRONG_TYPE, Configured, FeatureReading, Known, Reading
from gateway.rules.flagstate import advance
from gateway.rules.policy import FeaturePolicy, fallbacks, parse_key_list, resolve


def routes(*, cold: str = "legacy", kill_all: bool = False, **feature: object) -> RoutesFile:
    auth = {"legacy": "legacy", "new": "new", "flag": "USE_NEW_AUTH", **feature}
    return RoutesFile.model_validate(
        {
            "version": 1,
            "upstreams": {"legacy": {"url": "http://127.0.0.1:9001"}, "new": {"url": "http://127.0.0.1:9002"}},
            "features": {"auth": auth},
            "routes": [{"path": "/*", "feature": "auth"}],
            "cold": cold,
            "kill_all": kill_all,
        }
    )


def known(reading: FeatureReading | None = None, **flag: object) -> Known:
    fields = {name.encode(): str(value).encode() for name, value in flag.items()}
    whole = Reading("e", "r", {"auth": reading or FeatureReading(fields)}, full=True)
    return advance(None, whole, connected=True, fallbacks={})[0]


def auth(
    file: RoutesFile, *, flags: Known | None = None, environment: dict[str, str] | None = None, store: bool = True
) -> FeaturePolicy:
    return resolve(routes=file, environment=environment or {}, known=flags, store_configured=store)["auth"]


def test_redis_beats_the_environment_which_beats_the_file():
    file = routes(percent=1)
    environment = {"USE_NEW_AUTH": "2%"}
    strongest = auth(file, flags=known(percent=3), environment=environment)
    assert (strongest.basis_points, strongest.percent_source) == (300, Source.REDIS)
    assert strongest.hidden == ((Source.ENVIRONMENT, 200), (Source.FILE, 100))
    second = auth(file, flags=known(enabled="true"), environment=environment)
    assert (second.basis_points, second.percent_source) == (200, Source.ENVIRONMENT)
    weakest = auth(file, flags=known())
    assert (weakest.basis_points, weakest.percent_source, weakest.hidden) == (100, Source.FILE, ())


def test_a_source_that_agrees_or_says_nothing_is_not_hidden():
    assert auth(routes(percent=3), flags=known(percent=3)).hidden == ()
    assert auth(routes(), flags=known(percent=3)).hidden == ()


@pytest.mark.parametrize(
    ("file", "flags", "killers"),
    [
        (routes(percent=100), known(enabled="false"), ("redis",)),
        (routes(percent=100, kill=True), known(enabled="true"), ("file",)),
        (routes(percent=100, kill_all=True), known(), ("kill_all",)),
        (routes(kill=True, kill_all=True), known(enabled="0"), ("redis", "file", "kill_all")),
        (routes(percent=100), known(enabled="true"), ()),
    ],
)
def test_any_source_kills(file: RoutesFile, flags: Known, killers: tuple[str, ...]):
    policy = auth(file, flags=flags)
    assert (policy.kill_sources, policy.killed) == (killers, bool(killers))


def test_a_kill_in_the_file_works_with_a_store_that_was_never_read():
    assert auth(routes(kill=True)).killed


def test_a_store_that_was_never_read_means_unknown():
    policy = auth(routes(percent=100), environment={"USE_NEW_AUTH": "true"})
    assert (policy.unknown, policy.basis_points, policy.percent_source) == (True, 0, Source.NEVER_READ)


def test_a_feature_that_is_not_in_the_last_reading_is_unknown_too():
    assert auth(routes(percent=100), flags=Known("e", "r", {})).unknown


def test_cold_configured_opts_out():
    policy = auth(routes(percent=100, cold="configured"))
    assert (policy.unknown, policy.basis_points, policy.percent_source) == (False, 10_000, Source.FILE)


def test_cold_configured_does_not_make_a_bad_flag_good():
    assert auth(routes(percent=100, cold="configured"), flags=known(percent="abc")).unknown
    assert auth(routes(percent=100), flags=known(FeatureReading(WRONG_TYPE))).unknown


def test_without_a_store_file_and_environment_speak_alone():
    policy = auth(routes(percent=7), flags=known(enabled="false", percent=99), store=False)
    assert (policy.basis_points, policy.percent_source, policy.killed, policy.unknown) == (
        700,
        Source.FILE,
        False,
        False,
    )


def test_a_bad_environment_variable_is_reported_and_counts_as_absent():
    policy = auth(routes(percent=7), environment={"USE_NEW_AUTH": "10"}, store=False)
    assert (policy.basis_points, policy.percent_source) == (700, Source.FILE)
    assert "USE_NEW_AUTH" in policy.problems[0]
    assert "10%" in policy.problems[0]


def test_problems_of_redis_are_shown():
    assert "did you mean percent?" in auth(routes(), flags=known(precent=5)).problems[0]


def test_fallbacks_are_what_environment_and_file_say():
    assert fallbacks(routes(percent=7, shadow_percent=3), {}) == {"auth": (700, 300)}
    assert fallbacks(routes(percent=7), {"USE_NEW_AUTH": "off"}) == {"auth": (0, 0)}
    assert fallbacks(routes(percent=7), {"USE_NEW_AUTH": "maybe"}) == {"auth": (700, 0)}


def test_entries_may_name_their_source():
    entries = parse_key_list(
        frozenset({b"alice", b"header:X-Team=blue", b"header:x-team=red", b"cookie:Sid=1=2", b"jwt:sub=bob", b"a=b"})
        | {b"client_ip=10.0.0.1", b"header:=x", b"=y"}
    )
    assert entries.exact == {b"alice", b"a=b", b"header:=x", b"=y"}
    assert entries.by_source == (
        ("client_ip", frozenset({b"10.0.0.1"})),
        ("cookie:Sid", frozenset({b"1=2"})),
        ("header:x-team", frozenset({b"blue", b"red"})),
        ("jwt:sub", frozenset({b"bob"})),
    )
    assert entries
    assert not parse_key_list(frozenset())


def test_what_is_held_is_told_in_words():
    flags, _ = advance(
        known(percent=5),
        Reading("e2", "r2", {"auth": FeatureReading({b"percent": b"80"})}, full=True),
        connected=False,
        fallbacks={"auth": Configured(NONE)},
    )
    policy = auth(routes(), flags=flags)
    assert policy.basis_points == 500
    assert policy.held is not None
    assert "80 %" in policy.held
    assert "gateway flag adopt auth" in policy.held


# -- shadows


def test_the_flag_beats_the_file_for_shadows_too_and_what_it_hides_is_told():
    file = routes(shadow_percent=5)
    flagged = auth(file, flags=known(shadow_percent="0.5"))
    assert (flagged.shadow, flagged.shadow_source, flagged.hidden_shadow) == (50, Source.REDIS, 500)
    silent = auth(file, flags=known(percent=1))
    assert (silent.shadow, silent.shadow_source, silent.hidden_shadow) == (500, Source.FILE, None)
    assert auth(routes(), flags=known(shadow_percent=1)).hidden_shadow is None


def test_nothing_is_shadowed_of_a_feature_of_which_nothing_is_known():
    never_read = auth(routes(shadow_percent=5))
    assert (never_read.unknown, never_read.shadow, never_read.shadow_source) == (True, 0, Source.NEVER_READ)
    assert auth(routes(shadow_percent=5, cold="configured")).shadow == 500
    assert auth(routes(shadow_percent=5), store=False).shadow == 500


def test_a_kill_leaves_the_percent_of_shadows_as_it_is():
    policy = auth(routes(), flags=known(shadow_percent=5, enabled="false"))
    assert (policy.killed, policy.shadow) == (True, 500)


# -- retired features

RETIRED = {"legacy": None, "flag": None}


@pytest.mark.parametrize(
    "flags", [None, known(), known(percent=5, enabled="false"), known(FeatureReading(WRONG_TYPE)), known(percent="x")]
)
def test_nothing_takes_a_retired_feature_off_new(flags):
    policy = auth(routes(kill_all=True, **RETIRED), flags=flags)
    assert (policy.retired, policy.basis_points, policy.killed, policy.unknown) == (True, ALL, False, False)
    assert (policy.kill_sources, policy.held, policy.shadow) == ((), None, 0)


def test_what_still_stands_in_redis_for_a_retired_feature_is_told():
    for flags in (known(percent=5), known(enabled="false"), known(shadow_percent=1)):
        assert "still stands in Redis" in auth(routes(**RETIRED), flags=flags).problems[0]
    listed = known(FeatureReading({}, deny=frozenset({b"bob"})))
    policy = auth(routes(**RETIRED), flags=listed)
    assert (bool(policy.deny), len(policy.problems)) == (False, 1)
    assert auth(routes(**RETIRED), flags=known(rev=3)).problems == ()
