"""Strangers get nothing and change nothing: no token, another name, another site, another way in."""

import json
import secrets
from collections.abc import Iterator

import pytest

from gfpipe.labelling.page import guard
from tests.labelling.broadcasts import mixed, rows
from tests.labelling.page.pages import ADDRESS, PORT, Visitor, visiting

PATHS = ("/", "/page.js", "/page.css", "/api/desk", "/api/items/0", "/api/items/0/face.jpg", "/api/items/2/frame.jpg")
ANSWER = "/api/items/0/answer"
SAID = {"answer": "male"}


@pytest.fixture
def stranger(broadcasts: str) -> Iterator[Visitor]:
    with visiting(broadcasts, mixed(broadcasts)) as visitor:
        yield visitor


@pytest.fixture
def guest(stranger: Visitor) -> Visitor:
    return stranger.enter()


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/page/", "/api/"])
def test_without_the_cookie_nothing_is_told_not_even_what_there_is(stranger: Visitor, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 403
    assert "gfpipe label serve" in answer.text
    assert stranger.post(ANSWER, SAID).status_code == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(stranger: Visitor) -> None:
    answer = stranger.client.get("/", params={"token": stranger.guard.token})
    assert "url=/" in answer.text
    assert stranger.guard.token not in answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.guard.token.lower() not in cookie
    assert str(PORT) in cookie.partition("=")[0]  # browsers share cookies among the ports of a host
    assert all(stranger.get(path).status_code == 200 for path in PATHS)


def test_a_wrong_token_opens_nothing(stranger: Visitor) -> None:
    for token in ("", "x", stranger.guard.token[:-1], stranger.guard.token + "x", "é"):
        answer = stranger.client.get("/", params={"token": token})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    twice = stranger.client.get(f"/?token={stranger.guard.token}&token=x")
    assert twice.status_code == 403
    assert stranger.get("/").status_code == 403


def test_the_token_of_a_command_line_opens_once(stranger: Visitor) -> None:
    ticket = stranger.guard.ticket()
    assert stranger.client.get("/", params={"token": ticket}).status_code == 200
    stranger.client.cookies.clear()
    assert stranger.client.get("/", params={"token": ticket}).status_code == 403


def test_tokens_are_compared_in_constant_time(stranger: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return given == wanted

    monkeypatch.setattr(secrets, "compare_digest", compare)
    stranger.enter().post(ANSWER, SAID)
    wanted = {pair[1].decode() for pair in compared}
    assert {stranger.guard.token, stranger.guard.change_key} < wanted
    assert len(wanted) >= 3  # and the cookie


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:8765"])
def test_another_name_is_not_ours(guest: Visitor, host: str) -> None:
    """DNS rebinding: a page of evil.example has its name point to this machine."""
    assert guest.get("/api/desk", host=host).status_code == 421
    assert guest.client.get("/", params={"token": guest.guard.token}, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"127.0.0.1:{PORT}", f"LOCALHOST:{PORT}"])
def test_this_machine_has_several_names(guest: Visitor, host: str) -> None:
    assert guest.get(
        "/api/desk", host=host, cookie=f"gfpipe-{PORT}={guest.client.cookies[f'gfpipe-{PORT}']}"
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
        {guard.CHANGE_HEADER: None},
        {guard.CHANGE_HEADER: "x"},
    ],
)
def test_a_change_from_elsewhere_changes_nothing(
    guest: Visitor, broadcasts: str, change: dict[str, str | None]
) -> None:
    headers = {name: value for name, value in (guest.headers | change).items() if value is not None}
    assert guest.post(ANSWER, SAID, headers).status_code == 403
    assert guest.get("/api/desk").json()["progress"]["done"] == 0
    assert guest.post(ANSWER, SAID).status_code == 200  # with all of it, it would have
    assert len(rows(broadcasts, "labels")) == 1


def test_changes_are_posts_with_json(guest: Visitor) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert guest.client.request(method, ANSWER, headers=guest.headers).status_code in (403, 405)
    form = guest.headers | {"content-type": "application/x-www-form-urlencoded"}
    assert guest.client.post(ANSWER, content="answer=male", headers=form).status_code == 400
    plain = guest.headers | {"content-type": "text/plain"}
    assert guest.client.post(ANSWER, content=json.dumps(SAID), headers=plain).status_code == 400
    assert guest.get("/api/desk").json()["progress"]["done"] == 0


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
def test_paths_lead_nowhere_but_to_the_routes(guest: Visitor, path: str) -> None:
    assert guest.client.get(f"{ADDRESS}{path}").status_code == 404


@pytest.mark.parametrize("position", [5, 99999, 10**40])
def test_unknown_positions_do_nothing(guest: Visitor, position: int) -> None:
    for path in ("", "/face.jpg", "/frame.jpg"):
        assert guest.get(f"/api/items/{position}{path}").status_code == 400
    for path in ("answer", "whole", "skip"):
        assert guest.post(f"/api/items/{position}/{path}", SAID).status_code == 400
    assert guest.get("/api/desk").json()["progress"]["done"] == 0


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/?token=x"])
def test_every_answer_keeps_browsers_from_storing_and_from_running_what_is_not_ours(guest: Visitor, path: str) -> None:
    headers = guest.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "access-control-allow-origin" not in headers
    assert "unsafe" not in headers["content-security-policy"]


def test_a_server_for_every_address_is_called_by_numbers_or_its_own_name(broadcasts: str) -> None:
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
def test_only_loopback_is_loopback(host: str, is_loopback: bool) -> None:
    assert guard.is_loopback(host) is is_loopback


def test_the_address_can_be_opened() -> None:
    assert guard.address("127.0.0.1", 8765, "t") == "http://127.0.0.1:8765/?token=t"
    assert guard.address("0.0.0.0", 8765) == "http://127.0.0.1:8765/"  # noqa: S104 - not bound to
    assert guard.address("::1", 8765) == "http://[::1]:8765/"


def test_sockets_of_other_kinds_are_refused(guest: Visitor) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), guest.client.websocket_connect("/api/desk"):
        pass
