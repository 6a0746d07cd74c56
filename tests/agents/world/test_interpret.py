"""The model's reading of an action that the parser cannot read: it may help, and it can cost nothing but its help."""

import asyncio
from typing import Any

import pytest
from fakes import services_of
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.runtime import Runtime
from pydantic import Field

from agents.story import Usage
from agents.world.resolve_action import ResolveOutput, resolve_action
from agents.world.schema import World
from agents.world.view import initial_slots

UNREADABLE = "flibber the brass lamp"


class Reader(BaseChatModel):
    """Answers with one text, and counts its tokens as it likes; `hang`, `fail` and `cancel` are what they say."""

    text: str
    counted: Any = 7
    asked: asyncio.Event = Field(default_factory=asyncio.Event)

    @property
    def _llm_type(self) -> str:
        return "reader"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.asked.set()
        if self.text == "hang":
            await asyncio.sleep(3600)
        if self.text == "fail":
            raise RuntimeError("the vendor's own words")
        if self.text == "cancel":
            raise asyncio.CancelledError
        answer = AIMessage(content=self.text)
        object.__setattr__(answer, "usage_metadata", {"input_tokens": self.counted, "output_tokens": self.counted})
        return ChatResult(generations=[ChatGeneration(message=answer)])


async def interpreted(world: World, model: BaseChatModel, model_timeout_s: float = 60) -> ResolveOutput:
    state: Any = {
        "action": UNREADABLE, "slots": {**initial_slots(world), f"{world.start}.visits": 1}, "focus": [], "number": 1,
        "seed": 1, "usage": Usage(calls=0, input_tokens=0, output_tokens=0),
    }  # fmt: skip
    return await resolve_action(state, Runtime(context=services_of(world, model, model_timeout_s=model_timeout_s)))


async def test_a_command_is_played_by_the_rules(cottage: World) -> None:
    output = await interpreted(cottage, Reader(text='{"command": "take the brass lamp"}'))
    assert output["interpreted"] == "take the brass lamp"
    assert {"lamp.in"} <= {change["slot"] for change in output["changes"]}
    assert output["usage"] == {"calls": 1, "input_tokens": 7, "output_tokens": 7}


@pytest.mark.parametrize(
    "text", ["hang", "fail", "cancel", "", "no JSON", '{"command": 3}', '{"command": "xyzzy it"}', "{" * 9000]
)
async def test_a_model_that_does_not_help_costs_only_its_help(cottage: World, text: str) -> None:
    output = await interpreted(cottage, Reader(text=text), 0.1 if text == "hang" else 60)
    assert output["outcome"]["status"] == "unknown"
    assert output["changes"] == (await interpreted(cottage, Reader(text="fail")))["changes"]


@pytest.mark.parametrize("counted", [10**25, -3, "many", None, 1.5])
async def test_a_count_of_tokens_always_fits(cottage: World, counted: Any) -> None:
    output = await interpreted(cottage, Reader(text='{"command": "take the brass lamp"}', counted=counted))
    assert output["interpreted"]
    assert 0 <= output["usage"]["input_tokens"] < 2**53


async def test_a_turn_that_is_cancelled_is_cancelled(cottage: World) -> None:
    model = Reader(text="hang")
    task = asyncio.create_task(interpreted(cottage, model))
    await model.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
