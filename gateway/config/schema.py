"""The shape of routes.yaml as pydantic models: what is allowed, each default, and what each key is for.

`gateway schema` prints this as JSON Schema; docs/routes-reference.md describes every key and a test holds the two
together. Only shape and single values are checked here; what keys mean to each other is `lint`'s.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, PlainSerializer
from pydantic.json_schema import JsonSchemaValue

from gateway.config.comparison import NO_RULES, ShadowCompare
from gateway.config.shadow import RouteShadow, Shadow, ShadowOfRoute
from gateway.config.values import (
    Count,
    HeadSize,
    Many,
    Model,
    Name,
    Pause,
    Percent,
    PositiveCount,
    Seconds,
    Size,
    Switch,
    number,
    one_of,
)
from gateway.model import BasisPoints


class HostHeader(StrEnum):
    CLIENT = "client"
    UPSTREAM = "upstream"


class Breaker(Model):
    """When a service that fails is no longer asked, and how it is asked again. Counted per worker."""

    enabled: Switch = Field(True, description="Whether there is one.")
    consecutive_failures: PositiveCount = Field(5, description="So many failures in a row open it.")
    failure_basis_points: Percent = Field(
        BasisPoints(5000),
        alias="failure_percent",
        json_schema_extra={"default": 50},
        description="Such a share of failures in the window opens it too.",
    )
    minimum_requests: PositiveCount = Field(20, description="Below so many in the window, the share says nothing.")
    window_seconds: Seconds = Field(10.0, description="What the share is counted over.")
    open_seconds: Seconds = Field(5.0, description="How long it stays open at first; twice as long each time again.")
    max_open_seconds: Seconds = Field(60.0, description="The longest that it stays open.")
    probes: PositiveCount = Field(3, description="Requests at once that try it afterwards; as many successes close it.")


class Ejection(Model):
    """When one of several URLs is left out because it fails, and how it comes back. Counted per worker."""

    consecutive_failures: PositiveCount = Field(5, description="So many failures in a row leave a URL out.")
    seconds: Seconds = Field(5.0, description="For how long at first; twice as long each time again.")
    max_seconds: Seconds = Field(60.0, description="The longest that a URL is left out.")
    slow_start_seconds: Seconds = Field(10.0, description="From its return to its full share of requests.")


class Health(Model):
    """Active health checks: a GET to each URL, by every worker."""

    path: str = Field(pattern=r"^/[!-~]*$", description="What is asked for; 200 to 399 is well.")
    interval_seconds: Seconds = Field(5.0, description="Between two checks of a URL.")
    timeout_seconds: Seconds = Field(2.0, description="For one whole check.")
    unhealthy_after: PositiveCount = Field(3, description="So many failed checks in a row leave a URL out.")
    healthy_after: PositiveCount = Field(2, description="So many good ones in a row bring it back.")


class TlsVersion(StrEnum):
    V1_2 = "TLSv1.2"
    V1_3 = "TLSv1.3"


class UpstreamTls(Model):
    """How connections to `https` URLs are made secure: HTTP requests, health checks and WebSockets alike."""

    ca_file: str | None = Field(None, min_length=1, description="The only authorities that are trusted, in PEM form.")
    server_name: str | None = Field(
        None, description="The name that is asked for (SNI) and that the certificate must have; the URL's by default."
    )
    certificate_file: str | None = Field(
        None, min_length=1, description="The gateway's own certificate with its chain, in PEM form."
    )
    key_file: str | None = Field(None, min_length=1, description="Its private key, where it is not in the same file.")
    minimum_version: TlsVersion = Field(TlsVersion.V1_2, description="The oldest version of TLS that is spoken.")
    insecure_skip_verify: Switch = Field(False, description="Believes whoever answers. For a test alone.")


class Upstream(Model):
    """A named service with one or more URLs (`url` or `urls`, exactly one of them)."""

    model_config = one_of("url", "urls")

    url: str | None = Field(None, description="The service's base URL: scheme, host and port, without a path.")
    urls: tuple[str, ...] = Field((), description="Several base URLs of one service; requests are spread over them.")
    host_header: HostHeader = Field(
        HostHeader.CLIENT, description="Which Host the upstream sees: the client's own, or the upstream URL's."
    )
    client: Literal["http1", "httpx"] = Field("http1", description="Which upstream client speaks to it.")
    http2: Switch = Field(False, description="HTTP/2 where the upstream offers it, over TLS, through httpx.")
    tls: UpstreamTls = Field(UpstreamTls(), description="How connections to https URLs are made secure.")
    connect_timeout_seconds: Seconds = Field(2.0, description="To connect, or to wait for a free connection.")
    first_byte_timeout_seconds: Seconds = Field(60.0, description="From the end of the request to the reply's head.")
    idle_timeout_seconds: Seconds = Field(60.0, description="Between two pieces of a body.")
    total_timeout_seconds: Seconds | None = Field(None, description="For one whole attempt; none by default.")
    max_connections: PositiveCount = Field(1024, description="Per worker and URL.")
    max_idle_connections: Count = Field(128, description="Kept open for reuse, per worker and URL.")
    keepalive_seconds: Seconds = Field(4.0, description="How long an idle connection is kept for reuse.")
    max_in_flight: PositiveCount | None = Field(None, description="Requests at once, per worker; no bound by default.")
    queue: Count = Field(100, description="With max_in_flight: requests that wait for a place, per worker.")
    queue_timeout_seconds: Seconds = Field(1.0, description="With max_in_flight: how long a request waits.")
    retry_basis_points: Percent = Field(
        BasisPoints(1000),
        alias="retry_percent",
        json_schema_extra={"default": 10},
        description="Such a share of requests may be sent a second time.",
    )
    resolve_seconds: Seconds = Field(5.0, description="How often the host's name is looked up again.")
    ejection: Ejection = Field(Ejection(), description="When one of several URLs is left out because it fails.")
    health: Health | None = Field(None, description="Active health checks; none by default.")
    breaker: Breaker = Field(Breaker(), description="When it is no longer asked because it fails.")

    @property
    def targets(self) -> tuple[str, ...]:
        """The base URLs, whichever way they were given."""
        return (self.url,) if self.url is not None else self.urls

    @property
    def is_secure(self) -> bool:
        """Whether any of them is reached through TLS."""
        return any(url.lower().startswith("https:") for url in self.targets)

    @property
    def uses_httpx(self) -> bool:
        """Which client speaks to it, `http2` included."""
        return self.client == "httpx" or self.http2


class Rewrite(Model):
    """Replaces the path prefix `from` by `to` on the way in; Location and cookie paths are rewritten back."""

    from_: str = Field(alias="from", description="The prefix of the client's path, e.g. /api/v1/auth.")
    to: str = Field(description="What the upstream sees instead, e.g. /auth.")


class SideRewrites(Model):
    legacy: Rewrite | None = Field(None, description="How legacy's paths differ from the client's.")
    new: Rewrite | None = Field(None, description="How new's paths differ from the client's.")


class NoKey(StrEnum):
    LEGACY = "legacy"
    NEW = "new"
    ISSUE = "issue"


class OnUnhealthy(StrEnum):
    LEGACY = "legacy"
    FAIL = "fail"


class Feature(Model):
    """A slice of the application that is being migrated: the unit that is switched."""

    legacy: Name | None = Field(
        None, description="The upstream of the old implementation; a feature without one is retired, and all on new."
    )
    new: Name = Field(description="The upstream of the new implementation.")
    flag: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="The environment variable that may set the percent."
    )
    basis_points: Percent = Field(
        BasisPoints(0),
        alias="percent",
        json_schema_extra={"default": 0},
        description="On new, when neither Redis nor the environment says.",
    )
    kill: Switch = Field(False, description="Everything to legacy, whatever Redis and the environment say.")
    key: tuple[str, ...] = Field(
        ("client_ip",), min_length=1, description="What identifies a user; the first that is present wins."
    )
    no_key: NoKey = Field(NoKey.LEGACY, description="Where a request without any key goes; `issue` gives it a cookie.")
    rewrite: SideRewrites = Field(SideRewrites(), description="Path rewriting by side.")
    on_unhealthy: OnUnhealthy = Field(
        OnUnhealthy.LEGACY, description="Where users go while new is known to be down; `fail` is 503 for those of new."
    )
    fallback: Literal["legacy"] | None = Field(None, description="Who answers where new could not; nobody by default.")
    fallback_on: tuple[Literal[404, 405, 500, 501], ...] = Field(
        (), description="Answers of new that legacy answers instead, beside 502, 503 and 504."
    )
    fallback_max_in_flight: PositiveCount = Field(32, description="Fallbacks at once, per worker.")
    override: Switch = Field(False, description="Whether a tester's signed token may choose the side.")
    reversible: Switch = Field(True, description="Whether legacy can read what new has written.")
    shadow_basis_points: Percent = Field(
        BasisPoints(0),
        alias="shadow_percent",
        json_schema_extra={"default": 0},
        description="Of the requests that may be shadowed: sent to the other side too, and compared.",
    )
    noise_basis_points: Percent = Field(
        BasisPoints(0),
        alias="noise_percent",
        json_schema_extra={"default": 0},
        description="Of the shadows: legacy is asked twice, so that it is known how it differs from itself.",
    )
    compare: ShadowCompare = Field(NO_RULES, description="How replies of the two sides are compared.")

    @property
    def is_retired(self) -> bool:
        """Whether there is no legacy any more."""
        return self.legacy is None


class Cors(Model):
    """Which origins' pages may read replies (CORS). The gateway answers preflights itself, alike for both sides."""

    origins: tuple[str, ...] = Field(min_length=1, description="Origins as browsers send them, each in full.")
    methods: tuple[str, ...] = Field(("GET", "HEAD", "POST"), description="What those pages may send.")
    headers: tuple[str, ...] = Field((), description="Request headers that they may set, beside what always may be.")
    exposed_headers: tuple[str, ...] = Field((), description="Headers of replies that they may read.")
    credentials: Switch = Field(False, description="Whether they may send cookies and read the reply.")
    max_age_seconds: Annotated[int, Field(ge=0, le=86_400), BeforeValidator(number)] = Field(
        600, description="How long a browser may keep the answer to a preflight."
    )

    @property
    def is_off(self) -> bool:
        """Whether this stands for `false`."""
        return not self.origins


NO_CORS = Cors.model_construct(_fields_set=set(), origins=())


def _false_is_off(value: object) -> object:
    return NO_CORS if value is False else value


class _OrFalse:
    """For editors: what the schema says otherwise, or `false`."""

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        schema["anyOf"].append({"const": False, "type": "boolean"})
        return schema


def _off_is_false(cors: Cors | None) -> object:
    if cors is None:
        return None
    if cors.is_off:
        return False
    return cors.model_dump(mode="json", by_alias=True, exclude_unset=True)


RouteCors = Annotated[
    Cors | None,
    BeforeValidator(_false_is_off),
    PlainSerializer(_off_is_false, return_type=Any),
    _OrFalse(),
]
"""`false` in the file, where it takes a route out of what holds for all."""


class Route(Model):
    """Matches requests and sends them to a feature or to one fixed upstream (exactly one of the two)."""

    model_config = one_of("feature", "upstream")

    path: str = Field(description="/exact, /prefix/* or /users/{id}/avatar.")
    host: str | None = Field(None, description="A host name, or *.example.com; without a port.")
    methods: tuple[str, ...] = Field((), description="Any method when absent.")
    headers: dict[str, str] = Field({}, description="Header names and the exact values that they must have.")
    feature: Name | None = Field(None, description="The feature that decides which side answers.")
    upstream: Name | None = Field(None, description="The one upstream that answers.")
    rewrite: Rewrite | None = Field(None, description="Path rewriting for a fixed upstream.")
    fallback_idempotent: Switch = Field(
        False, description="PUT and DELETE may fall back too, with a body of at most 64 KiB."
    )
    max_body_bytes: Size | None = Field(None, description="Of a request's body; `limits` says it for all other routes.")
    stream: Switch = Field(False, description="Replies may be silent for as long as they like; they end when they do.")
    cors: RouteCors = Field(
        None, description="Which origins may read replies; `false` for none, whatever holds for all."
    )
    shadow: ShadowOfRoute = Field(RouteShadow(), description="Which requests may be shadowed; `false` for none.")
    compare: ShadowCompare = Field(NO_RULES, description="Rules of comparison that come before the feature's.")


class WebSocket(Model):
    max_message_bytes: Annotated[int, Field(ge=1, le=1_073_741_824), BeforeValidator(number)] = Field(
        67_108_864, description="The largest message of a WebSocket, fragments together, in either direction."
    )


class RequestLog(StrEnum):
    ALL = "all"
    SAMPLED = "sampled"
    ERRORS = "errors"


class Log(Model):
    requests: RequestLog = Field(RequestLog.ALL, description="Which requests get a line; errors always do.")
    sample: Percent = Field(
        BasisPoints(100),
        json_schema_extra={"default": 1},
        description="With `sampled`: the percent of requests that get a line.",
    )


class Limits(Model):
    """What clients may ask of a worker. In force for new connections and new requests after a reload."""

    max_connections: Many = Field(16_384, description="Connections of clients, per worker.")
    max_connections_per_client: Many = Field(
        4096, description="Connections from one address that is no trusted proxy's, per worker."
    )
    max_requests_in_flight: Many = Field(8192, description="Requests being served, per worker.")
    max_head_bytes: HeadSize = Field(32_768, description="Of a request's line and headers together.")
    max_headers: PositiveCount = Field(128, description="Header lines of a request.")
    max_target_bytes: HeadSize = Field(8192, description="Of a request's path and query.")
    max_body_bytes: Size = Field(4_294_967_296, description="Of a request's body, where its route says nothing else.")
    head_timeout_seconds: Seconds = Field(10.0, description="From a head's first byte, or the connection, to its end.")
    body_timeout_seconds: Seconds = Field(30.0, description="Between two pieces of a request's body.")
    min_body_bytes_per_second: Size = Field(240, description="Slower, a request's body uses its time up; 0 for none.")
    send_timeout_seconds: Seconds = Field(60.0, description="For a client to take some of its answer.")
    keep_alive_seconds: Seconds = Field(75.0, description="How long an idle connection is kept open.")
    half_closed_seconds: Pause = Field(
        0.5, description="How long a client that has closed its sending side is waited for as if it were there."
    )


class CertificateFiles(Model):
    """One certificate for clients, as PEM. Read by each worker, and again when a file changes."""

    certificate_file: str = Field(
        min_length=1, description="Its chain, in PEM form: the server's own certificate first."
    )
    key_file: str | None = Field(None, min_length=1, description="Its private key, where it is not in the same file.")

    @property
    def files(self) -> tuple[str, str]:
        """Of the chain and of the key, which may be the same."""
        return self.certificate_file, self.key_file if self.key_file is not None else self.certificate_file


class Tls(Model):
    """What is spoken on the addresses of `gateway serve --listen https://...`."""

    certificates: tuple[CertificateFiles, ...] = Field(
        min_length=1, description="The first that is for the name a client asks for is shown, else the first of all."
    )
    minimum_version: TlsVersion = Field(TlsVersion.V1_2, description="The oldest version of TLS that is spoken.")


class Cold(StrEnum):
    LEGACY = "legacy"
    CONFIGURED = "configured"


class EncodedSlash(StrEnum):
    REFUSE = "refuse"
    DATA = "data"
    SEPARATOR = "separator"


class RoutesFile(Model):
    """routes.yaml, whole."""

    version: Literal[1] = Field(description="The version of this format.")
    upstreams: dict[Name, Upstream] = Field(min_length=1, description="The services that answer.")
    features: dict[Name, Feature] = Field({}, description="What is being migrated.")
    routes: tuple[Route, ...] = Field(min_length=1, description="Which requests go where.")
    expose_decision: Switch = Field(False, description="Adds x-gateway-feature, -side and -reason to responses.")
    kill_all: Switch = Field(False, description="Every feature to legacy.")
    kill_grace_seconds: Pause = Field(5.0, description="How long streams from new may go on after a kill.")
    cold: Cold = Field(Cold.LEGACY, description="Where features go when Redis is configured but was never read.")
    encoded_slash: EncodedSlash = Field(EncodedSlash.REFUSE, description="What %2F in a path means to matching.")
    trusted_proxies: tuple[str, ...] = Field((), description="Networks whose X-Forwarded-* headers are believed.")
    proxy_protocol: tuple[str, ...] = Field(
        (), description="Networks of balancers that begin each connection with a PROXY header."
    )
    tls: Tls | None = Field(None, description="Certificates for clients; none by default.")
    drain_delay_seconds: Pause = Field(5.0, description="Between readiness 503 and no new connections.")
    drain_timeout_seconds: Pause = Field(30.0, description="For running requests to finish.")
    websocket: WebSocket = Field(WebSocket(), description="What WebSockets may do.")
    log: Log = Field(Log(), description="Which requests are logged.")
    shadow: Shadow = Field(Shadow(), description="What shadows may cost a worker.")
    limits: Limits = Field(Limits(), description="What clients may ask of a worker.")
    cors: Cors | None = Field(None, description="Which origins' pages may read replies; a route's own replaces it.")
