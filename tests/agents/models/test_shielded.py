"""Whichever way a shielded model is asked, the model behind it is told placeholders."""

from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatResult

from agents.models.offline import OfflineStoryteller
from agents.models.shielded import shielded
from agents.safety.redaction import OPEN, Redaction

MAIL = "anna@example.org"
ASKED = [SystemMessage("Tell."), HumanMessage(f"write to {MAIL}")]


class Recorder(OfflineStoryteller):
    heard: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies it
    bound: list[dict[str, Any]] = []  # noqa: RUF012

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.heard.append(messages)
        self.bound.append(kwargs)
        return super()._generate(messages)

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
        self.heard.append(messages)
        self.bound.append(kwargs)
        return super()._stream(messages)


async def _all(stream: Any) -> list[Any]:
    return [each async for each in stream]


WAYS: dict[str, Any] = {
    "invoke": lambda model: model.invoke(ASKED),
    "a text": lambda model: model.invoke(f"write to {MAIL}"),
    "ainvoke": lambda model: model.ainvoke(ASKED),
    "stream": lambda model: list(model.stream(ASKED)),
    "astream": lambda model: _all(model.astream(ASKED)),
    "generate": lambda model: model.generate([ASKED]),
    "agenerate": lambda model: model.agenerate([ASKED]),
    "batch": lambda model: model.batch([ASKED]),
    "abatch": lambda model: model.abatch([ASKED]),
    "bound": lambda model: model.bind(response_format={"a": 1}).ainvoke(ASKED),
    "parts": lambda model: model.invoke([HumanMessage([{"type": "text", "text": f"write to {MAIL}"}])]),
}


@pytest.mark.parametrize("way", WAYS)
async def test_no_way_to_ask_tells_the_model(way: str) -> None:
    inner = Recorder()
    answer = WAYS[way](shielded(inner, Redaction()))
    if hasattr(answer, "__await__"):
        await answer
    assert len(inner.heard) == 1
    assert MAIL not in str(inner.heard)
    assert "[EMAIL_1]" in str(inner.heard[0][-1].content)
    assert ("response_format" in inner.bound[0]) == (way == "bound")
    assert MAIL in ASKED[1].text, "what was asked is left as it is"


async def test_the_model_is_told_what_placeholders_are_only_where_there_are_some() -> None:
    inner = Recorder()
    model = shielded(inner, Redaction())
    await model.ainvoke(ASKED)
    await model.ainvoke([SystemMessage("Tell."), HumanMessage("look")])
    assert ["[EMAIL_1]" in heard[0].text for heard in inner.heard] == [True, False]
    assert inner.heard[1][0].text == "Tell."


def test_a_model_that_may_be_told_everything_is_the_model_itself() -> None:
    inner = Recorder()
    assert shielded(inner, OPEN) is inner
