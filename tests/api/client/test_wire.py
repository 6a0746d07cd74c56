"""What happens on the way: waits, refusals, silence, pages of proxies, logins. Each mistake is one error with a cure."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from answering import client_of, problem
from endpoint import endpoint
from patient import Told

from agents.errors import InvalidSetting, SessionPaused, StoreUnavailable, StoryError, TurnInProgress
from api.client import ForeignAnswer, LoginNeeded, Password, Refused, ServerGone, ServerSilent, open_client
from api.client.frames import MOST_BYTES, Frame, Frames
from api.client.logins import Bearer
from api.client.opening import Client
from api.client.wire import Wire

Answer = Callable[[httpx.Request], httpx.Response]
HELP = {"tier": "crisis", "text": "Call somebody.", "resources": [], "paused": False}
TOKEN = "a-token"


async def test_waits_grow_to_a_bound_and_end_with_patience() -> None:
    told = Told()
    client, asked = client_of(*[problem("store_unavailable", 503, headers={"Retry-After": "0"})] * 99, told=told)
    with pytest.raises(StoreUnavailable):
        await client.worlds()
    assert told.waited[:6] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]
    assert sum(told.waited) <= 60
    assert len(asked) == len(told.waited) + 1


async def test_what_retry_after_says_is_waited_for_and_the_key_stays() -> None:
    told = Told()
    client, asked = client_of(
        problem("rate_limited", 429, headers={"Retry-After": "7"}),
        problem("request_in_progress", 409, headers={"Retry-After": "1"}),
        httpx.ReadError("cut"),
        problem("session_paused", 409, help=HELP),
        told=told,
    )
    with pytest.raises(SessionPaused):
        await client.turns.play("s", "look")
    assert told.waited == [7, 1, 1.0]
    assert len({request.headers["idempotency-key"] for request in asked}) == 1


async def test_a_wait_beyond_patience_is_not_begun() -> None:
    told = Told()
    client, asked = client_of(problem("rate_limited", 429, headers={"Retry-After": "3600"}), told=told)
    with pytest.raises(Refused) as refused:
        await client.worlds()
    assert (refused.value.code, refused.value.status, refused.value.cure) == ("rate_limited", 429, "Mend it.")
    assert (told.waited, len(asked)) == ([], 1)


async def test_what_the_player_chose_is_not_asked_again() -> None:
    client, asked = client_of(problem("turn_in_progress", 409, headers={"Retry-After": "1"}))
    with pytest.raises(TurnInProgress):
        await client.turns.play("s", "look")
    assert len(asked) == 1


@pytest.mark.parametrize("status", [401, 409, 422, 429, 500, 503])
async def test_help_comes_at_once_whatever_the_status(status: int) -> None:
    login = Password("ada", TOKEN)
    first = httpx.Response(200, json={"access_token": TOKEN, "expires_in": 1800})
    refusal = problem("whatever", status, headers={"Retry-After": "1"}, help=HELP)
    client, asked = client_of(first, refusal, login=login)
    with pytest.raises(StoryError) as refused:
        await client.turns.play("s", "words of a person at risk")
    assert refused.value.help == HELP
    assert len(asked) == 2, "nothing is tried behind it"


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (httpx.Response(200, text="<html>Welcome</html>", headers={"content-type": "text/html"}), ForeignAnswer, "no TTA (200, text/html)"),
        (httpx.Response(200, json={"worlds": 1}), ForeignAnswer, "no TTA (200, application/json)"),
        (httpx.Response(404, text="nginx"), ForeignAnswer, "no TTA (404, text/plain)"),
        (httpx.Response(404, json=["not", "a", "problem"]), ForeignAnswer, "no TTA (404"),
        (httpx.Response(200, content=b"\xff\xfe{"), ForeignAnswer, "no TTA (200, no media type)"),
        (httpx.Response(200, content=b"[" * 5000), ForeignAnswer, "no TTA"),
        (httpx.Response(301, headers={"location": "https://elsewhere.example"}), ForeignAnswer, "sends elsewhere"),
        (problem("unauthorized", 401), LoginNeeded, "how it stands"),
        (httpx.ConnectError("refused"), ServerGone, "Nobody answers at localhost:8000"),
        (httpx.ConnectTimeout("late"), ServerSilent, "cannot be reached in time"),
        (httpx.ReadTimeout("late"), ServerSilent, "takes too long"),
        (httpx.RemoteProtocolError("no HTTP"), ServerGone, "broke"),
    ],
)  # fmt: skip
async def test_each_mistake_is_one_error_with_a_cure(answer: Any, kind: type[StoryError], says: str) -> None:
    client, asked = client_of(answer)
    with pytest.raises(kind) as failed:
        await client.worlds()
    assert says in failed.value.cause
    assert failed.value.cure
    assert len(failed.value.line().splitlines()) == 1
    assert len(asked) == 1, "a server that never answered is told at once"


async def test_a_proxy_whose_server_is_away_is_asked_again() -> None:
    page = httpx.Response(502, text="<html>Bad Gateway</html>", headers={"content-type": "text/html"})
    client, asked = client_of(page, page, httpx.Response(200, json=[]))
    assert await client.worlds() == []
    assert len(asked) == 3


async def test_a_port_where_nobody_listens_and_one_that_hangs() -> None:
    async with endpoint() as there:
        there.answers = ["hang"]
        async with open_client(f"http://127.0.0.1:{there.port}") as client:
            client.wire.http.timeout = httpx.Timeout(0.2)
            with pytest.raises(ServerSilent):
                await client.worlds()
        await there.stop()
        async with open_client(f"http://127.0.0.1:{there.port}") as client:
            with pytest.raises(ServerGone):
                await client.worlds()


@pytest.mark.parametrize(
    ("url", "says"),
    [("127.0.0.1:8000", "no scheme"), ("story.example", "no scheme"), ("ftp://story.example", "no address"), ("http://", "no address"), ("", "no address"), ("http://ada:" + "secret@story.example", "a password"), ("http://a.example/?token=secret", "no address"), ("http://[::1", "no address")],
)  # fmt: skip
async def test_what_is_no_address_is_told_and_not_repeated(url: str, says: str) -> None:
    with pytest.raises(InvalidSetting) as wrong:
        async with open_client(url):
            pass
    assert says in wrong.value.cause
    assert "secret" not in wrong.value.line()


async def test_a_token_goes_to_no_other_machine_without_tls() -> None:
    with pytest.raises(InvalidSetting, match="TLS"):
        async with open_client("http://story.example", login=TOKEN):
            pass
    for url, allowed in (("https://story.example", False), ("http://127.0.0.1:1", False), ("http://api:8000", True)):
        async with open_client(url, login=TOKEN, allow_http=allowed):
            pass


async def test_a_login_is_renewed_once_for_all_who_were_refused() -> None:
    """The first token is refused for two requests at once: one renews it, with a refresh token that is good once."""
    grants: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            grants.append(request.content.decode())
            number = len(grants)
            return httpx.Response(200, json={"access_token": f"t{number}", "expires_in": 1800, "refresh_token": f"r{number}"})  # fmt: skip
        good = request.headers["authorization"] == "Bearer t2"
        return httpx.Response(200, json=[]) if good else problem("unauthorized", 401)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://localhost:8000")
    login = Password("ada", TOKEN)
    client = Client(Wire(http, login, Told().patience()))
    assert await asyncio.gather(client.worlds(), client.worlds()) == [[], []]
    assert len(grants) == 2
    assert "refresh_token=r1" in grants[1]
    assert TOKEN not in repr(vars(client)) + repr(login) + repr(Bearer(TOKEN))


def test_frames_are_read_however_they_are_cut() -> None:
    prose = "Snow\u2028ticks \u0085 at the glass: \N{SNOWMAN}."
    text = f": hello\n\nretry: 1000\r\n\r\nid: a:1\revent: sentence\rdata: {prose}\ndata:  two\n\nid: a:2\nevent: end\ndata: {{}}\n\nid: lost"
    raw = text.encode()
    whole = [Frame(), Frame(retry_ms=1000), Frame("a:1", "sentence", f"{prose}\n two"), Frame("a:2", "end", "{}")]
    for size in (1, 2, 3, 7, len(raw)):
        frames = Frames()
        assert [each for at in range(0, len(raw), size) for each in frames.feed(raw[at : at + size])] == whole


def test_an_event_without_an_end_is_not_kept() -> None:
    frames = Frames()
    assert list(frames.feed(b"data: x\n" * 1000)) == []
    with pytest.raises(ForeignAnswer):
        list(frames.feed(b"x" * MOST_BYTES))
