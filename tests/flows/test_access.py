"""A Prefect server that gfpipe starts takes orders from this machine's programs and its own UI only."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from prefect.client.orchestration import get_client
from prefect.events.clients import PrefectEventsClient
from prefect.events.schemas.events import Event, Resource
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_SERVER_API_AUTH_STRING, temporary_settings
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from gfpipe.flows import server
from gfpipe.flows.security.access import AccessControl
from tests.conftest import ROOT

OWN = "127.0.0.1:4200"
NAVIGATION = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
REFUSED = {
    "a name that resolves to this machine": (400, {"host": "evil.example:4200"}),
    "the name of another port": (400, {"host": "127.0.0.1:4201"}),
    "a name that begins with ours": (400, {"host": "127.0.0.1:4200.evil.example"}),
    "no name": (400, {"host": ""}),
    "another site": (403, {"host": OWN, "origin": "http://evil.example"}),
    "another port": (403, {"host": OWN, "origin": "http://127.0.0.1:8000"}),
    "our name over TLS": (403, {"host": OWN, "origin": "https://127.0.0.1:4200"}),
    "a sandboxed frame or a file": (403, {"host": OWN, "origin": "null"}),
    "an image on another site": (403, {"host": OWN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}),
    "a page of another port": (403, {"host": OWN, "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}),
}
ACCEPTED = {
    "a program": {"host": OWN},
    "localhost": {"host": "LOCALHOST:4200"},
    "the UI": {"host": OWN, "origin": "http://127.0.0.1:4200", "sec-fetch-site": "same-origin"},
    "the UI at localhost": {"host": OWN, "origin": "http://localhost:4200", "sec-fetch-site": "cross-site"},
    "the address bar": {"host": OWN, "sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
}


@pytest.fixture
def client() -> TestClient:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("accepted")

    app = Starlette(
        routes=[
            Route("/", lambda _: PlainTextResponse("done"), methods=["GET", "POST", "OPTIONS", "DELETE"]),
            WebSocketRoute("/events", echo),
        ]
    )
    return TestClient(AccessControl(app, 4200), base_url=f"http://{OWN}")


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize(("status", "headers"), REFUSED.values(), ids=REFUSED)
def test_requests_of_other_sites_are_refused(
    client: TestClient, method: str, status: int, headers: dict[str, str]
) -> None:
    response = client.request(method, "/", headers=headers)
    assert (response.status_code, response.text == "done") == (status, False)
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("headers", ACCEPTED.values(), ids=ACCEPTED)
def test_requests_of_this_machine_are_answered(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/", headers=headers).text == "done"


def test_a_link_on_another_site_opens_the_ui_but_sends_no_form(client: TestClient) -> None:
    assert client.get("/", headers=NAVIGATION).text == "done"
    assert client.post("/", headers=NAVIGATION).status_code == 403


def test_a_request_with_two_names_or_two_origins_is_refused(client: TestClient) -> None:
    assert client.get("/", headers=[("host", OWN), ("host", "evil.example")]).status_code == 400
    own = "http://127.0.0.1:4200"
    assert client.post("/", headers=[("origin", own), ("origin", "http://evil.example")]).status_code == 403


def test_the_ui_cannot_be_shown_in_a_frame(client: TestClient) -> None:
    headers = client.get("/").headers
    assert (headers["content-security-policy"], headers["x-frame-options"]) == ("frame-ancestors 'none'", "DENY")


@pytest.mark.parametrize(("_", "headers"), REFUSED.values(), ids=REFUSED)
def test_websockets_of_other_sites_are_refused(client: TestClient, _: int, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/events", headers=headers):
        pass


@pytest.mark.parametrize("headers", ACCEPTED.values(), ids=ACCEPTED)
def test_websockets_of_this_machine_are_answered(client: TestClient, headers: dict[str, str]) -> None:
    with client.websocket_connect("/events", headers=headers) as websocket:
        assert websocket.receive_text() == "accepted"


def test_no_preflight_of_another_site_is_answered(prefect_server: str) -> None:
    response = _preflight(prefect_server, "http://evil.example")
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control-")]


def test_the_ui_may_be_opened_under_both_names(prefect_server: str) -> None:
    for name in ("127.0.0.1", "localhost"):
        origin = f"http://{name}:{urlsplit(prefect_server).port}"
        assert _preflight(prefect_server, origin).headers["access-control-allow-origin"] == origin


def _preflight(api_url: str, origin: str) -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "x-any"}
    return httpx.options(f"{api_url}/flow_runs/", headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example", "content-type": "text/plain"},
        {"origin": "http://evil.example"},  # as fetch sends a Blob without a type: no preflight, read as JSON
        {"origin": "http://evil.example", "content-type": "application/json"},
        {"host": "evil.example", "content-type": "application/json"},
    ],
)
def test_no_other_site_creates_a_run(prefect_server: str, headers: dict[str, str]) -> None:
    flow = httpx.post(f"{prefect_server}/flows/", json={"name": "unattended"}).json()["id"]
    body = f'{{"flow_id": "{flow}", "name": "from elsewhere"}}'.encode()
    assert httpx.post(f"{prefect_server}/flow_runs/", content=body, headers=headers).status_code in {400, 403}
    runs = {"flow_runs": {"name": {"any_": ["from elsewhere"]}}}
    assert httpx.post(f"{prefect_server}/flow_runs/filter", json=runs).json() == []


def test_prefects_client_is_served(prefect_server: str) -> None:
    with get_client(sync_client=True) as client:
        assert str(client.api_url).rstrip("/") == prefect_server
        client.read_flows()

    async def send_event() -> None:
        async with PrefectEventsClient(prefect_server) as events:
            resource = Resource({"prefect.resource.id": "gfpipe.test"})
            await events.emit(Event(event="gfpipe.test", resource=resource))

    asyncio.run(send_event())


def test_the_password_of_new_servers_is_known_to_their_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: "user:password"}):
        with server.using("http://127.0.0.1:1/api"):
            assert PREFECT_API_AUTH_STRING.value() == os.environ["PREFECT_API_AUTH_STRING"] == "user:password"
        assert "PREFECT_API_AUTH_STRING" not in os.environ


def test_a_websocket_of_another_site_is_not_opened(prefect_server: str) -> None:
    address = urlsplit(prefect_server)
    assert _upgraded(address, f"{address.hostname}:{address.port}", "") == 101
    assert _upgraded(address, f"{address.hostname}:{address.port}", "Origin: http://evil.example\r\n") == 403
    assert _upgraded(address, "evil.example", "") == 403


def _upgraded(address: Any, host: str, more: str) -> int:
    """The status of a request to open a WebSocket."""
    request = (
        f"GET /api/events/in HTTP/1.1\r\nHost: {host}\r\n{more}Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(request.encode())
        return int(connection.recv(64).split()[1])


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    """The address of Caddy before a program that answers everything, by deploy/Caddyfile on two free ports."""
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("needs Caddy: there is no program called caddy on the path")
    with socket.create_server(("127.0.0.1", 0)) as behind, socket.create_server(("127.0.0.1", 0)) as before:
        app = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("served"), methods=["GET", "POST"])])
        program = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        port = before.getsockname()[1]
        before.close()
        address, site = f"http://127.0.0.1:{port}", (ROOT / "deploy/Caddyfile").read_text()
        site = site.replace("https://prefect.example.org", address).replace("prefect.example.org {", f"{address} {{")
        site = site.replace("127.0.0.1:4200", f"127.0.0.1:{behind.getsockname()[1]}")
        (tmp_path / "Caddyfile").write_text("{\n\tadmin off\n}\n" + site)
        thread = Thread(target=program.run, kwargs={"sockets": [behind]})
        thread.start()
        process = subprocess.Popen(
            [caddy, "run", "--config", str(tmp_path / "Caddyfile")],
            env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until_open(port)
            yield address
        finally:
            process.kill()
            process.wait()
            program.should_exit = True
            thread.join()


def wait_until_open(port: int) -> None:
    """Wait until a program listens on a port of this machine."""
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError(port)


@pytest.mark.slow
def test_the_reverse_proxy_refuses_pages_of_other_sites(proxy: str) -> None:
    own = httpx.post(proxy, headers={"origin": proxy})
    assert (own.status_code, own.text) == (200, "served")
    assert own.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert httpx.get(proxy).status_code == 200  # a program
    for origin in ("https://evil.example", "null", f"{proxy}.evil.example"):
        assert httpx.post(proxy, headers={"origin": origin}).status_code == 403
        assert httpx.options(proxy, headers={"origin": origin}).status_code == 403
