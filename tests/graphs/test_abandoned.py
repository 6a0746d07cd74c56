"""What was undone never happened: no word of it comes back, wherever a story could remember it.

uv run pytest tests/graphs/test_abandoned.py -s --plays 1000
"""

import json
import random
import re
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from agents.story import Turn
from graphs.engine import StoryEngine

WORD = re.compile(r"zx[b-n]+qu")
ACTIONS = ["look", "wait", "north", "east", "south", "west", "take all", "inventory", "talk to isbel", "drop letter"]


class MarkerModel(BaseChatModel):
    """Says a word of its own each turn, in prose, in a choice and in a fact, and keeps what it was asked."""

    marker: str = ""
    asked: list[str] = []  # noqa: RUF012 - pydantic copies it

    @property
    def _llm_type(self) -> str:
        return "marker"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=self._answer(messages)))])

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:  # fmt: skip
        yield ChatGenerationChunk(message=AIMessageChunk(content=self._answer(messages)))

    def _answer(self, messages: list[BaseMessage]) -> str:
        asked = "\n".join(str(message.text) for message in messages)
        self.asked.append(asked)
        if "You keep the log" in asked:  # a chapter's summary says again what it was told
            told = f"You heard {' and '.join(dict.fromkeys(WORD.findall(asked)))}."[:600]
            return json.dumps({"summary": told, "story_so_far": told})
        fact = {"subject": "player", "relation": "remembers", "value": self.marker}
        tail = json.dumps({"choices": [f"think of {self.marker}"], "facts": [fact]})
        return f"You hear the word {self.marker} in the wind. It goes by.\n```json\n{tail}\n```"


class Play:
    """One random play of a world that remembers words."""

    def __init__(self, engine: StoryEngine, model: MarkerModel, session: str, seed: int) -> None:
        self.engine, self.model, self.session = engine, model, session
        self.chance = random.Random(seed)
        self.words = (_word(seed * 1000 + number) for number in count())
        self.path: list[str] = []
        self.gone: list[str] = []
        self.told = 0
        """Chapters that were looked at, in the model's words."""

    async def turn(self) -> Turn:
        self.model.marker = next(self.words)
        spoken = self.chance.choice([*ACTIONS, f"say {self.model.marker}", f"ask isbel about {self.model.marker}"])
        turn = await self.engine.act(self.session, spoken)
        assert self.model.marker in turn["narration"]
        self.path.append(self.model.marker)
        return turn

    async def undo(self, back: int) -> None:
        await self.engine.undo(self.session, back)
        cut = max(0, len(self.path) - back)
        self.path, gone = self.path[:cut], self.path[cut:]
        self.gone += gone
        self.model.asked.clear()

    async def check(self, turns: list[Turn]) -> None:
        """Looks for the abandoned words wherever the story tells of itself, and that the kept ones are there."""
        engine, session = self.engine, self.session
        shown: dict[str, Any] = {
            "prompts": self.model.asked,
            "scene": await engine.position(session),
            "facts": await engine.facts(session),
            "recap": await engine.recap(session),
            "chapters": await engine.chapters(session),
            "turns": await engine.turns(session),
            "traces": [await engine.trace(session, turn["turn_id"]) for turn in turns],
            "recall": [
                await engine.memory.recall(engine.scope(session), "main", " ".join(some), limit=20, skip=0)
                for some in (self.gone[-16:], [*self.gone[:8], *self.path[:8]])
            ],
        }
        self.told += sum(chapter["source"] == "model" for chapter in shown["chapters"])
        for where, what in shown.items():
            said = json.dumps(what)
            assert [word for word in self.gone if word in said] == [], where
        assert any(word in json.dumps(shown["recall"][1]) for word in self.path[:8]), "recall found nothing at all"
        assert self.path[-1] in json.dumps(shown["facts"]), "facts tell nothing at all"


def _word(number: int) -> str:
    """A word of letters that no other word contains."""
    return "zx" + "".join("bcdfghklmn"[int(digit)] for digit in str(number)) + "qu"


@pytest.mark.timeout(7200)
async def test_no_word_of_what_was_undone_comes_back(engine: StoryEngine, request: pytest.FixtureRequest) -> None:
    plays = int(request.config.getoption("--plays"))
    model, checked, chapters = MarkerModel(), 0, 0
    engine.use_model("marker", model)
    for seed in range(plays):
        model.asked.clear()
        session = f"play-{seed}"
        await engine.create("winter_light", session=session, seed=seed, model="marker")
        play = Play(engine, model, session, seed)
        # Two in six go on past the end of a chapter, and some of those go back over it.
        for _ in range(play.chance.choice([5, 6, 7, 9, 33, 36])):
            await play.turn()
        for _ in range(play.chance.choice([1, 1, 2])):
            await play.undo(5)
            turns = [await play.turn() for _ in range(5)]
            await play.check(turns)
            checked += 1
        chapters += play.told
        await engine.delete(session)
    assert chapters > 0, "no play was long enough for a chapter"
    print(f"\n{plays} plays, {checked} looks, {chapters} chapters: no word of what was undone came back")
