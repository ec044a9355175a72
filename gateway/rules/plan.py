"""routes.yaml compiled for the request path: what is computed once a reload, so that a request only looks it up."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from gateway.config.schema import (
    Cors,
    Feature,
    HostHeader,
    Limits,
    Log,
    NoKey,
    OnUnhealthy,
    Rewrite,
    Route,
    RoutesFile,
    Upstream,
)
from gateway.config.shadow import Shadow
from gateway.model import BasisPoints
from gateway.rules.cors import CorsPlan, compile_cors
from gateway.rules.fallback import FallbackPlan, fallback_plan
from gateway.rules.json_path import Pattern
from gateway.rules.keys import KeySource, parse_source
from gateway.rules.replies import ReplyRules
from gateway.rules.reply_rules import headers_of, paths_of, reply_rules
from gateway.rules.request_head import HeadLimits
from gateway.rules.rewrite import PathRewrite
from gateway.rules.routing import Router, compile_routes


@dataclass(frozen=True, slots=True)
class UpstreamPlan:
    """keeps_host: the client's Host goes on, where it has one. authority: the Host of the upstream itself.
    origins: what a Location may name that means this upstream.
    """

    name: str
    keeps_host: bool
    authority: bytes
    origins: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """A feature's fixed part; its live part is a `FeaturePolicy`. Pairs are (legacy, new).

    diverts: while new is known to be down, legacy serves everybody. fallback: what legacy answers for new.
    override: a tester's token may choose the side. retired: there is no legacy, and both of each pair are new's.
    """

    name: str
    sources: tuple[KeySource, ...]
    no_key: NoKey
    cookie: str
    upstreams: tuple[str, str]
    rewrites: tuple[PathRewrite | None, PathRewrite | None]
    diverts: bool
    fallback: FallbackPlan | None
    override: bool
    retired: bool


@dataclass(frozen=True, slots=True)
class ShadowPlan:
    """How the requests of one route are shadowed.

    sample: of the feature's share of its requests. noise: of its shadows, those for which legacy is asked twice.
    redact, redact_headers: what is left out of samples, headers in lower case. route: the route for people, its path as
    written behind its host, where it has one.
    """

    methods: frozenset[bytes]
    sample: BasisPoints
    noise: BasisPoints
    rules: ReplyRules
    redact: tuple[Pattern, ...]
    redact_headers: frozenset[str]
    route: str


@dataclass(frozen=True, slots=True)
class ShadowLimits:
    """What shadows may cost a worker. max_body_bytes: of a request, and of either reply. max_held_bytes: of all that
    wait. keep_seconds: of differences and samples.
    """

    timeout_seconds: float
    max_in_flight: int
    max_body_bytes: int
    max_held_bytes: int
    max_bytes_per_second: int
    keep_seconds: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where a route leads: a feature, or one fixed upstream with its own rewrite.

    max_body_bytes: of a request. fallback_idempotent: what is idempotent may fall back, not only what is safe.
    stream: its replies have no idle limit. cors: the route's own, or that of all routes; None where it is off. shadow:
    None where nothing of it may be shadowed.
    """

    route: Route
    feature: FeaturePlan | None
    upstream: str
    rewrite: PathRewrite | None
    fallback_idempotent: bool
    max_body_bytes: int
    stream: bool
    cors: CorsPlan | None
    shadow: ShadowPlan | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of routes.yaml, whole. Swapped in one assignment; requests keep the plan they began with.

    cors: of what no route matches. has_cors: some route has it on.
    trusted: whose X-Forwarded-* are believed. balancers: whose connections begin with a PROXY header.
    """

    sha256: str
    routes: RoutesFile
    router: Router
    targets: tuple[Target, ...]
    features: dict[str, FeaturePlan]
    upstreams: dict[str, UpstreamPlan]
    trusted: tuple[IPv4Network | IPv6Network, ...]
    balancers: tuple[IPv4Network | IPv6Network, ...]
    expose_decision: bool
    log: Log
    limits: Limits
    head_limits: HeadLimits
    cors: CorsPlan | None
    has_cors: bool
    methods: frozenset[bytes]
    shadow: ShadowLimits


def compile_plan(routes: RoutesFile, sha256: str) -> Plan:
    """For `worker`, at start and after each accepted edit. `routes` has passed `gateway check`."""
    features = {name: _feature(name, feature) for name, feature in routes.features.items()}
    cors = _cors(routes.cors)
    targets = tuple(_target(route, features, routes, cors) for route in routes.routes)
    return Plan(
        sha256=sha256,
        routes=routes,
        router=compile_routes(routes),
        targets=targets,
        features=features,
        upstreams={name: _upstream(name, upstream) for name, upstream in routes.upstreams.items()},
        trusted=tuple(ip_network(text, strict=False) for text in routes.trusted_proxies),
        balancers=tuple(ip_network(text, strict=False) for text in routes.proxy_protocol),
        expose_decision=routes.expose_decision,
        log=routes.log,
        limits=routes.limits,
        head_limits=HeadLimits(
            head_bytes=routes.limits.max_head_bytes,
            fields=routes.limits.max_headers,
            target_bytes=routes.limits.max_target_bytes,
        ),
        cors=cors,
        has_cors=any(target.cors is not None for target in targets),
        methods=frozenset(method.encode() for route in routes.routes for method in route.methods),
        shadow=_limits(routes.shadow),
    )


def _feature(name: str, feature: Feature) -> FeaturePlan:
    sources = tuple(parse_source(text) for text in feature.key)
    return FeaturePlan(
        name=name,
        sources=sources,
        no_key=feature.no_key,
        cookie=next((source.name for source in sources if source.kind == "cookie"), ""),
        upstreams=(feature.legacy or feature.new, feature.new),
        rewrites=_rewrites(feature),
        diverts=not feature.is_retired and feature.reversible and feature.on_unhealthy is OnUnhealthy.LEGACY,
        fallback=_fallback(feature),
        override=feature.override,
        retired=feature.is_retired,
    )


def _rewrites(feature: Feature) -> tuple[PathRewrite | None, PathRewrite | None]:
    new = _rewrite(feature.rewrite.new)
    return (new if feature.is_retired else _rewrite(feature.rewrite.legacy)), new


def _cors(cors: Cors | None) -> CorsPlan | None:
    return None if cors is None or cors.is_off else compile_cors(cors)


def _target(route: Route, features: dict[str, FeaturePlan], routes: RoutesFile, cors: CorsPlan | None) -> Target:
    return Target(
        route=route,
        feature=features[route.feature] if route.feature is not None else None,
        upstream=route.upstream or "",
        rewrite=_rewrite(route.rewrite),
        fallback_idempotent=route.fallback_idempotent,
        max_body_bytes=routes.limits.max_body_bytes if route.max_body_bytes is None else route.max_body_bytes,
        stream=route.stream,
        cors=cors if route.cors is None else _cors(route.cors),
        shadow=_shadow(route, routes.features[route.feature]) if route.feature is not None else None,
    )


def _shadow(route: Route, feature: Feature) -> ShadowPlan | None:
    """None, too, for a stream that does not ask for it by name: most never end."""
    methods = frozenset(route.shadow.methods).intersection(route.methods or route.shadow.methods)
    silent = route.stream and "shadow" not in route.model_fields_set
    if feature.is_retired or silent or not methods:
        return None
    redact = [*route.compare.redact, *feature.compare.redact]
    return ShadowPlan(
        methods=frozenset(method.encode() for method in methods),
        sample=route.shadow.sample,
        noise=feature.noise_basis_points,
        rules=reply_rules(route.compare, feature.compare),
        redact=paths_of(redact),
        redact_headers=headers_of(redact),
        route=f"{route.host or ''}{route.path}",
    )


def _limits(shadow: Shadow) -> ShadowLimits:
    return ShadowLimits(
        timeout_seconds=shadow.timeout_seconds,
        max_in_flight=shadow.max_in_flight,
        max_body_bytes=shadow.max_body_bytes,
        max_held_bytes=shadow.max_held_bytes,
        max_bytes_per_second=shadow.max_bytes_per_second,
        keep_seconds=shadow.keep_seconds,
    )


def _fallback(feature: Feature) -> FallbackPlan | None:
    if feature.fallback is None or not feature.reversible:
        return None
    return fallback_plan(asked_for=feature.fallback_on, max_in_flight=feature.fallback_max_in_flight)


def _upstream(name: str, upstream: Upstream) -> UpstreamPlan:
    origins = [target.rstrip("/").lower().encode() for target in upstream.targets]
    return UpstreamPlan(
        name=name,
        keeps_host=upstream.host_header is HostHeader.CLIENT,
        authority=origins[0].partition(b"://")[2],
        origins=frozenset(spelling for origin in origins for spelling in _spellings(origin)),
    )


def _spellings(origin: bytes) -> tuple[bytes, bytes]:
    """With and without the port, where it is the scheme's own: a Location may have either."""
    scheme, _, authority = origin.partition(b"://")
    port = b":443" if scheme == b"https" else b":80"
    if authority.endswith(port):
        return origin, origin.removesuffix(port)
    return origin, origin if authority.rpartition(b"]")[2].count(b":") else origin + port


def _rewrite(rewrite: Rewrite | None) -> PathRewrite | None:
    return PathRewrite.of(rewrite.from_, rewrite.to) if rewrite is not None else None
