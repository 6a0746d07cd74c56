"""Whatever the environment asks of LangSmith, no player's words are sent there."""

import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

PLAY = """
import asyncio, sys
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.langchain import wait_for_all_tracers
from graphs.engine import open_engine
from graphs.settings import read_settings

async def main():
    async with open_engine(read_settings(data_dir=sys.argv[1])) as engine:
        session = (await engine.create("winter_light"))["session"]
        for _ in range(9):  # enough for a chapter's summary
            await engine.act(session, "look at the QUAGGA of the lamp room")
    RunnableLambda(lambda said: said).invoke("a THYLACINE of the host's own")
    wait_for_all_tracers()

asyncio.run(main())
"""


class Endpoint(BaseHTTPRequestHandler):
    """Takes whatever is sent, as LangSmith does."""

    told: list[bytes]

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        type(self).told.append(zlib.decompress(body, 47) if body[:2] == b"\x1f\x8b" else body)
        self._answer(b"{}")

    do_PATCH = do_POST  # noqa: N815

    def _answer(self, body: bytes) -> None:
        self.send_response(202)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[type[Endpoint]]:
    Endpoint.told = []
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Endpoint.address = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    yield Endpoint
    server.shutdown()
    server.server_close()


def test_langsmith_is_told_nothing_of_a_turn(endpoint: type[Endpoint], tmp_path: Path) -> None:
    told = {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": endpoint.address,  # type: ignore[attr-defined]
        "_".join(("LANGSMITH", "API", "KEY")): "none",
        "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",
    }
    subprocess.run([sys.executable, "-c", PLAY, str(tmp_path)], env={**os.environ, **told}, check=True, timeout=120)
    sent = b"\n".join(endpoint.told)
    assert b"THYLACINE" in sent, "the host's own runs are its own affair"
    assert b"QUAGGA" not in sent
    assert b"quagga" not in sent.lower()
