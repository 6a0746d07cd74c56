"""By which names models are told to whoever watches.

A model that a session names may be anything that a client writes: it is told by its name once it has answered, or where the
operator's own settings name it; until then it is `other`. Apart from `graphs.modelcalls`, which needs LangChain.
"""

import re

from agents.models.opening import PROVIDERS

OTHER = "other"

MOST_NAMED = 256
"""Models that one process names. The rest are `other`."""

_NAME = re.compile(r"[\w.:/@+-]{1,80}")

_answered: set[str] = set()
"""Specs under which a model has answered in this process."""


def trust(*specs: str) -> None:
    """The operator's own specs: told by their name whether they answer or not."""
    _answered.update(spec for spec in specs if spec)


def provider_of(spec: str) -> str:
    """`openai` of `openai:NAME`; `tta` for what runs in this process; `other` for any that has no extra of ours."""
    provider = spec.partition(":")[0]
    if provider in ("offline", "local"):
        return "tta"
    provider = {"google": "google_genai"}.get(provider, provider)
    return provider if provider in PROVIDERS else OTHER


def model_of(spec: str) -> str:
    """The name of a model that is known; `other` for any else. Of a model file, not where it lies."""
    provider, _, name = spec.partition(":")
    if provider in ("offline", "local"):
        return provider
    return name if spec in _answered and _NAME.fullmatch(name) else OTHER


def has_answered(spec: str) -> None:
    """From now on it is told by its name, as long as these are not too many."""
    if len(_answered) < MOST_NAMED:
        _answered.add(spec)
