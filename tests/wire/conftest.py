from tests.support.compare_store import ledgers, namespace, plain_client, reader
from tests.support.gateway_process import launch, make_routes, upstreams

__all__ = ["launch", "ledgers", "make_routes", "namespace", "plain_client", "reader", "upstreams"]
