"""What the saver promises whoever opens it: few round trips, a borrowed client, versions, ciphers, no code from data."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from redis.asyncio import Redis
from test_saver import LARGE, checkpoint, ids, line, put_turns

from graphs.checkpoint import CheckpointDamaged, CheckpointUnreadable, RedisSaver, StoreFull
from graphs.checkpoint.keys import name
from graphs.embedded import open_embedded


@dataclass
class Letter:
    """A type of an application, which the serializer was not told to trust."""

    text: str


async def test_each_call_is_one_round_trip_without_scans(redis: Redis) -> None:
    saver = RedisSaver(redis, keep=3, ttl=60)
    (at, _) = await put_turns(saver, "t", 2)
    await saver.aget_tuple(at)
    await redis.config_resetstat()  # the server has learnt the scripts
    (*_, at) = await put_turns(saver, "u", 10)
    await saver.aget_tuple(at)
    calls = {key.removeprefix("cmdstat_"): told["calls"] for key, told in (await redis.info("commandstats")).items()}
    cuts = 10 - 3  # of each turn that makes one too many; nobody waits for them
    looks = 1  # before the first put on a thread that nobody here has read
    assert calls["evalsha"] == looks + 10 + 10 + 1 + cuts
    assert not {"keys", "scan", "hscan", "zscan", "hgetall"} & set(calls)


async def test_a_server_that_forgot_the_scripts_is_taught_again(redis: Redis) -> None:
    saver = RedisSaver(redis)
    await put_turns(saver, "t", 1)
    await redis.script_flush()
    await put_turns(saver, "t", 1)
    assert len(await ids(saver, line("t"))) == 2


async def test_a_put_that_the_server_refuses_changes_nothing(redis: Redis) -> None:
    saver = RedisSaver(redis, keep=2)
    stored = await put_turns(saver, "t", 2)
    before = await redis.hgetall("tta:3:{t}:data")
    await redis.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(StoreFull, match="memory"):
            await put_turns(saver, "t", 1)
    finally:
        await redis.config_set("maxmemory", "0")
    assert await redis.hgetall("tta:3:{t}:data") == before
    assert len(await ids(saver, line("t"))) == len(stored)


async def test_a_value_that_somebody_removed_is_told(redis: Redis) -> None:
    saver = RedisSaver(redis)
    (at,) = await put_turns(saver, "t", 1)
    await redis.hdel("tta:3:{t}:data", name("v", "", "world", "0"))
    with pytest.raises(CheckpointDamaged, match="'world'"):
        await saver.aget_tuple(at)


async def test_a_client_that_decodes_is_refused(embedded_socket: str) -> None:
    async with Redis(unix_socket_path=embedded_socket, decode_responses=True) as client:
        with pytest.raises(ValueError, match="decode_responses=False"):
            RedisSaver(client)


@pytest.mark.parametrize("wrong", [{"ttl": 0}, {"ttl": -1}, {"keep": 0}, {"prefix": ""}, {"prefix": "a{b"}])
async def test_wrong_settings_are_refused(redis: Redis, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RedisSaver(redis, **wrong)


async def test_the_borrowed_client_stays_open_and_ones_own_is_closed(redis: Redis, embedded_socket: str) -> None:
    RedisSaver(redis)
    assert await redis.ping()
    async with RedisSaver.from_url(f"unix://{embedded_socket}?db=7", prefix="own", keep=2) as saver:
        await put_turns(saver, "t", 3)
        assert len(await ids(saver, line("t"))) == 2
    assert len(await redis.keys("own:3:*")) == 2


async def test_versions_grow_as_text_and_no_two_writers_make_the_same(redis: Redis) -> None:
    saver, version = RedisSaver(redis), None
    for number in range(1, 12):
        following = saver.get_next_version(version, None)
        assert following.startswith(f"{number:08x}")
        assert following != saver.get_next_version(version, None)
        assert version is None or following > version
        version = following


@pytest.mark.parametrize("other", ["00000000000000000000000000000041.0.7130", 41, 41.0])
async def test_versions_of_another_saver_are_counted_on_from(redis: Redis, other: Any) -> None:
    following = RedisSaver(redis).get_next_version(other, None)
    assert following.startswith(f"{42:08x}")
    assert following > str(other) or not isinstance(other, str)


async def test_data_never_names_code_to_run(redis: Redis) -> None:
    """A type that LangGraph does not know comes back as plain data, though the stored bytes name its class."""
    saver = RedisSaver(redis)
    letter = Letter("dear friend")
    await saver.aput(line("t"), checkpoint({"letter": letter}, {"letter": "1"}), {"step": 1}, {"letter": "1"})
    found = await saver.aget_tuple(line("t"))
    assert found is not None
    assert found.checkpoint["channel_values"]["letter"] == {"text": "dear friend"}


class Reversing:
    """A cipher for the test: reverses the bytes, and refuses what another key wrote."""

    def __init__(self, key: str) -> None:
        self.key = key

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return self.key, plaintext[::-1]

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        if ciphername != self.key:
            raise PermissionError("wrong key")
        return ciphertext[::-1]


async def test_a_cipher_leaves_nothing_of_the_story_in_the_clear(redis: Redis) -> None:
    saver = RedisSaver(redis, serde=EncryptedSerializer(Reversing("a")))
    (at,) = await put_turns(saver, "t", 1)
    found = await saver.aget_tuple(at)
    assert found is not None
    assert found.checkpoint["channel_values"]["world"] == LARGE
    assert not any(b"prose a long" in value or b"next 0" in value for value in await redis.hvals("tta:3:{t}:data"))
    with pytest.raises(CheckpointUnreadable, match="another key"):
        await RedisSaver(redis, serde=EncryptedSerializer(Reversing("b"))).aget_tuple(at)


async def test_langgraphs_own_cipher_and_a_wrong_key(redis: Redis) -> None:
    """AES, as LangGraph ships it; the wrong key is told as what it is, for checkpoints, values and writes alike."""
    saver = RedisSaver(redis, serde=EncryptedSerializer.from_pycryptodome_aes(key=b"0123456789abcdef"))
    (at,) = await put_turns(saver, "t", 1)
    found = await saver.aget_tuple(at)
    assert found is not None
    assert found.checkpoint["channel_values"]["world"] == LARGE
    assert found.pending_writes == [("task0", "prose", "next 0"), ("task0", "turn", 1)]
    other = RedisSaver(redis, serde=EncryptedSerializer.from_pycryptodome_aes(key=b"another key 16 b"))
    for call in (other.aget_tuple(at), ids(other, line("t")), ids(other, line("t"), filter={"step": 0})):
        with pytest.raises(CheckpointUnreadable, match="another key"):
            await call


@pytest.mark.parametrize("serde", [EncryptedSerializer(Reversing("b")), None], ids=["another key", "no key"])
async def test_nothing_is_put_on_what_another_key_wrote(redis: Redis, serde: EncryptedSerializer | None) -> None:
    saver = RedisSaver(redis, serde=EncryptedSerializer(Reversing("a")))
    (at,) = await put_turns(saver, "t", 1)
    other = RedisSaver(redis, serde=serde)
    for config in (at, line("t")):
        with pytest.raises(CheckpointUnreadable):
            await other.aput(config, checkpoint({"turn": 9}, {"turn": "9"}), {"step": 9}, {"turn": "9"})
    found = await saver.aget_tuple(line("t"))
    assert found is not None
    assert found.config == at


async def test_a_config_without_a_thread_is_nobodys(redis: Redis) -> None:
    saver = RedisSaver(redis)
    for config in ({"configurable": {}}, {"configurable": {"thread_id": None}}):
        with pytest.raises(ValueError, match="thread_id"):
            await saver.aput(config, checkpoint({}, {}), {}, {})  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="thread_id"):
            await saver.aget_tuple(config)  # type: ignore[arg-type]


async def test_what_was_acknowledged_survives_a_killed_server(tmp_path: Path) -> None:
    async with open_embedded(tmp_path, linger_s=0.2) as server:
        for turn in range(3):
            async with RedisSaver.from_url(server.redis_url, keep=2) as saver:
                (at,) = await put_turns(saver, "t", 1)
                os.kill(server.pid, signal.SIGKILL)
            await server.ensure()
            async with RedisSaver.from_url(server.redis_url, keep=2) as saver:
                found = await saver.aget_tuple(line("t"))
                assert found is not None
                assert found.config == at, f"after kill {turn}"
                assert len(found.pending_writes or []) == 2
