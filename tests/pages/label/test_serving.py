"""Tests of the page as a process: SIGKILL loses no answer, Ctrl-C stops it, ports and hosts."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gfpipe.pages.server import access
from gfpipe.pages.server.serving import listen
from tests.conftest import ROOT, Command
from tests.labelling.broadcasts import NAME, mixed, rows

pytestmark = pytest.mark.slow


@dataclass
class Served:
    """A running server and its client."""

    process: "subprocess.Popen[str]"
    address: str
    client: httpx.Client

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.client.get("/api/session").json()
        return state

    def answer(self, position: int, answer: str = "male") -> dict[str, Any]:
        headers = {access.CHANGE_HEADER: self.state["changeKey"], "origin": str(self.client.base_url).rstrip("/")}
        response = self.client.post(f"/api/items/{position}/face", json={"answer": answer}, headers=headers)
        state: dict[str, Any] = response.raise_for_status().json()
        return state


def started(lake: str, *options: str) -> "subprocess.Popen[str]":
    """Start ``gfpipe label serve``."""
    command = (str(Path(sys.executable).parent / "gfpipe"), "label", "serve", "--lake", lake, "--queue", NAME)
    arguments = (*command, "--annotator", "AB", "--port", "0", "--no-open", *options)
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@contextmanager
def serving(lake: str, *options: str) -> Iterator[Served]:
    """A server, and a client that opened its URL."""
    process = started(lake, *options)
    try:
        assert process.stderr
        output = ""
        while not (url := re.search(r"(http://\S+?/)\?token=(\S+)", output)):
            line = process.stderr.readline()
            assert line, output
            output += line
        with httpx.Client(base_url=url[1]) as client:
            client.get("/", params={"token": url[2]}).raise_for_status()
            yield Served(process, url[1], client)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def test_sigkill_loses_no_answer_and_the_next_run_continues(broadcasts: str) -> None:
    mixed(broadcasts)
    with serving(broadcasts) as served:
        assert served.state["next"] == 0
        assert served.answer(0, "female")["next"] == 1
        served.process.send_signal(signal.SIGKILL)
        served.process.wait()
        (stored,) = rows(broadcasts, "labels")
        assert stored["answer"] == "female"
    with serving(broadcasts) as served:
        assert (served.state["next"], served.state["progress"]["done"]) == (1, 1)
        served.answer(1)
        served.process.send_signal(signal.SIGINT)
        _, output = served.process.communicate(timeout=60)
        assert served.process.returncode == 0
        assert "1 answer saved now; 2 of 5 in all" in output
        assert "Traceback" not in output
    assert len(rows(broadcasts, "labels")) == 2


def test_requests_are_not_logged(broadcasts: str) -> None:
    mixed(broadcasts)
    with serving(broadcasts) as served:
        served.answer(0)
        assert httpx.get(served.address).status_code == 403
        served.process.send_signal(signal.SIGINT)
        _, output = served.process.communicate(timeout=60)
    assert "token" not in output
    assert "127.0.0.1" not in output


def test_other_hosts_than_loopback_cause_a_warning(broadcasts: str) -> None:
    mixed(broadcasts)
    process = started(broadcasts, "--host", "0.0.0.0")  # noqa: S104 - the test is about it
    try:
        assert process.stderr
        assert "can see these faces" in process.stderr.readline()
    finally:
        process.kill()
        process.communicate()


def test_sockets_send_without_delay() -> None:
    with closing(listen("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_errors_are_reported(gfpipe: Command, broadcasts: str) -> None:
    mixed(broadcasts)
    usual = ("label", "serve", "--lake", broadcasts, "--no-open", "--annotator")
    for options, message in (
        (("AB", "--queue", "other"), "has no queue named other"),
        (("AB", "--queue", "../look"), "cannot name a queue"),
        (("", "--queue", NAME), "cannot name an annotator"),
        (("AB", "--queue", NAME, "--host", "203.0.113.7"), "cannot listen on 203.0.113.7"),
        (("AB", "--queue", NAME, "--host", "nowhere.invalid"), "not an address of this machine"),
    ):
        result = gfpipe(*usual, *options)
        assert (result.code, message in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("taken", ["port", "answers"])
def test_ports_and_answer_files_are_exclusive(gfpipe: Command, broadcasts: str, taken: str) -> None:
    mixed(broadcasts)
    with serving(broadcasts) as served:
        port = str(served.client.base_url.port) if taken == "port" else "0"
        name = "CD" if taken == "port" else "AB"
        options = ("--queue", NAME, "--annotator", name, "--port", port, "--no-open")
        result = gfpipe("label", "serve", "--lake", broadcasts, *options)
        assert result.code == 2
        assert ("cannot listen on" if taken == "port" else "already") in result.stderr
