"""Certificates that a worker shows, as their files change: what comes into force, what is refused, and what is told."""

import ssl
import time

import pytest

from gateway import certificates as module
from gateway.certificates import Certificates
from gateway.config.schema import Tls
from tests.support.proxy_harness import Logged
from tests.support.tls_peer import AUTHORITY, issue

SHOP = {"certificate_file": "shop.pem", "key_file": "shop.key"}
MAIN = {"certificate_file": "main.pem", "key_file": "main.key"}


class Held:
    """A worker's, with a clock that the test turns."""

    def __init__(self, base, *pairs, **more):
        self.now = time.time()
        self.reloads = []
        self.certificates = Certificates(base, self.reloads.append, clock=lambda: self.now)
        self.name(*pairs, **more)

    def name(self, *pairs, **more):
        self.certificates.apply(Tls(certificates=pairs, **more) if pairs else None)

    def look(self, times=6, *, later=0.0, **more):
        """As often as a change needs to be seen, and what is missing to be missed."""
        self.now += later
        for _ in range(times):
            self.certificates.look(**more)

    @property
    def state(self):
        (state,) = self.certificates.states()
        return state

    def shown(self, asked="shop.example"):
        """The names of the certificate that a client gets, by a handshake in memory."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        AUTHORITY.configure_trust(context)
        here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(here, there, server_hostname=asked)
        server = self.certificates.context().wrap_bio(there, here, server_side=True)
        for _ in range(3):
            for end in (client, server):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        self.version = client.version()
        return {value for kind, value in client.getpeercert()["subjectAltName"] if kind == "DNS"}


@pytest.fixture
def logged(monkeypatch):
    found = Logged()
    monkeypatch.setattr(module, "log", found)
    return found


@pytest.fixture
def pair(tmp_path):
    return issue(tmp_path, "shop", "a.example")


def test_a_new_pair_is_shown_and_counted(tmp_path, pair, logged):
    held = Held(tmp_path, SHOP)
    assert held.shown() == {"a.example"}
    assert held.reloads == []
    pair.put("b.example")
    held.look()
    assert held.shown() == {"b.example"}
    assert held.reloads == [True]
    assert [(line["event"], line["names"]) for line in logged.events] == [
        ("certificate in force", ["a.example"]), ("certificate in force", ["b.example"]),
    ]  # fmt: skip
    assert held.state.names == ("b.example",)


def test_one_look_is_not_enough(tmp_path, pair):
    held = Held(tmp_path, SHOP)
    held.look()
    pair.put("b.example")
    held.look(1)
    assert held.shown() == {"a.example"}
    held.look(1)
    assert held.shown() == {"b.example"}


@pytest.mark.parametrize("first", ["certificate", "key"])
def test_a_pair_that_comes_in_two_steps_is_taken_when_it_fits(tmp_path, pair, first):
    held = Held(tmp_path, SHOP)
    other = issue(tmp_path / "other", "other", "b.example")
    steps = {"certificate": other.certificate.read_bytes(), "key": other.key.read_bytes()}
    pair.write(**{first: steps.pop(first)})
    held.look()
    assert held.shown() == {"a.example"}
    assert "is not the key of the certificate" in held.state.problem
    pair.write(**steps)
    held.look()
    assert held.shown() == {"b.example"}
    assert (held.state.problem, held.reloads) == (None, [False, True])


BROKEN = {
    "another key": lambda pair: pair.write(key=issue(pair.key.parent / "x", "x").key.read_bytes()),
    "nonsense": lambda pair: pair.write(b"nonsense"),
    "no certificate": lambda pair: pair.certificate.unlink(),
    "no key": lambda pair: pair.key.unlink(),
    "expired": lambda pair: pair.put("b.example", days=(-9, -1)),
    "not yet valid": lambda pair: pair.put("b.example", days=(1, 9)),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
def test_what_cannot_be_used_changes_nothing_and_is_told_once(tmp_path, pair, logged, broken):
    held = Held(tmp_path, SHOP)
    broken(pair)
    held.look(20)
    for _ in range(3):
        held.look(later=1.1)
    assert held.shown() == {"a.example"}
    assert held.state.problem
    assert held.state.names == ("a.example",)
    assert held.reloads == [False]
    refused = [line for line in logged.events if line["level"] == "error"]
    assert [line["event"] for line in refused] == ["certificate refused; the one before stays in force"]
    assert refused[0]["fault"] == held.state.problem
    pair.put("c.example")
    held.look()
    assert held.shown() == {"c.example"}
    assert (held.state.problem, held.reloads) == (None, [False, True])


def test_what_was_in_force_may_come_back(tmp_path, pair):
    """An operator who puts the old files back has not changed anything."""
    held = Held(tmp_path, SHOP)
    kept = pair.certificate.read_bytes()
    pair.write(b"nonsense")
    held.look()
    pair.write(kept)
    held.look()
    assert (held.state.problem, held.reloads) == (None, [False])


def test_what_is_not_valid_yet_is_taken_when_its_time_comes(tmp_path, pair):
    held = Held(tmp_path, SHOP)
    pair.put("b.example", days=(1, 9))
    held.look()
    assert "is not valid before" in held.state.problem
    held.look(later=86_500)
    assert held.state.names == ("b.example",)


def test_rights_that_come_back_need_no_other_change(tmp_path, pair, monkeypatch):
    """What a look at the file would not show."""
    held = Held(tmp_path, SHOP)
    original = type(pair.key).read_bytes

    def forbidden(path):
        if path == pair.key:
            raise PermissionError(13, "Permission denied")
        return original(path)

    with monkeypatch.context() as patch:
        patch.setattr(type(pair.key), "read_bytes", forbidden)
        pair.put("b.example")
        held.look()
        assert "Permission denied" in held.state.problem
    held.look(later=1.1)
    assert held.state.names == ("b.example",)


def test_sighup_reads_whatever_the_look_of_a_file(tmp_path, pair, logged):
    held = Held(tmp_path, SHOP)
    held.look(asked=True)
    assert [line["event"] for line in logged.events] == ["certificate in force"]
    pair.put("b.example")
    held.look(1, asked=True)
    assert held.state.names == ("b.example",)


# -- the start


@pytest.mark.parametrize("days", [(-9, -1), (1, 9)])
def test_an_old_certificate_is_better_than_none(tmp_path, logged, days):
    issue(tmp_path, "shop", "a.example", days=days)
    held = Held(tmp_path, SHOP)
    assert held.certificates.context() is not None
    assert logged.events[0]["event"] == "CERTIFICATE OUT OF DATE, and there is none better"
    assert logged.events[0]["level"] == "error"


def test_with_nothing_there_is_no_context_until_there_is(tmp_path, logged):
    held = Held(tmp_path, SHOP)
    assert held.certificates.context() is None
    assert (held.state.names, held.state.not_after) == ((), None)
    assert logged.events[0]["event"] == "CERTIFICATE CANNOT BE USED, and there is none before"
    held.look(30)
    assert len(logged.events) == 1
    issue(tmp_path, "shop", "a.example")
    held.look(later=1.1)
    assert held.shown() == {"a.example"}
    assert (held.state.problem, held.reloads) == (None, [])


# -- edits


def test_an_edit_adds_removes_and_reorders_without_reading_what_stays(tmp_path, pair):
    issue(tmp_path, "main", "main.example")
    held = Held(tmp_path, SHOP)
    pair.certificate.unlink()
    held.name(MAIN, SHOP)
    assert held.shown("a.example") == {"a.example"}
    assert held.shown("nobody.example") == {"main.example"}
    held.name(SHOP, MAIN)
    assert held.shown("nobody.example") == {"a.example"}
    held.name(MAIN)
    assert held.shown("a.example") == {"main.example"}
    held.name()
    assert (held.certificates.context(), held.certificates.states()) == (None, ())


@pytest.mark.usefixtures("pair")
def test_of_several_one_may_be_broken(tmp_path):
    held = Held(tmp_path, MAIN, SHOP)
    assert held.shown("nobody.example") == {"a.example"}
    assert [state.problem is None for state in held.certificates.states()] == [False, True]


def test_the_oldest_version_may_change(tmp_path, pair):
    held = Held(tmp_path, SHOP, minimum_version="TLSv1.2")
    context = held.certificates.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    held.name(SHOP, minimum_version="TLSv1.3")
    assert held.certificates.context().minimum_version is ssl.TLSVersion.TLSv1_3
    pair.put("b.example")
    held.look()
    assert held.certificates.context().minimum_version is ssl.TLSVersion.TLSv1_3


def test_a_changed_pair_is_chosen_by_its_new_names(tmp_path, pair):
    issue(tmp_path, "main", "main.example")
    held = Held(tmp_path, MAIN, SHOP)
    pair.put("b.example", "*.b.example")
    held.look()
    assert held.shown("a.example") == {"main.example"}
    assert held.shown("x.b.example") == {"b.example", "*.b.example"}
