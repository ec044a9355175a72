"""Noise is told from mismatches by the pairs of the control leg alone, without a rule."""

import json
import random

from gateway.shadow.ledger import Ledger
from tests.support.proxy_harness import OUR_EDGE, gateway, two
from tests.support.scripted_upstream import applies, eventually, serving

FEATURE = "key: ['header:x-user'], shadow_percent: 100, noise_percent: 100"


def noisy(seed, *, total=3, differs=0.0):
    """A service that never says the same twice, and whose total is another one so often."""
    lots = random.Random(seed)

    async def script(peer):
        while await peer.request():
            content = {
                "token": lots.randbytes(8).hex(),
                "tags": lots.sample(["a", "b", "c"], 3),
                "served": lots.choice(["east", "west"]),
                "hint": "rare" if lots.random() < 0.05 else "",
                "total": total + (lots.random() < differs),
            }
            body = json.dumps(content).encode()
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            await peer.send(head.encode() + body)

    return script


async def ask(gw, client, number):
    for _ in range(number):
        await client.get("/api/auth/x", "x-user: a")
    await eventually(lambda: gw.shadows.in_flight == 0)


@applies(*OUR_EDGE)
async def test_a_new_that_is_as_noisy_as_legacy_has_no_mismatch(server):
    book = Ledger(url=None, namespace="test")
    async with (
        serving(noisy(1)) as old,
        serving(noisy(2)) as new,
        gateway(two(old, new, percent=0, feature=FEATURE), server, book=book) as gw,
        gw.client() as client,
    ):
        await ask(gw, client, 400)
        assert gw.shadowed.get("mismatch", 0) == 0, gw.shadowed
        assert gw.shadowed["noise"] > gw.shadowed.get("undecided", 0), "most of it is known as noise by now"


@applies(*OUR_EDGE)
async def test_what_new_alone_does_is_found_in_the_noise(server):
    book = Ledger(url=None, namespace="test")
    async with (
        serving(noisy(1)) as old,
        serving(noisy(2, differs=0.5)) as new,
        gateway(two(old, new, percent=0, feature=FEATURE), server, book=book) as gw,
        gw.client() as client,
    ):
        await ask(gw, client, 200)
        assert gw.shadowed.get("mismatch", 0) > 10, gw.shadowed
        assert gw._samples("gateway_mismatches_total", "kind") == {("body",): gw.shadowed["mismatch"]}
