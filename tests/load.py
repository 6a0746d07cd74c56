"""Players who never give up: each sends its actions one after the other, each under a key of its own, and sends one again
whose answer says (or whose silence leaves open) that it may be sent again. What they saw is kept, to be held against the
stories afterwards.

    async with httpx.AsyncClient(base_url=url) as client:
        load = Load(client)
        await load.begin(sessions=8)
        async with load.playing():
            ...
        assert not await load.faults(client)
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

RETRYABLE = {409: ("turn_in_progress", "request_in_progress"), 429: None, 502: None, 503: None, 504: None}
"""Statuses after which the same key is sent again, with the codes for which that holds; None: any."""

WAYS = ("json", "events", "later")
"""How a player asks for a turn: to be answered with it, to read it along, to be told where it will be."""

ACTIONS = ("look", "wait", "inventory", "goals", "listen", "sing", "think")

AGAIN_S = 0.1
PATIENCE_S = 60.0
ANSWER_S = 20.0
"""After so long without an answer a player asks again: a balancer's or a game's own time-out."""


@dataclass
class Seen:
    """A turn that a player was told of as committed."""

    turn_id: str
    action: str
    at: float
    took: float


@dataclass
class Player:
    path: str
    way: str
    seen: list[Seen] = field(default_factory=list[Seen])
    sent: int = 0


class NotRetryableError(Exception):
    """An answer that a client may not meet."""


class Load:
    """Players of one story each. `refusals`: what they were told to try again, `wrong`: what they should never be told."""

    def __init__(self, client: httpx.AsyncClient, ways: tuple[str, ...] = WAYS) -> None:
        self.players: list[Player] = []
        self.refusals: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._client, self._ways = client, ways
        self._stopping = False

    async def begin(self, sessions: int, **asked: Any) -> None:
        """A session for each player."""
        for number in range(sessions):
            body = {"world": "winter_light", "seed": number, "player": f"player-{number}", **asked}
            made = await self._client.post("/api/v1/sessions", json=body)
            assert made.status_code == 201, made.text
            self.players.append(Player(made.headers["location"], self._ways[number % len(self._ways)]))

    @asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Meanwhile all play; at the end each has the turn that it has sent, and sends no other."""
        self._stopping = False
        async with asyncio.TaskGroup() as group:
            for player in self.players:
                group.create_task(self._play(player))
            yield
            self._stopping = True

    async def until(self, holds: Any, patience_s: float = PATIENCE_S) -> None:
        """Until that is so. Fails with what a player should never have been told."""
        async with asyncio.timeout(patience_s):
            while not holds():
                assert not self.wrong, self.wrong
                await asyncio.sleep(0.01)

    def turns(self, since: float = 0.0) -> int:
        """Turns that were told since then."""
        return sum(seen.at >= since for player in self.players for seen in player.seen)

    def all_since(self, moment: float) -> bool:
        """Whether every player was told a turn since that moment."""
        return all(player.seen and player.seen[-1].at >= moment for player in self.players)

    def flows_after(self, moment: float) -> tuple[float, float]:
        """Seconds from that moment to the first turn told after it, and to that by which every player had one."""
        first = [min((s.at for s in p.seen if s.at >= moment), default=float("inf")) - moment for p in self.players]
        return min(first), max(first)

    async def _play(self, player: Player) -> None:
        while not self._stopping:
            action = ACTIONS[player.sent % len(ACTIONS)]
            player.sent += 1
            began, before = time.monotonic(), self.refusals.copy()
            try:
                turn = await self._one(player, action, key=f"{player.path}#{player.sent}")
            except (NotRetryableError, TimeoutError) as error:
                told = ", ".join(f"{times} x {what}" for what, times in (self.refusals - before).items())
                self.wrong.append(
                    f"{player.path} ({player.way}): {type(error).__name__} {error}; meanwhile all: {told}"
                )
                return
            now = time.monotonic()
            player.seen.append(Seen(turn["turn_id"], turn["action"], now, now - began))

    async def _one(self, player: Player, action: str, key: str) -> dict[str, Any]:
        """The committed turn of an action. Raises NotRetryableError, TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    turn = await getattr(self, f"_{player.way}")(f"{player.path}/turns", action, key)
                except httpx.TransportError as error:
                    self.refusals[type(error).__name__] += 1
                    turn = None
                if turn:
                    return turn
                await asyncio.sleep(AGAIN_S)

    async def _json(self, turns: str, action: str, key: str) -> dict[str, Any] | None:
        answer = await self._client.post(
            turns, json={"action": action}, headers={"Idempotency-Key": key}, timeout=ANSWER_S
        )
        return self._turn_in(answer)

    async def _events(self, turns: str, action: str, key: str) -> dict[str, Any] | None:
        headers = {"Idempotency-Key": key, "Accept": "text/event-stream"}
        asked = self._client.stream("POST", turns, json={"action": action}, headers=headers, timeout=ANSWER_S)
        async with asked as answer:
            if answer.status_code >= 400:
                await answer.aread()
                return self._turn_in(answer)
            async for event, data in _read(answer):
                if event == "committed":
                    return data["turn"]
                if event == "error":
                    self._refuse(data.get("status", 0), data.get("code", ""), str(data))
                    return None
        self.refusals["stream broke off"] += 1
        return None

    async def _later(self, turns: str, action: str, key: str) -> dict[str, Any] | None:
        headers = {"Idempotency-Key": key, "Prefer": "respond-async"}
        answer = await self._client.post(turns, json={"action": action}, headers=headers, timeout=ANSWER_S)
        while answer.status_code == 202:
            await asyncio.sleep(0.05)
            answer = await self._client.get(answer.headers["location"], timeout=ANSWER_S)
        return self._turn_in(answer)

    def _turn_in(self, answer: httpx.Response) -> dict[str, Any] | None:
        if answer.status_code in (200, 201):
            return answer.json()
        code = answer.json().get("code", "") if "json" in answer.headers.get("content-type", "") else ""
        self._refuse(answer.status_code, code, answer.text)
        return None

    def _refuse(self, status: int, code: str, text: str) -> None:
        if status not in RETRYABLE or code not in (RETRYABLE[status] or (code,)):
            raise NotRetryableError(f"{status} {text[:300]}")
        self.refusals[f"{status} {code}"] += 1

    async def faults(self, client: httpx.AsyncClient) -> list[str]:
        """What does not hold: every turn that was told is there, once, in order, and there is no other."""
        found = list(self.wrong)
        for player in self.players:
            kept = [turn async for turn in _kept(client, f"{player.path}/turns")][::-1]
            told = [(seen.turn_id, seen.action) for seen in player.seen]
            stored = [(turn["turn_id"], turn["action"]) for turn in kept]
            if lost := [one for one in told if one not in stored]:
                found.append(f"{player.path}: lost {lost}")
            if len({turn_id for turn_id, _ in stored}) != len(stored):
                found.append(f"{player.path}: something was played twice")
            if [turn["number"] for turn in kept] != list(range(1, len(kept) + 1)):
                found.append(f"{player.path}: the numbers have gaps")
            if not self.wrong and stored != told:
                found.append(f"{player.path}: {len(stored)} kept, {len(told)} told")
        return found


async def _read(answer: httpx.Response) -> "AsyncIterator[tuple[str, Any]]":
    event = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            event = line[7:]
        elif line.startswith("data: "):
            yield event, json.loads(line[6:])


async def _kept(client: httpx.AsyncClient, turns: str) -> "AsyncIterator[Any]":
    """All turns of the active branch, newest first."""
    before: int | None = 0
    while before is not None:
        page = (await client.get(turns, params={"limit": 200} | ({"before": before} if before else {}))).json()
        for turn in page["turns"]:
            yield turn
        before = page["before"]
