"""Two sides of a small shop over real sockets, with faults that a test may plant in either: what `gateway verify` plays
against in its tests.
"""

import asyncio
import contextlib
import json
import socket
import threading
import uuid
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

FAULTS = (
    "wrong-status", "renamed", "integer-as-text", "leak", "lost-header", "lost-event", "cut-stream", "other-text",
    "other-user", "secret", "null",
)  # fmt: skip


class Shop:
    """What both sides share, as they would a database."""

    def __init__(self):
        self.orders = {}
        self.sessions = {}


class Side:
    """One implementation. faults: names of what is wrong with it now; every_hundredth: one request in each hundred is
    500; delay: seconds that each answer takes longer; `held` counts requests to /shop/slow that wait for `release`.
    """

    def __init__(self, name, shop):
        self.name, self.shop = name, shop
        self.faults = set()
        self.every_hundredth = False
        self.delay = 0.0
        self.requests = 0
        self.held = 0
        self.hold = False
        self.seen = []
        self.release = threading.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(self._app(), lifespan="off", log_config=None, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def well(self):
        self.faults.clear()
        self.every_hundredth, self.delay, self.hold = False, 0.0, False
        self.seen.clear()

    def close(self):
        self.release.set()
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _app(self):
        routes = [
            Route("/shop/login", self._guarded(self.login), methods=["POST"]),
            Route("/shop/logout", self._guarded(self.logout), methods=["POST"]),
            Route("/shop/me", self._guarded(self.me)),
            Route("/shop/orders", self._guarded(self.add), methods=["POST"]),
            Route("/shop/orders", self._guarded(self.all)),
            Route("/shop/orders/{id}", self._guarded(self.one)),
            Route("/shop/orders/{id}/events", self._guarded(self.events)),
            Route("/shop/terms", self._guarded(self.terms)),
            Route("/shop/slow", self._guarded(self.slow)),
        ]
        return Starlette(routes=routes)

    def _guarded(self, endpoint):
        async def answer(request: Request) -> Response:
            self.requests += 1
            self.seen.append(request)
            if self.delay:
                await asyncio.sleep(self.delay)  # the fault: this side is slow
            if self.every_hundredth and self.requests % 100 == 37:
                return PlainTextResponse("Internal Server Error", status_code=500)
            return await endpoint(request)

        return answer

    def _user(self, request):
        return self.shop.sessions.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    async def login(self, request):
        user = (await request.json())["user"]
        token = f"token-{uuid.uuid4()}"
        self.shop.sessions[token] = user
        answer = JSONResponse({"token": "opaque" if "secret" in self.faults else token}, status_code=201)
        answer.set_cookie("basket", f"b-{user}", path="/")
        return answer

    async def logout(self, request):
        if "leak" not in self.faults:
            self.shop.sessions.pop((await request.json())["token"], None)
        return Response(status_code=204)

    async def me(self, request):
        user = self._user(request)
        if user is None:
            return JSONResponse(
                {"detail": "Not authenticated"}, status_code=401, headers={"www-authenticate": "Bearer"}
            )
        shown = next(iter(self.shop.sessions.values())) if "other-user" in self.faults else user
        name = "createdAt" if "renamed" in self.faults else "created_at"
        return JSONResponse({"user": shown, name: _now(), "basket": request.cookies.get("basket")})

    async def add(self, request):
        content = await request.json()
        order = {"id": str(uuid.uuid4()), "size": content["size"], "note": None, "created_at": _now()}
        self.shop.orders[order["id"]] = order
        headers = {} if "lost-header" in self.faults else {"location": f"/shop/orders/{order['id']}"}
        return JSONResponse(self._told(order), status_code=201, headers=headers)

    def _told(self, order):
        size = str(order["size"]) if "integer-as-text" in self.faults else order["size"]
        return {**order, "size": size, **({"note": ""} if "null" in self.faults else {})}

    async def all(self, request):
        orders = [self._told(self.shop.orders[each]) for each in request.query_params.getlist("id")]
        return JSONResponse({"orders": orders[::-1] if self.name == "new" else orders})

    async def one(self, request):
        order = self.shop.orders.get(request.path_params["id"])
        if order is None:
            return JSONResponse({"detail": "No such order"}, status_code=400 if "wrong-status" in self.faults else 404)
        return JSONResponse(self._told(order))

    async def events(self, request):
        order = request.path_params["id"]

        async def stream():
            for number in range(1 if "lost-event" in self.faults else 2):
                yield f"id: {number}\ndata: {json.dumps({'order': order, 'step': number})}\n\n"
            yield "event: end\ndata: {}\n" + ("" if "cut-stream" in self.faults else "\n")

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def terms(self, _request):
        return PlainTextResponse("Be kind.\nPay soon.\n" if "other-text" in self.faults else "Be kind.\nPay in time.\n")

    async def slow(self, _request):
        if self.hold:
            self.held += 1
            await asyncio.to_thread(self.release.wait, 30)
        return JSONResponse({})


def _now():
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@contextlib.contextmanager
def both_sides():
    """(legacy, new) of one shop."""
    shop = Shop()
    sides = Side("legacy", shop), Side("new", shop)
    try:
        yield sides
    finally:
        for side in sides:
            side.close()


SCENARIO = """\
feature: shop
user: {user}
variables:
  user: "ann-{{unique}}"
compare:
  same: {{$..id: uuid, $..created_at: time}}
  unordered: [{{path: $.orders, by: id}}]
  ignore: ["header:set-cookie"]
setup:
  - name: sign in
    request: {{method: POST, path: /shop/login, json: {{user: "{{user}}"}}}}
    expect: {{status: 201}}
    capture: {{token: $.token}}
steps:
  - name: who am I
    request: {{path: /shop/me, headers: &in {{authorization: "Bearer {{token}}"}}}}
    expect: {{status: 200, json: {{$.user: "{{user}}", $.basket: "b-{{user}}"}}}}
  - name: order
    request: {{method: POST, path: /shop/orders, json: {{size: 3}}}}
    expect: {{status: 201}}
    capture: {{order: $.id}}
  - name: order more
    request: {{method: POST, path: /shop/orders, json: {{size: 4}}}}
    expect: {{status: 201}}
    capture: {{other: $.id}}
  - name: all orders
    request: {{path: /shop/orders, query: {{id: ["{{order}}", "{{other}}"]}}}}
    expect: {{status: 200, json: {{$.orders: {{length: 2}}}}}}
  - name: one order
    request: {{path: "/shop/orders/{{order}}"}}
    expect: {{status: 200, json: {{$.id: "{{order}}"}}}}
  - name: an order that is none
    request: {{path: "/shop/orders/{{uuid}}"}}
  - name: what happens to the order
    request: {{path: "/shop/orders/{{order}}/events"}}
    stream: true
  - name: the terms
    request: {{path: /shop/terms}}
  - name: a slow one
    request: {{path: /shop/slow}}
  - name: sign out
    request: {{method: POST, path: /shop/logout, json: {{token: "{{token}}"}}}}
    expect: {{status: 204}}
  - name: who am I, after signing out
    request: {{path: /shop/me, headers: *in}}
    expect: {{status: 401}}
    if_it_succeeds: the token still works after logout
"""

ROUTES = """\
version: 1
expose_decision: {expose}
drain_delay_seconds: 0
upstreams:
  legacy: {{url: "{legacy}"}}
  new: {{url: "{new}"}}
features:
  shop: {{legacy: legacy, new: new, percent: 30, key: ["cookie:gateway_id", "header:x-user"], no_key: legacy{more}}}
routes:
  - {{path: "/shop/*", feature: shop}}
  - {{path: "/*", upstream: legacy}}
"""
