from tests.support.gateway_process import launch, make_routes, upstreams

__all__ = ["launch", "make_routes", "upstreams"]
