"""Tests of access control: missing tokens, other hosts, other sites, other paths."""

import json
import secrets
from collections.abc import Iterator

import pytest

from gfpipe.pages.server import access
from tests.labelling.broadcasts import mixed, rows
from tests.pages.label.pages import ADDRESS, PORT, Visitor, visiting

PATHS = (
    "/",
    "/page.js",
    "/page.css",
    "/api/session",
    "/api/items/0",
    "/api/items/0/face.jpg",
    "/api/items/2/frame.jpg",
)
ANSWER = "/api/items/0/face"
BODY = {"answer": "male"}


@pytest.fixture
def stranger(broadcasts: str) -> Iterator[Visitor]:
    with visiting(broadcasts, mixed(broadcasts)) as visitor:
        yield visitor


@pytest.fixture
def guest(stranger: Visitor) -> Visitor:
    return stranger.log_in()


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/page/", "/api/"])
def test_without_the_cookie_all_paths_are_forbidden(stranger: Visitor, path: str) -> None:
    response = stranger.get(path)
    assert response.status_code == 403
    assert "that gfpipe printed" in response.text
    assert stranger.post(ANSWER, BODY).status_code == 403


def test_the_token_sets_a_cookie_and_is_removed_from_the_url(stranger: Visitor) -> None:
    response = stranger.client.get("/", params={"token": stranger.access.token})
    assert "url=/" in response.text
    assert stranger.access.token not in response.text
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.access.token.lower() not in cookie
    assert str(PORT) in cookie.partition("=")[0]  # browsers share cookies between ports
    assert all(stranger.get(path).status_code == 200 for path in PATHS)


def test_wrong_tokens_are_refused(stranger: Visitor) -> None:
    for token in ("", "x", stranger.access.token[:-1], stranger.access.token + "x", "é"):
        response = stranger.client.get("/", params={"token": token})
        assert response.status_code == 403
        assert "set-cookie" not in response.headers
    two_tokens = stranger.client.get(f"/?token={stranger.access.token}&token=x")
    assert two_tokens.status_code == 403
    assert stranger.get("/").status_code == 403


def test_a_one_time_token_is_valid_once(stranger: Visitor) -> None:
    token = stranger.access.one_time_token()
    assert stranger.client.get("/", params={"token": token}).status_code == 200
    stranger.client.cookies.clear()
    assert stranger.client.get("/", params={"token": token}).status_code == 403


def test_tokens_are_compared_in_constant_time(stranger: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(value: bytes, secret: bytes) -> bool:
        compared.append((value, secret))
        return value == secret

    monkeypatch.setattr(secrets, "compare_digest", compare)
    stranger.log_in().post(ANSWER, BODY)
    secret = {pair[1].decode() for pair in compared}
    assert {stranger.access.token, stranger.access.change_key} < secret
    assert len(secret) >= 3  # also the cookie


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:8765"])
def test_other_hosts_are_refused(guest: Visitor, host: str) -> None:
    """DNS rebinding: evil.example resolves to this machine."""
    assert guest.get("/api/session", host=host).status_code == 421
    assert guest.client.get("/", params={"token": guest.access.token}, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"127.0.0.1:{PORT}", f"LOCALHOST:{PORT}"])
def test_all_names_of_this_machine_are_accepted(guest: Visitor, host: str) -> None:
    assert guest.get(
        "/api/session", host=host, cookie=f"gfpipe-{PORT}={guest.client.cookies[f'gfpipe-{PORT}']}"
    ).is_success


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": f"http://localhost:{PORT}"},
        {"origin": None},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {access.CHANGE_HEADER: None},
        {access.CHANGE_HEADER: "x"},
    ],
)
def test_changes_of_other_sites_are_refused(guest: Visitor, broadcasts: str, change: dict[str, str | None]) -> None:
    headers = {name: value for name, value in (guest.headers | change).items() if value is not None}
    assert guest.post(ANSWER, BODY, headers).status_code == 403
    assert guest.get("/api/session").json()["progress"]["done"] == 0
    assert guest.post(ANSWER, BODY).status_code == 200  # with all headers
    assert len(rows(broadcasts, "labels")) == 1


def test_changes_must_be_posts_with_json(guest: Visitor) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert guest.client.request(method, ANSWER, headers=guest.headers).status_code in (403, 405)
    form = guest.headers | {"content-type": "application/x-www-form-urlencoded"}
    assert guest.client.post(ANSWER, content="answer=male", headers=form).status_code == 400
    plain = guest.headers | {"content-type": "text/plain"}
    assert guest.client.post(ANSWER, content=json.dumps(BODY), headers=plain).status_code == 400
    assert guest.get("/api/session").json()["progress"]["done"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/../gfpipe/labelling/web.py",
        "/page/page.html",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/api/items/..%2f..%2f0/face.jpg",
        "/api/items/0/../../../etc/passwd",
        "/api/items/-1/face.jpg",
        "/api/items/0x1/face.jpg",
        "/api/items/0/other.jpg",
        "/page.html",
        "//etc/passwd",
        "/web.py",
        "/api/",
    ],
)
def test_other_paths_are_not_found(guest: Visitor, path: str) -> None:
    assert guest.client.get(f"{ADDRESS}{path}").status_code == 404


@pytest.mark.parametrize("position", [5, 99999, 10**40])
def test_unknown_positions_are_refused(guest: Visitor, position: int) -> None:
    for path in ("", "/face.jpg", "/frame.jpg"):
        assert guest.get(f"/api/items/{position}{path}").status_code == 400
    for path in ("face", "frame", "skip"):
        assert guest.post(f"/api/items/{position}/{path}", BODY).status_code == 400
    assert guest.get("/api/session").json()["progress"]["done"] == 0


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/?token=x"])
def test_all_responses_have_security_headers(guest: Visitor, path: str) -> None:
    headers = guest.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == policy["media-src"] == "'self'"
    assert "access-control-allow-origin" not in headers
    assert "unsafe" not in headers["content-security-policy"]


def test_a_server_on_all_addresses_accepts_ip_addresses_and_own_names(broadcasts: str) -> None:
    with visiting(broadcasts, mixed(broadcasts), host="0.0.0.0") as visitor:  # noqa: S104 - the test is about it
        for host in (f"192.168.1.5:{PORT}", f"[fe80::1]:{PORT}", f"localhost:{PORT}"):
            assert visitor.get("/", host=host).status_code == 403
        for host in (f"evil.example:{PORT}", "192.168.1.5:80", "192.168.1.5", f"192.168.1.5.evil.example:{PORT}"):
            assert visitor.get("/", host=host).status_code == 421


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.8.8.8", True),
        ("0.0.0.0", False),  # noqa: S104 - not bound to
        ("10.1.1.1", False),
    ],
)
def test_is_loopback(host: str, is_loopback: bool) -> None:
    assert access.is_loopback(host) is is_loopback


def test_url() -> None:
    assert access.url("127.0.0.1", 8765, "t") == "http://127.0.0.1:8765/?token=t"
    assert access.url("0.0.0.0", 8765) == "http://127.0.0.1:8765/"  # noqa: S104 - not bound to
    assert access.url("::1", 8765) == "http://[::1]:8765/"


def test_websockets_are_refused(guest: Visitor) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), guest.client.websocket_connect("/api/session"):
        pass


def test_a_link_of_another_site_gets_a_page_without_content_that_leads_to_itself(stranger: Visitor) -> None:
    link = {"sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site"}
    response = stranger.get('/api/items/0?channel=a"b', **link)
    assert 'url=/api/items/0?channel=a%22b"' in response.text
    assert "set-cookie" not in response.headers
    assert stranger.get("/api/items/0", **link | {"sec-fetch-site": "same-origin"}).status_code == 403
    assert stranger.get("/api/items/0", **link | {"sec-fetch-mode": "no-cors"}).status_code == 403


def test_a_login_leads_to_a_path_of_this_server_only(stranger: Visitor) -> None:
    response = stranger.client.get(
        "http://127.0.0.1:8765//evil.example/x", params={"token": stranger.access.token, "a": "1"}
    )
    assert "url=/evil.example/x?a=1" in response.text
