"""A whole gateway that speaks TLS: its addresses, its start, and certificates that change while it serves."""

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from tests.support.gateway_process import READY_SECONDS, ROUTES, Upstream, gateway_process, get, serve_argv, until
from tests.support.tls_peer import issue, trusting

TLS = """\
tls:
  certificates:
    - {certificate_file: tls/shop.pem, key_file: tls/shop.key}
"""
LISTEN = ("--listen", "http://127.0.0.1:0", "--listen", "https://127.0.0.1:0")
BEFORE, AFTER = "before.example", "after.example"
NO_KEY = "key_file holds no private key that fits the certificate; write its own, as PEM and decrypted"


class Secure:
    """One keep-alive connection over TLS; nothing is tried again."""

    def __init__(self, port, *, timeout=15.0):
        raw = socket.create_connection(("127.0.0.1", port), timeout)
        self.link = trusting(check_hostname=False).wrap_socket(raw, server_hostname=BEFORE)
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._connection.sock = self.link

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    @property
    def shown(self):
        """The name in the certificate."""
        return dict(self.link.getpeercert()["subjectAltName"])["DNS"]

    def get(self, path="/x"):
        self._connection.request("GET", path)
        reply = self._connection.getresponse()
        reply.read()
        assert self._connection.sock is not None
        return reply.status


def shown(port):
    with Secure(port) as client:
        return client.shown


@pytest.fixture
def pair(tmp_path):
    return issue(tmp_path / "gateway" / "tls", "shop", BEFORE)


@pytest.fixture
def secure(launch, make_routes, pair):  # noqa: ARG001 - its files must be there before the start
    """Starts a gateway with an address of each kind."""

    def start(*, timeout=5, **more):
        return with_ports(launch(*LISTEN, routes=make_routes(timeout=timeout) + TLS, **more))

    return start


def with_ports(gateway):
    """`gateway.port` is HTTP's, `gateway.tls_port` TLS's."""
    (line,) = gateway.lines("started")
    gateway.port, gateway.tls_port = (int(port) for port in re.findall(r":(\d+)(?:,|$)", line["clients"]))
    return gateway


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One gateway for tests that leave it as it was; `gateway.pair` are the files of its certificate."""
    directory = tmp_path_factory.mktemp("tls") / "gateway"
    pair = issue(directory / "tls", "shop", BEFORE)
    legacy, new = Upstream("legacy"), Upstream("new")
    text = ROUTES.format(legacy=legacy.port, new=new.port, percent=100, delay=0, timeout=5) + TLS
    with gateway_process(directory, text, *LISTEN) as gateway:
        gateway.pair, gateway.text = pair, text
        yield with_ports(gateway)
    legacy.close()
    new.close()


@pytest.fixture
def gateway(shared):
    """As it was at the start, but for what it has counted."""
    shared.routes_file.write_text(shared.text)
    if certificates(shared) != in_force(BEFORE):
        shared.pair.put(BEFORE)
    until(lambda: certificates(shared) == in_force(BEFORE) and shared.status()["config"]["file_in_force"])
    shared.reloads = metric(shared, "gateway_certificate_reloads_total")
    return shared


def in_force(name):
    """On every worker."""
    return {slot: ([name], None) for slot in ("w0", "w1")}


def counted(gateway, result):
    """Since the test began."""
    now = metric(gateway, "gateway_certificate_reloads_total")
    return now.get(f'result="{result}"', 0) - gateway.reloads.get(f'result="{result}"', 0)


def certificates(gateway):
    """By worker: what it shows, and its problem."""
    found = gateway.status()["certificates"].get("tls/shop.pem", {})
    return {slot: (worker["names"], worker["problem"]) for slot, worker in found.items()}


def metric(gateway, name):
    text = gateway.admin("/metrics").body.decode()
    return {labels: float(value) for labels, value in re.findall(rf"^{name}{{(.*)}} (\S+)$", text, re.MULTILINE)}


class Load:
    """Clients that ask all the time, each on connections of ten requests; what fails is kept."""

    def __init__(self, port, clients=3):
        self.port = port
        self.answered = 0
        self.names = []
        self.failed = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(15)

    def _run(self):
        while not self._over.is_set():
            try:
                with Secure(self.port) as client:
                    self.names.append(client.shown)
                    for _ in range(10):
                        assert client.get() == 200
                        self.answered += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failed.append(error)


def test_a_certificate_changes_under_load_and_no_request_fails(gateway):
    refused = metric(gateway, "gateway_connections_refused_total")
    with Secure(gateway.tls_port) as kept, Load(gateway.tls_port) as load:
        assert (kept.shown, kept.get()) == (BEFORE, 200)
        for name in (AFTER, BEFORE, AFTER, BEFORE):
            answered = load.answered
            gateway.pair.put(name)
            until(lambda name=name: certificates(gateway) == in_force(name))
            until(lambda answered=answered: load.answered > answered + 60)
            assert {shown(gateway.tls_port) for _ in range(4)} == {name}
        assert kept.get() == 200
    assert load.failed == []
    assert set(load.names) == {BEFORE, AFTER}
    assert (counted(gateway, "accepted"), counted(gateway, "refused")) == (8, 0)
    assert metric(gateway, "gateway_connections_refused_total") == refused
    assert sum(metric(gateway, "gateway_tls_handshakes_total").values()) >= len(load.names)


def test_a_broken_pair_is_refused_shown_and_mended(gateway):
    good = gateway.pair.key.read_bytes()
    expiry = metric(gateway, "gateway_certificate_not_after_timestamp_seconds")
    gateway.pair.write(key=b"nonsense")
    until(lambda: all(problem for _, problem in certificates(gateway).values()))
    assert shown(gateway.tls_port) == BEFORE
    gateway.until_logged("certificate refused; the one before stays in force", count=2)
    text = gateway.command("status").stdout
    assert "tls/shop.pem: before.example, expires" in text
    assert "REFUSED" in text
    assert f"certificate tls/shop.pem: {NO_KEY} (in w0, w1)" in text
    assert (counted(gateway, "accepted"), counted(gateway, "refused")) == (0, 2)
    assert metric(gateway, "gateway_certificate_not_after_timestamp_seconds") == expiry
    assert list(expiry) == ['file="tls/shop.pem"']
    assert "nonsense" not in gateway.log.read_text()
    gateway.pair.write(key=good)
    until(lambda: certificates(gateway) == in_force(BEFORE))
    assert "REFUSED" not in gateway.command("status").stdout


def test_a_kill_in_the_file_works_while_the_certificate_is_broken(gateway):
    gateway.pair.certificate.unlink()
    until(lambda: all(problem for _, problem in certificates(gateway).values()))
    gateway.routes_file.write_text(gateway.text + "kill_all: true\n")
    until(lambda: set(gateway.status()["features"]["auth"]["shares"].values()) == {0})
    assert shown(gateway.tls_port) == BEFORE


def test_an_edit_that_names_what_cannot_be_used_is_refused(gateway):
    gateway.routes_file.write_text(gateway.text.replace("tls/shop.pem", "tls/shpo.pem"))
    (fault,) = until(lambda: gateway.status()["config"]["faults"])
    assert "tls.certificates[0].certificate_file: " in fault
    assert "tls/shpo.pem cannot be read: No such file or directory" in fault
    gateway.routes_file.write_text(gateway.text.replace(TLS, ""))
    until(lambda: "tls: is missing" in str(gateway.status()["config"]["faults"]))
    assert shown(gateway.tls_port) == BEFORE
    gateway.routes_file.write_text(gateway.text.replace("tls/shop", "tls/new"))
    until(lambda: "tls/new.pem cannot be read" in str(gateway.status()["config"]["faults"]))
    issue(gateway.pair.key.parent, "new", AFTER)  # from here on the edit is good, without another one
    until(lambda: list(gateway.status()["certificates"].get("tls/new.pem", ())) == ["w0", "w1"])
    assert {shown(gateway.tls_port) for _ in range(4)} == {AFTER}


def test_sighup_ends_no_worker_and_reads_at_once(gateway):
    pids, logged = gateway.pids(), len(gateway.lines("routes.yaml has not changed"))
    gateway.process.send_signal(signal.SIGHUP)
    gateway.until_logged("routes.yaml has not changed", count=logged + 1)
    assert shown(gateway.tls_port) == BEFORE
    assert gateway.pids() == pids


def test_a_worker_without_a_certificate_leaves_tls_to_the_others(gateway):
    good = gateway.pair.key.read_bytes()
    gateway.pair.write(key=b"nonsense")
    until(lambda: all(problem for _, problem in certificates(gateway).values()))
    gateway.replaced("w0", gateway.kill("w0"))
    until(lambda: certificates(gateway).get("w0") == ([], NO_KEY))
    assert "CERTIFICATE CANNOT BE USED" in gateway.lines("CERTIFICATE")[-1]["event"]
    for _ in range(20):
        with Secure(gateway.tls_port) as client:
            assert (client.shown, client.get()) == (BEFORE, 200)
    assert get(gateway.port, "/x").status == 200
    gateway.pair.write(key=good)
    until(lambda: certificates(gateway) == in_force(BEFORE))
    gateway.kill("w1", signal.SIGSTOP)  # only the other is left to answer
    try:
        with Secure(gateway.tls_port) as client:
            assert client.get() == 200
    finally:
        os.kill(gateway.pids()["w1"], signal.SIGCONT)


def test_no_worker_is_replaced_while_its_certificate_could_not_be_read_again(gateway):
    good, before = gateway.pair.key.read_bytes(), gateway.pids()
    gateway.pair.write(key=b"nonsense")
    ran = gateway.command("reload", "--workers")
    assert ran.returncode == 1
    assert f"would lack what the old one has: tls/shop.pem: {NO_KEY}; the old one keeps running" in ran.stderr
    assert gateway.pids() == before
    assert shown(gateway.tls_port) == BEFORE
    gateway.pair.write(key=good)
    assert gateway.command("reload", "--workers").returncode == 0
    assert shown(gateway.tls_port) == BEFORE


def test_a_drain_of_connections_over_tls(secure):
    gateway = secure(timeout=30)
    with Secure(gateway.tls_port) as idle, Secure(gateway.tls_port) as silent:
        assert idle.get() == 200
        assert gateway.stop(signal.SIGTERM, seconds=15) == 0
        assert idle.link.recv(1) == silent.link.recv(1) == b""
    assert gateway.left() == []


# -- the start


def run(tmp_path, text, *options):
    """What a start that fails prints; its exit status."""
    directory = tmp_path / "gateway"
    directory.mkdir(exist_ok=True)
    (directory / "routes.yaml").write_text(text)
    argv = serve_argv(directory / "routes.yaml", directory / "state", *options)
    result = subprocess.run(argv, capture_output=True, text=True, timeout=READY_SECONDS, check=False)
    return result.returncode, result.stdout + result.stderr


def test_a_start_without_what_it_needs_says_so(tmp_path, make_routes):
    status, output = run(tmp_path, make_routes(), *LISTEN)
    assert (status, "tls: is missing, and an address of --listen begins https://" in output) == (1, True)
    status, output = run(tmp_path, make_routes() + TLS, *LISTEN)
    assert status == 1
    assert "tls/shop.pem cannot be read: No such file or directory" in output


def test_a_start_with_the_accepted_copy_needs_its_certificates_too(secure, tmp_path, pair):
    gateway = secure()
    assert gateway.stop() == 0
    pair.key.unlink()
    status, output = run(tmp_path, "version: 2\n", *LISTEN)
    assert status == 1
    assert "accepted.json: tls/shop.pem: key_file " in output


def test_a_start_with_an_expired_certificate_is_loud_and_serves(secure, pair):
    pair.put(BEFORE, days=(-9, -1))
    gateway = secure()
    gateway.until_logged("CERTIFICATE OUT OF DATE, and there is none better", count=2)
    assert "EXPIRED" in gateway.command("status").stdout
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shown(gateway.tls_port)
    assert get(gateway.port, "/x").status == 200
    pair.put(AFTER)
    until(lambda: certificates(gateway) == in_force(AFTER))
    assert shown(gateway.tls_port) == AFTER


@pytest.mark.parametrize(
    ("listen", "told"),
    [
        ("127.0.0.1:80", "write it like https://0.0.0.0:443"), ("https://127.0.0.1", "write it like"),
        ("ftp://127.0.0.1:1", "write it like"), ("http://127.0.0.1:99999", "write it like"),
        ("http://127.0.0.1:1/x", "has a path"), ("http://a:b@127.0.0.1:1", "write it like"),
    ],
)  # fmt: skip
def test_an_address_that_is_none(tmp_path, make_routes, listen, told):
    status, output = run(tmp_path, make_routes(), "--listen", listen)
    assert (status, told in " ".join(output.split())) == (2, True)


def test_an_address_that_is_there_twice(tmp_path, make_routes):
    status, output = run(tmp_path, make_routes(), "--listen", "http://127.0.0.1:9", "--listen", "https://127.0.0.1:9")
    assert (status, "is there twice" in " ".join(output.split())) == (2, True)


def test_a_taken_address_is_named_with_its_option(tmp_path, make_routes):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, output = run(tmp_path, make_routes(), "--listen", f"http://127.0.0.1:{port}")
    assert status == 1
    assert "choose another with --listen" in " ".join(output.split())


def test_several_plain_addresses_by_the_environment(launch):
    gateway = launch(env={"GATEWAY_LISTEN": "http://127.0.0.1:0 http://[::1]:0"})
    (line,) = gateway.lines("started")
    four, six = re.findall(r":(\d+)(?:,|$)", line["clients"])
    assert get(int(four), "/x").status == 200
    with contextlib.closing(http.client.HTTPConnection("::1", int(six), timeout=5)) as client:
        client.request("GET", "/x")
        assert client.getresponse().status == 200
