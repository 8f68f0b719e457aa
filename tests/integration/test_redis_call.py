"""The short way to Redis: it answers as the library does, and says when Redis is away."""

import socket
import threading

import pytest
import redis

from agents.live.redis_call import RedisScript
from tests.support import process
from tests.support.redis import RedisServer

ECHO = "return {KEYS[1], ARGV[1]}"


@pytest.mark.redis
def test_a_script_answers_also_after_the_server_forgot_it(redis_server: RedisServer) -> None:
    script = RedisScript(ECHO, url=redis_server.url)
    assert script(["key"], ["straße"]) == ["key", "straße"]
    with redis_server.client() as client:
        client.script_flush()
    assert script(["key"], [2]) == ["key", "2"]


@pytest.mark.redis
def test_a_connection_that_the_server_closed_is_replaced(redis_server: RedisServer) -> None:
    script = RedisScript(ECHO, url=redis_server.url)
    script(["key"], [1])
    with redis_server.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)
    assert script(["key"], [2]) == ["key", "2"]


@pytest.mark.redis
def test_a_refusal_is_an_error_and_the_connection_still_serves(redis_server: RedisServer) -> None:
    wrong = RedisScript("return redis.call('INCR', KEYS[1], 'x')", url=redis_server.url)
    for _ in range(2):
        with pytest.raises(redis.ResponseError):
            wrong(["key"], [])


@pytest.mark.redis
def test_the_address_chooses_user_and_database(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.acl_setuser("agent", enabled=True, passwords=["+pw"], categories=["+@all"], keys="*")
    address = redis_server.url.replace("//", "//agent:pw@").removesuffix("/0") + "/3"
    RedisScript("return redis.call('SET', KEYS[1], ARGV[1])", url=address)(["where"], ["three"])
    with redis.Redis(port=redis_server.port, db=3) as other:
        assert other.get("where") == b"three"
        other.acl_deluser("agent")
    with pytest.raises(redis.AuthenticationError):
        RedisScript(ECHO, url=address)(["key"], [1])


def test_a_server_that_is_away_is_a_redis_error() -> None:
    address = f"redis://127.0.0.1:{process.free_port()}/0"
    with pytest.raises(redis.ConnectionError):
        RedisScript(ECHO, url=address)(["key"], [1])


def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with pytest.raises(redis.TimeoutError):
            RedisScript(ECHO, url=address, seconds=0.2)(["key"], [1])


@pytest.mark.redis
def test_threads_do_not_hear_each_others_answers(redis_server: RedisServer) -> None:
    script = RedisScript(ECHO, url=redis_server.url)
    wrong: list[object] = []

    def ask(name: str) -> None:
        for number in range(300):
            answer = script([name], [number])
            if answer != [name, str(number)]:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(f"t{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
