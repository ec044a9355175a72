"""What a connection to Redis is made of: whom it believes, and what a URL may say."""

import ssl

import pytest

from gateway.flags.client import client_for, connection_for
from gateway.settings import Settings
from tests.support.authority import Authority


@pytest.fixture
def ours(tmp_path):
    return Authority(tmp_path)


def contexts(url):
    """Of a connection of its own, and of one of the pool."""
    client = client_for(url)
    for made in (connection_for(url, 1.0), client.connection_pool.make_connection()):
        yield made.ssl_context.get()


def test_a_named_authority_takes_the_place_of_the_systems(ours):
    for context in contexts(f"rediss://h:1/0?ssl_ca_certs={ours.file}"):
        assert context.cert_store_stats()["x509"] == 1
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_without_one_the_systems_are_trusted_and_all_is_verified():
    for context in contexts("rediss://h:1/0"):
        assert context.cert_store_stats() == ssl.create_default_context().cert_store_stats()
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_files_are_read_for_each_connection(ours, tmp_path):
    other = Authority(tmp_path, "other")
    connection = connection_for(f"rediss://h:1/0?ssl_ca_certs={ours.file}", 1.0)
    before = connection.ssl_context.get().get_ca_certs()
    ours.file.write_bytes(other.file.read_bytes())
    assert connection.ssl_context.get().get_ca_certs() != before


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("rediss://h:1/0", "rediss://h:1/0?ssl_ca_certs=/a%20b%26c.pem"),
        ("rediss://h:1/0?ssl_certfile=/x", "rediss://h:1/0?ssl_certfile=/x&ssl_ca_certs=/a%20b%26c.pem"),
    ],
)
def test_the_option_becomes_a_part_of_the_url(url, whole):
    assert Settings(redis=url, redis_ca_file="/a b&c.pem").redis_url == whole
    assert Settings(redis=url).redis_url == url
    settings = connection_for(whole, 1.0).ssl_context
    assert settings.ca_certs == "/a b&c.pem"


def test_plain_redis_and_unix_sockets_stay_as_they_are():
    assert not hasattr(connection_for("redis://h:1/3", 1.0), "ssl_context")
    assert connection_for("unix:///tmp/x", 1.0).path == "/tmp/x"
