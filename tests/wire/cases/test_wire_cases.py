import importlib

import pytest

from tests.support.wire_cases import play_family

FAMILIES = {
    "framing": ("framing", "framing_codings", "framing_chunks", "framing_trailers"),
    "heads": ("heads", "heads_lines", "heads_methods", "heads_targets"),
    "fields": ("fields", "fields_forwarded"),
    "connections": ("connections", "connections_ending"),
    "limits": ("limits",),
    "problems": ("problems",),
    "replies": ("replies", "replies_framing", "replies_others"),
    "websockets": ("websockets", "websockets_frames"),
}
"""One gateway each; its settings stand in the family's first module."""


def modules_of(family):
    return [importlib.import_module(f"tests.wire.cases.{name}") for name in FAMILIES[family]]


def cases_of(family):
    return [case for module in modules_of(family) for case in module.CASES]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What was seen of every case of a family, by name; it is played once, when the first of it is asked for."""
    played = {}

    def of(family):
        if family not in played:
            settings = getattr(modules_of(family)[0], "GATEWAY", {})
            played[family] = play_family(cases_of(family), tmp_path_factory.mktemp(family), **settings)
        return played[family]

    return of


@pytest.mark.parametrize(
    ("family", "case"),
    [
        pytest.param(family, case, id=f"{family}-{case.level}-{case.name}")
        for family in FAMILIES
        for case in cases_of(family)
    ],
)
def test_on_the_wire(family, case, outcomes):
    seen = outcomes(family)[case.name]
    faults = seen.faults()
    assert not faults, "\n".join([f"RFC {case.rfc} ({case.level})", *faults, seen.told()])
