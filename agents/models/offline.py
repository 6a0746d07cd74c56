"""The storyteller that needs no network: a chat model that reads the same rendered prompt as any other.

It finds the scene in the prompt's fence of that name and tells it (`agents/models/storyteller`), token by token. Asked to
interpret a sentence, it answers with the best command that the scene's names allow; asked for a chapter's summary, with what
happened in it.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

if TYPE_CHECKING:
    from agents.safety.screen import Screen

from agents.fences import read_fences
from agents.models.storyteller import tell
from agents.models.storyteller.chapter import tell_chapter, tell_so_far
from agents.safety.topics import topics_of
from agents.world.avoidance import leave_out

_TOKEN = re.compile(r"\s*\S+")


class OfflineStoryteller(BaseChatModel):
    """Deterministic: the same prompt gives the same answer."""

    @property
    def _llm_type(self) -> str:
        return "offline"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del stop, run_manager, kwargs
        text = answer(messages)
        message = AIMessage(content=text, usage_metadata=_usage(messages, text))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        del stop, run_manager, kwargs
        text = answer(messages)
        for token in _TOKEN.findall(text):
            yield ChatGenerationChunk(message=AIMessageChunk(content=token))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=_usage(messages, text)))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        del run_manager
        for chunk in self._stream(messages, stop, None, **kwargs):
            yield chunk


def answer(messages: list[BaseMessage]) -> str:
    """What the storyteller says to a rendered prompt; a line that asks for a scene where there is none."""
    held = read_fences("\n".join(str(message.text) for message in messages))
    chapter, scene = held.get("chapter"), held.get("scene")
    if isinstance(chapter, dict) and "happenings" in chapter:
        text = tell_chapter(chapter["happenings"])
        told = {"summary": text, "story_so_far": tell_so_far(str(chapter.get("so_far", "")), text)}
        return json.dumps(told, ensure_ascii=False)
    if isinstance(said := held.get("said"), list) and said:
        return json.dumps({"tier": judging_screen().action(str(cast(list[Any], said)[-1]))["tier"]})
    if not isinstance(scene, dict) or "beats" not in scene:
        return "The page before you is blank, and stays so."
    if "action" in held:
        return json.dumps({"command": guess_command(scene, str(held["action"]))}, ensure_ascii=False)
    told = leave_out(tell(scene), topics_of(tuple(map(str, scene.get("avoid", ())))))
    if "released" in held:
        return _after(told, str(held["released"]).strip())
    return told


@cache
def judging_screen() -> "Screen":
    """The rules, for a judge that has nothing else."""
    from agents.safety.screen import Screen  # noqa: PLC0415 - only a judge needs it

    return Screen.of_rules()


def guess_command(scene: dict[str, Any], sentence: str) -> str:
    """A command for what is named in a sentence: a person to talk to, a thing to look at, a way to go; else nothing."""
    low = sentence.lower()
    for person in scene.get("people", []):
        if str(person.get("name", "")).lower().removeprefix("the ") in low:
            return f"talk to {person['name']}"
    for thing in [*scene.get("items", []), *scene.get("carried", [])]:
        bare = re.sub(r"^(?:the|your) ", "", str(thing).lower())
        if bare in low or bare.split()[-1] in low.split():
            return f"examine {bare}"
    for way in scene.get("exits", []):
        if str(way.get("direction")) in low.split() or str(way.get("place", "\0")).lower() in low:
            return f"go {way['direction']}"
    return ""


def _after(told: str, released: str) -> str:
    """What is left to tell after the sentences that are out already."""
    flat, done = re.sub(r"\s+", " ", told), re.sub(r"\s+", " ", released)
    if flat.startswith(done):
        return flat[len(done) :].strip()
    rest = [s for s in re.split(r"(?<=[.!?]) ", flat) if s and s not in done]
    return " ".join(rest[-2:])


def _usage(messages: list[BaseMessage], text: str) -> UsageMetadata:
    """Counts words: this model has no tokens of its own."""
    read, written = sum(len(str(m.text).split()) for m in messages), len(text.split())
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
