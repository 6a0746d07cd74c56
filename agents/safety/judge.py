"""The model judge, optional (`TTA_SAFETY_MODEL`): it is asked only about what rules and classifier are not sure of.

It can raise a check-in to a crisis, and let pass what the classifier alone would have asked about; what a rule has found
stands whatever it says. No answer, a late one, a refusal or anything but the JSON that was asked for counts as the more
careful tier: a check-in.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from agents.prompts import Prompt, answering
from agents.safety.heard import older, with_text
from agents.safety.screen import LEVELS, Screened
from agents.story import Heard, Signal, Tier, Verdict

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

READ = 2_000
"""Characters of an action that the judge reads: of a longer one its beginning and its end."""

CAREFUL: Tier = "check_in"
"""What is decided where the judge does not answer."""

_TIERS: tuple[Tier, ...] = ("none", "check_in", "crisis")


class Judge:
    """Asks one model."""

    def __init__(self, model: "Callable[[], Awaitable[BaseChatModel]]", prompt: Prompt, *, timeout_s: float) -> None:
        """`model` opens the model when it is first needed; one that cannot be opened does not answer."""
        self._model = model
        self._prompt = prompt
        self._timeout_s = timeout_s

    async def settle(self, screened: Screened, text: str, heard: Sequence[Heard] = ()) -> Screened:
        """What was screened, with the judge's word where it was not sure. Raises nothing."""
        if not screened.unsure:
            return screened
        said = [
            *(one["text"] for one in heard),
            text if len(text) <= READ else f"{text[: READ // 2]} ... {text[-READ // 2 :]}",
        ]
        tier = await self._ask(said)
        verdict = _verdict(screened.verdict, tier)
        # What the judge lets pass is still kept in mind: the next words may change what these mean.
        keep = with_text(older(heard), text) if tier == "none" else screened.heard
        return Screened(verdict, keep, unsure=False)

    async def _ask(self, said: list[str]) -> Tier | None:
        """The judge's tier; None where it did not say one."""
        try:
            async with asyncio.timeout(self._timeout_s):
                model = await self._model()
                answer = await answering(model, self._prompt).ainvoke(self._prompt.render(said=said))
            return read_tier(str(answer.text))
        except Exception:  # whatever failed, it did not answer
            return None


def read_tier(text: str) -> Tier | None:
    """The tier of a `{"tier": ...}` answer and nothing else; None for anything that is not that."""
    bare = re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip())
    try:
        data = json.loads(bare)
    except (ValueError, RecursionError):
        return None
    tier = data.get("tier") if isinstance(data, dict) and set(data) == {"tier"} else None
    return tier if tier in _TIERS else None


def _verdict(verdict: Verdict, tier: Tier | None) -> Verdict:
    signal = Signal(
        source="judge" if tier else "limit",
        id=f"judge_{tier}" if tier else "judge_failed",
        category=next(iter(verdict["categories"]), "suicide") if tier else "limit",
        confidence=1.0,
    )
    decided = tier or CAREFUL
    speaks = decided != "none"
    return Verdict(
        gate="action",
        tier=decided,
        action=decided if decided != "none" else "allow",
        categories=list(dict.fromkeys([*verdict["categories"], signal["category"]])) if speaks else [],
        signals=[*verdict["signals"], signal] if speaks else [signal],
        signal_level=max(LEVELS[decided], 1 if verdict["signal_level"] == 1 else 0),
    )
