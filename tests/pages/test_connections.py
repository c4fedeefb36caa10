"""A slow client can neither keep a connection of the labelling page nor take all of them."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from threading import Thread

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gfpipe.pages.server.connections import BoundedConnection
from gfpipe.pages.server.serving import listen

HEAD = b"POST / HTTP/1.1\r\nHost: page\r\nContent-Length: 100\r\n\r\n"
LARGE = 24 << 20  # bytes, more than the buffers of a connection hold


class Connection(BoundedConnection):
    PATIENCE_SECONDS = 1.0
    MOST = 8


class PatientConnection(BoundedConnection):
    PATIENCE_SECONDS = 60.0
    MOST = 8


def served(http: type[BoundedConnection]) -> Iterator[int]:
    async def read(request: Request) -> Response:
        return Response(await request.body())

    routes = [Route("/", read, methods=["POST"]), Route("/large", lambda _: Response(bytes(LARGE)))]
    with closing(listen("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), http=http, log_level="error"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.fixture
def impatient() -> Iterator[int]:
    """The port of a server that waits for its clients for a second."""
    yield from served(Connection)


@pytest.fixture
def patient() -> Iterator[int]:
    """The port of a server that waits for its clients for a minute."""
    yield from served(PatientConnection)


@pytest.mark.parametrize("begun", [b"", b"G", HEAD[:30], HEAD, HEAD + b"x"])
def test_a_request_that_does_not_arrive_ends_its_connection(impatient: int, begun: bytes) -> None:
    with connected(impatient) as client:
        client.sendall(begun)
        start = time.monotonic()
        assert ended(client)
        assert time.monotonic() - start < 10


def test_a_request_that_arrives_byte_by_byte_ends_its_connection(impatient: int) -> None:
    with connected(impatient) as client:
        for _ in range(100):
            try:
                client.sendall(b"G")
            except ConnectionError:
                return
            time.sleep(0.1)
    pytest.fail("the connection is open after ten seconds")


def test_a_second_request_that_does_not_arrive_ends_its_connection(impatient: int) -> None:
    with connected(impatient) as client:
        client.sendall(HEAD + b"x" * 100)
        response = b""
        while not response.endswith(b"x" * 100):
            response += client.recv(1000)
        client.sendall(HEAD[:30])
        assert ended(client)


def test_a_response_that_is_not_read_ends_its_connection(impatient: int) -> None:
    with connected(impatient) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: page\r\n\r\n")
        time.sleep(3)
        received = 0
        with suppress(ConnectionError):
            while received < LARGE and (data := client.recv(1 << 20)):
                received += len(data)
        assert received < LARGE


def test_slow_clients_do_not_take_all_connections(patient: int) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(patient)) for _ in range(50)]
        for client in slow[:25]:
            client.sendall(HEAD)
        for _ in range(3):
            assert httpx.post(f"http://127.0.0.1:{patient}/", content=b"answer", timeout=10).content == b"answer"
        assert ended(slow[0])


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def ended(client: socket.socket) -> bool:
    """Whether the server closes the connection within the socket's time-out."""
    try:
        return not client.recv(1000)
    except ConnectionError:
        return True
