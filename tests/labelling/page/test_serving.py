"""The page in a process of its own: a kill loses nothing, Ctrl-C ends it in order, and it listens where it should."""

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

from gfpipe.labelling.page import guard
from gfpipe.labelling.page.serving import listening
from tests.conftest import ROOT, Command
from tests.labelling.broadcasts import NAME, mixed, rows


@dataclass
class Served:
    """A server that runs, and its only guest."""

    process: "subprocess.Popen[str]"
    address: str
    client: httpx.Client

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/api/desk").json()
        return found

    def answer(self, position: int, answer: str = "male") -> dict[str, Any]:
        headers = {guard.CHANGE_HEADER: self.state["changeKey"], "origin": str(self.client.base_url).rstrip("/")}
        response = self.client.post(f"/api/items/{position}/answer", json={"answer": answer}, headers=headers)
        said: dict[str, Any] = response.raise_for_status().json()
        return said


def started(lake: str, *options: str) -> "subprocess.Popen[str]":
    """``gfpipe label serve`` as a person starts it."""
    command = (str(Path(sys.executable).parent / "gfpipe"), "label", "serve", "--lake", lake, "--queue", NAME)
    order = (*command, "--annotator", "AB", "--port", "0", "--no-open", *options)
    return subprocess.Popen(order, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@contextmanager
def serving(lake: str, *options: str) -> Iterator[Served]:
    """A server, and somebody who opened its address."""
    process = started(lake, *options)
    try:
        assert process.stderr
        said = ""
        while not (found := re.search(r"(http://\S+?/)\?token=(\S+)", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        with httpx.Client(base_url=found[1]) as client:
            client.get("/", params={"token": found[2]}).raise_for_status()
            yield Served(process, found[1], client)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def test_a_kill_loses_no_answer_and_the_next_run_goes_on_behind_it(broadcasts: str) -> None:
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
        _, said = served.process.communicate(timeout=60)
        assert served.process.returncode == 0
        assert "1 answers saved now; 2 of 5 in all" in said
        assert "Traceback" not in said
    assert len(rows(broadcasts, "labels")) == 2


def test_the_address_is_printed_and_nothing_of_the_requests(broadcasts: str) -> None:
    mixed(broadcasts)
    with serving(broadcasts) as served:
        served.answer(0)
        assert httpx.get(served.address).status_code == 403
        served.process.send_signal(signal.SIGINT)
        _, said = served.process.communicate(timeout=60)
    assert "token" not in said
    assert "127.0.0.1" not in said  # not "reachable" either: that is said of other hosts only


def test_another_host_than_this_machine_is_warned_of(broadcasts: str) -> None:
    mixed(broadcasts)
    process = started(broadcasts, "--host", "0.0.0.0")  # noqa: S104 - the test is about it
    try:
        assert process.stderr
        assert "can see these faces" in process.stderr.readline()
    finally:
        process.kill()
        process.communicate()


def test_a_response_is_sent_at_once_and_not_when_the_browser_has_acknowledged_its_head() -> None:
    with closing(listening("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_cannot_be_served_is_said(gfpipe: Command, broadcasts: str) -> None:
    mixed(broadcasts)
    usual = ("label", "serve", "--lake", broadcasts, "--no-open", "--annotator")
    for options, why in (
        (("AB", "--queue", "other"), "has no queue named other"),
        (("AB", "--queue", "../look"), "cannot name a queue"),
        (("", "--queue", NAME), "cannot name an annotator"),
        (("AB", "--queue", NAME, "--host", "203.0.113.7"), "cannot listen on 203.0.113.7"),
        (("AB", "--queue", NAME, "--host", "nowhere.invalid"), "no address of this machine"),
    ):
        said = gfpipe(*usual, *options)
        assert (said.code, why in said.stderr) == (2, True), said.stderr


@pytest.mark.parametrize("taken", ["port", "sheet"])
def test_two_servers_do_not_get_in_each_others_way(gfpipe: Command, broadcasts: str, taken: str) -> None:
    mixed(broadcasts)
    with serving(broadcasts) as served:
        port = str(served.client.base_url.port) if taken == "port" else "0"
        name = "CD" if taken == "port" else "AB"
        order = (
            "label",
            "serve",
            "--lake",
            broadcasts,
            "--queue",
            NAME,
            "--annotator",
            name,
            "--port",
            port,
            "--no-open",
        )
        said = gfpipe(*order)
        assert said.code == 2
        assert ("cannot listen on" if taken == "port" else "already") in said.stderr
