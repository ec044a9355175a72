"""The files of a certificate: what is good, and what is said of what is not. Also what `gateway check` finds."""

import datetime as dt
import time
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.testing import CliRunner

from gateway.certificate_files import CertificateError, inspection, load_pair, out_of_date, unusable
from gateway.cli.main import build
from gateway.config.load import load
from gateway.config.schema import CertificateFiles, Tls
from gateway.rules.x509 import Certificate
from tests.support.tls_peer import issue

ROUTES = """\
version: 1
upstreams: {old: {url: "http://127.0.0.1:1"}}
tls:
  certificates:
    - {certificate_file: shop.pem, key_file: shop.key}
routes: [{path: "/*", upstream: old}]
"""
SHOP = CertificateFiles(certificate_file="shop.pem", key_file="shop.key")


@pytest.fixture
def pair(tmp_path):
    return issue(tmp_path, "shop", "shop.example")


def fault_of(base, files=SHOP):
    with pytest.raises(CertificateError) as caught:
        load_pair(files, base)
    problem, mark, remedy = str(caught.value).partition("; ")
    assert problem
    assert mark
    assert remedy
    return f"{caught.value.key} {problem}"


@pytest.mark.usefixtures("pair")
def test_a_pair_says_its_names_and_dates(tmp_path):
    loaded = load_pair(SHOP, tmp_path)
    assert loaded.certificate.names == ("shop.example",)
    assert loaded.certificate.not_after > time.time()


def test_both_may_be_in_one_file(tmp_path, pair):
    pair.write(pair.certificate.read_bytes() + pair.key.read_bytes())
    assert load_pair(CertificateFiles(certificate_file="shop.pem"), tmp_path).certificate.names == ("shop.example",)


def test_an_absolute_path_is_taken_as_it_is(tmp_path, pair):
    files = CertificateFiles(certificate_file=str(pair.certificate), key_file=str(pair.key))
    assert load_pair(files, tmp_path / "elsewhere").certificate.names == ("shop.example",)


@pytest.mark.parametrize(("name", "key"), [("shop.pem", "certificate_file"), ("shop.key", "key_file")])
@pytest.mark.usefixtures("pair")
def test_a_file_that_is_not_there_is_named(tmp_path, name, key):
    (tmp_path / name).unlink()
    assert fault_of(tmp_path) == f"{key} {tmp_path / name} cannot be read: No such file or directory"


def test_a_directory_is_no_file(tmp_path, pair):
    pair.key.unlink()
    pair.key.mkdir()
    assert "cannot be read: Is a directory" in fault_of(tmp_path)


def test_the_key_of_another_certificate(tmp_path, pair):
    pair.write(key=issue(tmp_path / "other", "other").key.read_bytes())
    assert fault_of(tmp_path) == "key_file is not the key of the certificate"


def test_a_key_of_another_kind(tmp_path, pair):
    pair.write(key=plain(rsa.generate_private_key(65_537, 2048)))
    assert fault_of(tmp_path) == "key_file holds no private key that fits the certificate"


def plain(key, password=None):
    shut = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, shut)


def test_files_in_each_others_place(tmp_path, pair):
    certificate, key = pair.certificate.read_bytes(), pair.key.read_bytes()
    pair.write(key, certificate)
    assert fault_of(tmp_path) == "certificate_file holds no certificate"


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_key_that_is_none(tmp_path, pair, content):
    pair.write(key=content)
    assert fault_of(tmp_path) == "key_file holds no private key that fits the certificate"


def test_nobody_is_asked_for_a_password(tmp_path, pair):
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    pair.write(key=plain(key, b"secret"))
    assert fault_of(tmp_path) == "key_file is encrypted, and nobody can be asked for its password"


def test_a_key_that_is_too_short(tmp_path, pair):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        key = rsa.generate_private_key(65_537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "short.example")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(1)).sign(
        key, hashes.SHA256()
    )
    pair.write(made.public_bytes(serialization.Encoding.PEM), plain(key))
    assert fault_of(tmp_path) == "certificate_file has a key that is too short"


def test_dates():
    certificate = Certificate(("a",), 1000, 2000)
    assert out_of_date(certificate, 999).startswith("is not valid before 1970-01-01T00:16:40Z; ")
    assert out_of_date(certificate, 2001) == "expired at 1970-01-01T00:33:20Z; renew it"
    assert [out_of_date(certificate, now) for now in (1000, 1500, 2000)] == [None] * 3


# -- what is looked at beyond the text of routes.yaml


def faults(base, text=ROUTES, **more):
    return [str(fault) for fault in load(text, inspect=inspection(base, **more)).faults]


@pytest.mark.usefixtures("pair")
def test_a_good_pair_is_no_fault(tmp_path):
    loaded = load(ROUTES, inspect=inspection(tmp_path, now=time.time()))
    assert (loaded.faults, loaded.warnings) == ((), ())


def test_a_fault_has_its_place(tmp_path, pair):
    pair.key.unlink()
    (fault,) = faults(tmp_path)
    path = tmp_path / "shop.key"
    assert fault == (
        f"routes.yaml:5:46: tls.certificates[0].key_file: {path} cannot be read: No such file or directory; "
        "write the path of a file that this user may read"
    )


@pytest.mark.usefixtures("pair")
def test_a_fault_of_the_key_stands_at_the_certificate_where_it_is_in_there(tmp_path):
    (fault,) = faults(tmp_path, ROUTES.replace(", key_file: shop.key", ""))
    assert fault.startswith("routes.yaml:5:26: tls.certificates[0].certificate_file: holds no private key")


@pytest.mark.parametrize(("days", "told"), [((-9, -1), "expired at"), ((1, 9), "is not valid before")])
def test_dates_count_where_they_are_asked_for(tmp_path, days, told):
    issue(tmp_path, "shop", days=days)
    assert faults(tmp_path) == []
    (fault,) = faults(tmp_path, now=time.time())
    assert f"tls.certificates[0].certificate_file: {told}" in fault


def test_what_expires_soon_is_a_warning(tmp_path):
    issue(tmp_path, "shop", days=(-9, 9))
    loaded = load(ROUTES, inspect=inspection(tmp_path, now=time.time()))
    assert loaded.faults == ()
    assert "expires at" in str(loaded.warnings[0])


def test_a_pair_that_is_in_force_holds_up_no_edit(tmp_path):
    assert len(faults(tmp_path, now=time.time())) == 1
    assert faults(tmp_path, now=time.time(), known={SHOP.files}) == []


def test_files_that_an_edit_names_anew_are_looked_at_again(tmp_path):
    """As they change, the edit's faults may go: it is read again then."""
    loaded = load(ROUTES, inspect=inspection(tmp_path, now=time.time()))
    assert loaded.files == {tmp_path / "shop.pem", tmp_path / "shop.key"}
    assert load(ROUTES, inspect=inspection(tmp_path, known={SHOP.files})).files == set()


def test_an_address_that_speaks_tls_needs_it(tmp_path):
    text = ROUTES.replace("tls:\n  certificates:\n    - {certificate_file: shop.pem, key_file: shop.key}\n", "")
    (fault,) = faults(tmp_path, text, needed=True)
    assert "tls: is missing, and an address of --listen begins https://; add tls" in fault
    assert faults(tmp_path, text) == []


@pytest.mark.usefixtures("pair")
def test_a_fault_of_shape_is_told_once(tmp_path):
    (fault,) = faults(tmp_path, ROUTES.replace("key_file: shop.key", "kee_file: shop.key"), needed=True)
    assert 'unknown key; did you mean "key_file"?' in fault


def test_what_an_accepted_copy_names_is_looked_at_too(tmp_path, pair):
    tls = Tls(certificates=(SHOP,))
    assert unusable(tls, tmp_path) == []
    assert "it has no tls" in unusable(None, tmp_path)[0]
    pair.key.unlink()
    (problem,) = unusable(tls, tmp_path)
    assert problem.startswith("shop.pem: key_file ")


# -- gateway check


def check(tmp_path, *options):
    (tmp_path / "routes.yaml").write_text(ROUTES)
    return CliRunner().invoke(build(), ["check", str(tmp_path / "routes.yaml"), *options])


def test_check_opens_the_files(tmp_path):
    result = check(tmp_path)
    assert result.exit_code == 1
    assert "shop.pem cannot be read: No such file or directory" in result.output
    issue(tmp_path, "shop", days=(-9, -1))
    result = check(tmp_path)
    assert (result.exit_code, "expired at" in result.output) == (1, True)
    issue(tmp_path, "shop")
    assert check(tmp_path).exit_code == 0


def test_check_may_leave_them_alone(tmp_path):
    """Where the file is looked over, the keys need not be."""
    result = check(tmp_path, "--no-files")
    assert (result.exit_code, "good" in result.output) == (0, True)
