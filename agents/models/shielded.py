"""A chat model that is told no personal data: every way to ask it goes through `Redaction.hide`.

It stands where a model is handed to agents, so that a prompt cannot forget it. What the model answers comes back with its
placeholders: the gate and every other check read those, and the values are put back behind them, where words leave for the
player (`Redaction.restore`).
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, SystemMessage, convert_to_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import RunnableConfig
from pydantic import ConfigDict
from typing_extensions import override

from agents.safety.redaction import Redaction

Stop = list[str] | None

_NOTE = (
    "Words in square brackets such as [EMAIL_1] stand for details of the player's own. Where you repeat one, "
    "write it exactly as it stands."
)


class ShieldedModel(BaseChatModel):
    """The inner model, which sees placeholders. Callbacks and tracers of LangChain hang on the inner one, so that they see
    no more."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: BaseChatModel
    redaction: Redaction

    @property
    @override
    def _llm_type(self) -> str:
        return "shielded"

    @override
    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: Stop = None, **kwargs: Any
    ) -> AIMessage:  # fmt: skip
        return await self.inner.ainvoke(self._hidden(input), config, stop=stop, **kwargs)

    @override
    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: Stop = None, **kwargs: Any
    ) -> AIMessage:  # fmt: skip
        return self.inner.invoke(self._hidden(input), config, stop=stop, **kwargs)

    @override
    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: Stop = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:  # fmt: skip
        stream = self.inner.astream(self._hidden(input), config, stop=stop, **kwargs)
        async with aclosing(cast(Any, stream)):
            async for chunk in stream:
                yield chunk

    @override
    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: Stop = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:  # fmt: skip
        yield from self.inner.stream(self._hidden(input), config, stop=stop, **kwargs)

    @override
    def _generate(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        """What is left of LangChain's ways to ask (`generate`, `batch`) ends here."""
        answer = self.inner.invoke(self._hidden(messages), stop=stop, **kwargs)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _hidden(self, asked: LanguageModelInput) -> list[BaseMessage]:
        if isinstance(asked, PromptValue):
            messages = asked.to_messages()
        else:
            messages = convert_to_messages([asked] if isinstance(asked, str) else cast(Sequence[Any], asked))
        hidden = [each.model_copy(update={"content": self.redaction.hide_data(each.content)}) for each in messages]
        changed = any(one.content != other.content for one, other in zip(hidden, messages, strict=True))
        if changed and isinstance(hidden[0], SystemMessage):
            hidden[0] = SystemMessage(f"{hidden[0].text}\n\n{_NOTE}")
        return hidden


def shielded(model: BaseChatModel, redaction: Redaction) -> BaseChatModel:
    """The model behind the redaction; the model itself where nothing is to be hidden."""
    if not redaction.on:
        return model
    return ShieldedModel(inner=model, redaction=redaction, profile=model.profile)
