"""Accepting together: fair between workers, quick in a burst, and nobody waits for one that is gone."""

import asyncio
import socket

import pytest

from gateway.accept import BACKLOG, BATCH, Acceptor, ConnectionBoard, clear_place
from gateway.serve.sockets import listen


@pytest.fixture
def board_of(tmp_path):
    return lambda mine, places=5: ConnectionBoard(tmp_path / "connections", places=places, mine=mine)


def test_places_without_a_worker_are_left_nothing(board_of):
    mine = board_of(0)
    mine.add(1)
    assert not mine.should_yield(0)
    board_of(3)
    assert mine.should_yield(0)


def test_who_holds_more_leaves_connections_to_who_holds_fewer(board_of):
    mine, other = board_of(0), board_of(1)
    assert not mine.should_yield(0)
    assert mine.should_yield(1)  # one that is being opened counts
    mine.add(3)
    other.add(3)
    assert not mine.should_yield(0)
    assert mine.should_yield(1)
    assert not other.should_yield(0)


def test_who_has_left_is_left_nothing_whatever_it_still_closes(board_of):
    mine, other = board_of(0), board_of(1)
    other.add(5)
    mine.add(7)
    assert mine.should_yield(0)
    other.leave()
    other.add(-1)
    assert not mine.should_yield(0)


def test_who_is_gone_without_a_word_is_cleared(board_of, tmp_path):
    mine = board_of(0)
    board_of(1)
    mine.add(1)
    assert mine.should_yield(0)
    clear_place(tmp_path / "connections", 1)
    assert not mine.should_yield(0)


class Taken(asyncio.Protocol):
    """Counts itself on its worker's board, as the edge's connections do."""

    def __init__(self, worker):
        self.worker = worker

    def connection_made(self, transport):
        self.worker.held.append(transport)
        if self.worker.board is not None:
            self.worker.board.add(1)

    def connection_lost(self, _):
        self.worker.lost += 1


class Worker:
    """With a share of the listening socket of its own, as a process has."""

    def __init__(self, listener, board=None):
        self.board, self.held = board, []
        self.lost = 0
        self.listener = listener.dup()
        self.acceptor = Acceptor(self.listener, lambda: Taken(self), board)

    async def end(self):
        self.acceptor.close()
        await until(lambda: not self.acceptor._opening)
        for transport in self.held:
            transport.abort()
        await until(lambda: self.lost == len(self.held))
        self.listener.close()


@pytest.fixture
def listener():
    with listen("127.0.0.1", 0, what="clients") as made:
        made.setblocking(False)
        yield made


def burst(listener, number):
    """Connections that wait in the kernel's queue."""
    clients = []
    for _ in range(number):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        clients.append(client)
    return clients


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a poll of a condition, with a deadline
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("number", [1, BATCH + 8, 300])
async def test_a_burst_is_taken_whole(listener, number):
    worker = Worker(listener)
    clients = burst(listener, number)
    worker.acceptor.start()
    await until(lambda: len(worker.held) == number)
    await worker.end()
    for client in clients:
        client.close()


async def test_a_wake_up_takes_a_batch_and_no_more(listener):
    worker = Worker(listener)
    clients = burst(listener, BATCH + 8)
    worker.acceptor._readable()
    assert len(worker.acceptor._opening) == BATCH
    await until(lambda: len(worker.held) == BATCH)
    await worker.end()
    for client in clients:
        client.close()


async def test_two_workers_get_their_parts_of_a_burst(listener, board_of):
    workers = [Worker(listener, board_of(0)), Worker(listener, board_of(1))]
    for worker in workers:
        worker.acceptor.start()
    clients = burst(listener, 200)
    await until(lambda: sum(len(worker.held) for worker in workers) == 200)
    assert min(len(worker.held) for worker in workers) >= 80
    for worker in workers:
        await worker.end()
    for client in clients:
        client.close()


async def test_a_few_connections_are_spread_evenly(listener, board_of):
    workers = [Worker(listener, board_of(0)), Worker(listener, board_of(1))]
    for worker in workers:
        worker.acceptor.start()
    clients = burst(listener, 8)
    await until(lambda: sum(len(worker.held) for worker in workers) == 8)
    assert min(len(worker.held) for worker in workers) >= 3
    for worker in workers:
        await worker.end()
    for client in clients:
        client.close()


async def test_a_worker_that_hangs_holds_a_burst_up_for_milliseconds_alone(listener, board_of):
    worker, pauses = Worker(listener, board_of(0)), []
    board_of(1)  # there, with no connection, and never accepting
    pause = worker.acceptor._pause
    worker.acceptor._pause = lambda seconds: (pauses.append(seconds), pause(seconds))
    worker.acceptor.start()
    clients = burst(listener, 100)
    await until(lambda: len(worker.held) == 100)
    assert sum(pauses) < 0.03  # one for each connection would be 0.1
    await worker.end()
    for client in clients:
        client.close()


async def test_who_waits_when_a_worker_closes_is_taken_by_it(listener):
    worker = Worker(listener)
    clients = burst(listener, 50)
    worker.acceptor.start()
    listener.close()
    worker.acceptor.close()
    worker.listener.close()  # the last share: what were left in the queue would be reset
    await until(lambda: len(worker.held) == 50)
    await worker.end()
    for client in clients:
        client.close()


class Short:
    """A reserve that cannot be held whole for a while."""

    def __init__(self):
        self.whole, self.asked = False, 0

    def hold(self):
        self.asked += 1
        return self.whole


async def test_nobody_is_let_in_whose_request_could_not_be_served(listener, monkeypatch):
    monkeypatch.setattr("gateway.accept.EXHAUSTED_SECONDS", 0.01)
    worker, reserve = Worker(listener), Short()
    worker.acceptor._reserve = reserve
    clients = burst(listener, 3)
    worker.acceptor.start()
    await until(lambda: reserve.asked >= 3)
    assert worker.held == []
    reserve.whole = True
    await until(lambda: len(worker.held) == 3)
    await worker.end()
    for client in clients:
        client.close()


def test_the_queue_is_as_long_as_the_kernel_allows(listener):
    """What `ss -ltn` shows as Send-Q: the fifth of tcp_info's 32-bit fields behind its first eight bytes."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64)
    sacked = int.from_bytes(info[28:32], "little")  # tcpi_sacked: of a listening socket, its longest queue
    with open("/proc/sys/net/core/somaxconn") as file:  # noqa: PTH123 - a file of the kernel's
        assert sacked == min(BACKLOG, int(file.read()))
