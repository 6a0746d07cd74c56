"""`tta worker --metrics-port`: how a worker is, the figures of the turns that it has played, and nothing else."""

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cottage import begun
from starting import Serve, starting, url_of

from agents.errors import UnknownTurn
from api import serve, working
from api.readiness import Readiness
from graphs.engine import open_engine
from graphs.settings import read_settings

PLAYED = re.compile(r'^tta_turns_total{[^}]*outcome="committed"[^}]*} 1\.0$', re.MULTILINE)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Serve]:
    with starting(tmp_path / "data", "worker") as start:
        yield start


async def test_the_turn_that_a_worker_has_played_is_among_its_figures(tmp_path: Path, worker: Serve) -> None:
    async with open_engine(read_settings(data_dir=tmp_path / "data", linger_s=0.2, queue="workers")) as engine:
        process = worker("--metrics-port", "0")
        url = await asyncio.to_thread(url_of, process, "plays what waits")
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            assert not PLAYED.search((await client.get("/metrics")).text)
            session = await begun(engine, "")
            turn = (await engine.enqueue(session, "look"))["turn_id"]
            await engine.nudge(session)
            async with asyncio.timeout(60):
                while not PLAYED.search((text := await client.get("/metrics")).text):
                    await asyncio.sleep(0.05)
            with pytest.raises(UnknownTurn):
                await engine.queued(session, turn)
            assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
            for path in ("/", "/docs", "/openapi.json", "/api/v1/worlds"):
                assert (await client.get(path)).status_code == 404, path
            elsewhere = await client.get("/metrics", headers={"host": "evil.example"})
            assert elsewhere.status_code in (400, 403, 421), "the names of this machine alone"
        process.terminate()
        assert await asyncio.to_thread(process.wait, 60) == 0


async def test_who_serves_is_told_whether_a_worker_is_there_and_it_tells_how_it_is(
    tmp_path: Path, worker: Serve
) -> None:
    async with open_engine(read_settings(data_dir=tmp_path / "data", linger_s=0.2, queue="workers")) as engine:
        await engine.nudges()  # opened by the API's start, too: docket takes its time
        none = (await Readiness().look(engine)).dependencies["workers"]
        assert (none.state, none.says) == ("degraded", "None is at work: turns for which nobody waits go on waiting")
        assert "tta worker" in none.cure
        process = worker("--metrics-port", "0")
        url = await asyncio.to_thread(url_of, process, "plays what waits")
        async with httpx.AsyncClient(base_url=url, timeout=60) as client, asyncio.timeout(60):
            while (await Readiness().look(engine)).dependencies["workers"].state != "ok":
                await asyncio.sleep(0.05)
            assert (await client.get("/health/live")).json()["status"] == "live"
            while (await client.get("/health/ready")).json()["status"] != "ready":
                await asyncio.sleep(0.05)
            assert 'tta_dependency_state{dependency="redis"} 1.0' in (await client.get("/metrics")).text
        process.terminate()
        assert await asyncio.to_thread(process.wait, 60) == 0


async def test_a_worker_that_stops_is_not_ready(tmp_path: Path) -> None:
    async with open_engine(read_settings(data_dir=tmp_path / "data", linger_s=0.2)) as engine:
        stopping = asyncio.Event()
        with serve.opened("127.0.0.1", 0) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/health/ready"
            async with working._shown(engine, listener, stopping), httpx.AsyncClient(timeout=60) as client:
                assert (await client.get(url)).json()["status"] != "stopping"
                stopping.set()
                answer = await client.get(url)
                assert (answer.status_code, answer.json()["status"]) == (503, "stopping")


def test_with_a_login_its_figures_want_one_too(worker: Serve) -> None:
    url = url_of(worker("--metrics-port", "0", TTA_AUTH="local", TTA_AUTH_SECRET="s" * 32))
    assert httpx.get(f"{url}/metrics", timeout=60).status_code == 401


def test_it_shows_them_elsewhere_only_with_a_login(worker: Serve) -> None:
    process = worker("--metrics-port", "0", "--metrics-host", "0.0.0.0")
    _, said = process.communicate(timeout=60)
    assert process.returncode
    assert "binds only to loopback" in said


def test_a_taken_port_is_said_and_the_next_one_used(worker: Serve) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        process = worker("--metrics-port", str(port))
        assert int(url_of(process).rpartition(":")[2]) > port
        assert process.stderr
        assert f"port {port} is in use" in process.stderr.readline()
