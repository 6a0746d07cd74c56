"""A Cluster is named by some of its nodes; a URL that cannot be one is told in one line, without its password."""

from pathlib import Path

import pytest
from redis_servers import Server

from agents.errors import InvalidSetting, StoreUnavailable, StoryError
from graphs.cluster.urls import Address, read_cluster_url
from graphs.settings import read_settings
from graphs.stores import open_stores


def test_a_url_names_nodes_and_each_is_asked_with_the_same_login_and_options() -> None:
    login, nodes = "me:p%40ss", "one.example,10.0.0.2:7001,[2001:db8::1]:7002"
    url = read_cluster_url(f"rediss+cluster://{login}@{nodes}/0?ssl_cert_reqs=none")
    assert url.seeds == (Address("one.example", 6379), Address("10.0.0.2", 7001), Address("2001:db8::1", 7002))
    assert url.node(url.seeds[2]) == f"rediss://{login}@[2001:db8::1]:7002?ssl_cert_reqs=none"
    assert url.by(url.seeds[1]) == f"rediss+cluster://{login}@10.0.0.2:7001?ssl_cert_reqs=none"
    assert "p%40ss" not in repr(url)


@pytest.mark.parametrize(
    "place",
    ["", "/", ",", "127.0.0.1:1,", "127.0.0.1:abc", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1/1", "[::1", "/x@1.2.3.4:1"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["redis+cluster", "rediss+cluster"])
def test_a_url_that_is_none_is_told_with_the_settings_name(scheme: str, place: str) -> None:
    with pytest.raises(InvalidSetting, match="TTA_REDIS_URL") as caught:
        read_settings(redis_url=f"{scheme}://:secretpw@{place}")
    assert "secretpw" not in caught.value.line()
    assert "\n" not in caught.value.line()


async def told(url: str, home: Path, error: type[StoryError] = InvalidSetting) -> str:
    """The line of the error with which the stores are not opened; it holds no password."""
    with pytest.raises(error) as caught:
        async with open_stores(read_settings(redis_url=url, data_dir=home, linger_s=0.2)):
            pass
    assert "secretpw" not in caught.value.line()
    return caught.value.line()


async def test_an_option_that_no_connection_knows_is_told(tmp_path: Path) -> None:
    line = await told("redis+cluster://:secretpw@127.0.0.1:1?foo=bar", tmp_path)
    assert "TTA_REDIS_URL is not a Redis URL. Write redis+cluster://" in line


async def test_the_url_of_one_server_that_is_a_node_is_told_with_the_cure(
    cluster_nodes: list[Server], tmp_path: Path
) -> None:
    line = await told(cluster_nodes[0].url, tmp_path)
    assert "names a node of a Redis Cluster. Write redis+cluster://" in line


async def test_the_url_of_a_cluster_that_is_one_server_is_told_with_the_cure(real_redis: str, tmp_path: Path) -> None:
    line = await told(real_redis.replace("redis://", "redis+cluster://"), tmp_path)
    assert "names no Redis Cluster but one server. Write redis://" in line


async def test_a_cluster_of_which_no_node_answers_is_told_with_its_nodes(tmp_path: Path) -> None:
    line = await told("redis+cluster://:secretpw@127.0.0.1:1,127.0.0.1:2", tmp_path, StoreUnavailable)
    assert "127.0.0.1:1, 127.0.0.1:2" in line


async def test_one_node_that_answers_is_enough(cluster_nodes: list[Server], tmp_path: Path) -> None:
    url = f"redis+cluster://127.0.0.1:1,127.0.0.1:{cluster_nodes[2].port}"
    async with open_stores(read_settings(redis_url=url, data_dir=tmp_path, linger_s=0.2)) as stores:
        assert await stores.redis.ping()  # pyright: ignore[reportGeneralTypeIssues]
