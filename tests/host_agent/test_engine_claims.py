"""The engine's word against the kernel's: containers that run and are not shown to the agent."""

import json
import socket
import threading

import pytest
from underpin_agent.collectors import engine_claims
from underpin_agent.collectors.engines import Engine
from underpin_agent.reading import Host

from tests.host_agent.tree import CONTAINER_ID, OTHER_ID


class Docker(threading.Thread):
    """A unix socket that answers two questions as docker does; ``running`` maps id to pid."""

    def __init__(self, path, running):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.running = running

    def run(self):
        while True:
            try:
                one, _ = self.server.accept()
            except OSError:
                return
            with one:
                url = one.recv(4096).split()[1].decode()
                one.sendall(reply(self.answer(url)))

    def answer(self, url):
        if url == "/containers/json":
            return [{"Id": name} for name in self.running]
        pid = self.running[url.split("/")[2]]
        return {"State": {"Running": pid is not None, "Pid": pid or 0}}


def reply(value):
    text = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text


@pytest.fixture
def says(tree, tmp_path):
    """Whether the engine that runs ``running`` contradicts the kernel of the tree."""
    started = []

    def ask(running):
        path = tmp_path / "d.sock"
        started.append(Docker(path, running))
        started[-1].start()
        (tree.folder / "d.sock").hardlink_to(path)
        engine = Engine("docker", "docker", [])
        engine.sockets = ["/d.sock"]
        return engine_claims.not_shown(tree.context(), engine)

    yield ask
    for one in started:
        one.server.close()


def test_a_container_that_both_know_is_no_contradiction(tree, says):
    tree.container(100)
    assert says({CONTAINER_ID: 100}) is False


def test_a_container_whose_process_is_not_there_is_not_shown(tree, says):
    tree.container(100)
    assert says({CONTAINER_ID: 100, OTHER_ID: 4711}) is True


def test_a_process_that_is_there_and_looks_like_no_container_is_not_shown_as_one(tree, says):
    tree.process(200, "app")
    assert says({OTHER_ID: 200}) is True


def test_a_container_that_ended_meanwhile_does_not_count(tree, says):
    assert says({OTHER_ID: None}) is False


def test_a_container_that_waits_for_its_next_start_does_not_count(tree, says):
    """docker calls it running, with no process."""
    assert says({OTHER_ID: 0}) is False


def test_a_container_that_started_meanwhile_does_not_count(tree, says, monkeypatch):
    context = tree.context()
    monkeypatch.setattr(type(tree), "context", lambda _tree: context)
    tree.container(300, container_id=OTHER_ID)
    assert says({OTHER_ID: 300}) is False
    assert isinstance(context.host, Host)
