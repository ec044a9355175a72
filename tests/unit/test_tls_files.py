"""The files of `tls`: each fault by its key, in words; contexts that verify as the section says."""

import ssl

import pytest

from gateway.config.load import load
from gateway.config.schema import Upstream, UpstreamTls
from gateway.config.tls_files import TlsFileError, client_context, digest_of, faults_of
from gateway.upstream.tls import load_all
from tests.support.authority import Authority

TEXT = """\
version: 1
upstreams:
  new:
    url: https://new.internal
    tls:
{lines}
routes:
  - {{path: "/*", upstream: new}}
"""


@pytest.fixture
def ours(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def files(ours, tmp_path):
    """By the names that the cases below use."""
    certificate, key = ours.issue("gateway.internal")
    _, other = ours.issue("other.internal")
    (tmp_path / "client.pem").write_bytes(certificate.read_bytes())
    (tmp_path / "client.key").write_bytes(key.read_bytes())
    (tmp_path / "other.key").write_bytes(other.read_bytes())
    (tmp_path / "both.pem").write_bytes(key.read_bytes() + certificate.read_bytes())
    (tmp_path / "ca.pem").write_bytes(ours.file.read_bytes())
    (tmp_path / "empty.pem").write_bytes(b"")
    damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (tmp_path / "damaged.pem").write_bytes(damaged)
    return tmp_path


def text(**settings):
    return TEXT.format(lines="\n".join(f"      {key}: {value}" for key, value in settings.items()))


@pytest.mark.parametrize(
    "settings",
    [
        {"ca_file": "ca.pem"},
        {"certificate_file": "client.pem", "key_file": "client.key"},
        {"certificate_file": "both.pem"},
        {"ca_file": "ca.pem", "certificate_file": "both.pem", "server_name": "a.b", "minimum_version": "TLSv1.3"},
    ],
)
def test_good_files_are_no_fault_and_are_named_whole_from_the_directory_of_the_file(files, settings):
    loaded = load(text(**settings), files=files)
    assert loaded.faults == ()
    tls = loaded.routes.upstreams["new"].tls
    named = {key: str(files / value) for key, value in settings.items() if key.endswith("_file")}
    assert {key: getattr(tls, key) for key in named} == named
    assert loaded.files == {files / value for key, value in settings.items() if key.endswith("_file")}
    assert client_context(tls).verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("settings", "line", "words"),
    [
        ({"ca_file": "nothing.pem"}, 6, "tls.ca_file: {}/nothing.pem cannot be read: No such file or directory"),
        ({"ca_file": "."}, 6, "tls.ca_file: {} cannot be read: Is a directory"),
        ({"ca_file": "empty.pem"}, 6, "tls.ca_file: {}/empty.pem holds no certificate in PEM form"),
        ({"ca_file": "client.key"}, 6, "tls.ca_file: {}/client.key holds no certificate in PEM form"),
        ({"ca_file": "damaged.pem"}, 6, "tls.ca_file: {}/damaged.pem is damaged: "),
        ({"certificate_file": "nothing.pem"}, 6, "tls.certificate_file: {}/nothing.pem cannot be read"),
        ({"certificate_file": "client.pem"}, 6, "{}/client.pem holds no private key in PEM form; give key_file"),
        ({"certificate_file": "client.key"}, 6, "{}/client.key holds no certificate in PEM form"),
        (
            {"certificate_file": "client.pem", "key_file": "other.key"},
            7,
            "tls.key_file: the private key of {0}/other.key is not that of the certificate of {0}/client.pem",
        ),
        ({"certificate_file": "client.pem", "key_file": "ca.pem"}, 7, "{}/ca.pem holds no private key in PEM form"),
        ({"certificate_file": "client.pem", "key_file": "nothing.key"}, 7, "tls.key_file: {}/nothing.key cannot be"),
        ({"certificate_file": "damaged.pem", "key_file": "client.key"}, 6, "is damaged: "),
    ],
)
def test_a_bad_file_is_a_fault_at_its_key(files, settings, line, words):
    (fault,) = load(text(**settings), "routes.yaml", files=files).faults
    assert (fault.line, words.format(files) in str(fault)) == (line, True), str(fault)


def test_every_bad_file_is_told_in_one_run_and_nothing_where_nobody_asks(files):
    settings = {"ca_file": "nothing.pem", "certificate_file": "nothing.pem"}
    assert len(load(text(**settings), files=files).faults) == 2
    assert load(text(**settings)).faults == ()


def test_a_key_with_a_password_is_a_fault_and_asks_no_terminal(files):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((files / "client.key").read_bytes(), None)
    (files / "encrypted.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    settings = UpstreamTls(certificate_file=str(files / "client.pem"), key_file=str(files / "encrypted.key"))
    (fault,) = faults_of(settings)
    assert (fault.key, "is encrypted" in fault.problem) == ("key_file", True)


def test_own_authorities_take_the_place_of_the_systems(files):
    context = client_context(UpstreamTls(ca_file=str(files / "ca.pem")))
    assert context.cert_store_stats()["x509"] == 1
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_without_a_section_everything_is_verified_by_the_systems_authorities():
    context = client_context(UpstreamTls())
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats() == ssl.create_default_context().cert_store_stats()


def test_nobody_is_verified_only_where_that_is_said():
    context = client_context(UpstreamTls(insecure_skip_verify=True))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_what_files_hold_is_told_apart_by_a_digest_that_a_missing_file_does_not_break(files):
    settings = UpstreamTls(ca_file=str(files / "ca.pem"))
    before = digest_of(settings)
    assert digest_of(settings) == before
    (files / "ca.pem").unlink()
    assert digest_of(settings) != before
    with pytest.raises(TlsFileError, match="No such file"):
        client_context(settings)


def spec(files, **more):
    return Upstream(url="https://a", tls=UpstreamTls(ca_file=str(files / "ca.pem"), **more))


def test_upstreams_that_say_the_same_share_a_context_and_unchanged_ones_keep_theirs(files):
    specs = {"a": spec(files), "b": spec(files), "c": spec(files, server_name="c"), "plain": Upstream(url="http://a")}
    first = load_all(specs, {})
    assert first.tls["a"] is first.tls["b"]
    assert first.tls["a"].context is not first.tls["c"].context
    assert set(first.tls) == {"a", "b", "c"}
    assert load_all(specs, first.tls).tls == first.tls
    (files / "ca.pem").write_bytes((files / "ca.pem").read_bytes() + b"\n")
    assert load_all(specs, first.tls).tls["a"] is not first.tls["a"]


def test_bad_files_keep_what_the_same_section_had_and_nothing_of_another_section(files):
    first = load_all({"a": spec(files)}, {})
    (files / "ca.pem").write_bytes(b"")
    kept = load_all({"a": spec(files)}, first.tls)
    assert kept.tls["a"] is first.tls["a"]
    assert "holds no certificate" in kept.problems["a"]
    changed = load_all({"a": spec(files, server_name="b")}, kept.tls)
    assert changed.tls["a"].problem is not None
    assert changed.tls["a"].context.verify_mode is ssl.CERT_REQUIRED
    assert changed.tls["a"].context.cert_store_stats()["x509"] == 0


@pytest.mark.parametrize("client", ["context", "for_httpx"])
def test_httpx_never_shares_a_context_with_our_own_client(files, client):
    made = load_all({"a": spec(files)}, {}).tls["a"]
    assert made.context is not made.for_httpx
    assert getattr(made, client).check_hostname
