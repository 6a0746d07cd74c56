"""What `tta doctor` looks at: each part, what was found there, and what to do about it."""

import importlib.util
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from datetime import date

from typing_extensions import TypedDict

from agents.errors import InvalidSetting, StoryError
from agents.models.embedding import open_embedder
from agents.models.opening import PROVIDERS, check_judge, check_spec
from agents.prompts import Prompts
from agents.safety.cases import check_cases
from agents.safety.classifying.network import check_network
from agents.safety.classifying.weights import read_weights
from agents.safety.crisis import VERIFIED_DAYS, stale_contacts
from agents.safety.rule_file import GATES, safety_folder
from agents.safety.rules import load_rules
from agents.world.load import load_world, shipped_worlds
from api.auth.rules import read_rules
from api.cli.output import counted
from api.cli.variables import given_variables, unknown_variables
from api.observability.collector import check_collector, named_endpoints
from api.observability.opening import can_trace, check_tracing
from graphs.audit.webhook import webhook_target
from graphs.settings import Settings, read_settings


class Check(TypedDict):
    """One part. `found` and `cure` are one line each and hold no secret."""

    what: str
    ok: bool
    found: str
    cure: str


async def examine() -> list[Check]:
    """All checks, each for itself: one that fails hides no other."""
    checks = [_one("python", lambda: f"{platform.python_version()} on {sys.platform}")]
    try:
        settings = read_settings()
    except StoryError as error:
        return [*checks, _failed("settings", error)]
    checks.append(
        _one(
            "settings",
            lambda: (
                f"model {settings.model}, tenant {settings.tenant}, data in {settings.data_dir}, {_sealing(settings)}"
            ),
        )
    )
    checks.append(_one("variables", _variables))
    checks.append(_one("safety", lambda: _safety(settings)))
    checks.append(_one("safety webhook", lambda: _webhook(settings)))
    checks.append(_one("login", lambda: _login(settings)))
    checks.append(_one("telemetry", lambda: _telemetry(settings)))
    checks.append(await _wait("stores", lambda: _stores(settings)))
    checks.append(_one("model", lambda: _model(settings.model)))
    checks.append(await _wait("embedder", lambda: _embedder(settings.embedder)))
    checks.append(_one("extras", _extras))
    checks.append(_one("worlds", lambda: ", ".join(load_world(name).world.world for name in shipped_worlds())))
    checks.append(_one("prompts", _prompts))
    return checks


def _login(settings: Settings) -> str:
    """How the API knows its callers."""
    rules = read_rules(settings)
    if rules.mode == "none":
        return "none: the API is for this machine alone"
    whom = f"whoever {rules.issuer} vouches for" if rules.mode == "jwks" else "accounts of its own"
    return f"{rules.mode}: {whom}, and API keys; asked as {', '.join(sorted(rules.hosts))}"


def _telemetry(settings: Settings) -> str:
    """Where traces go; not the address, which may hold a key. Raises InvalidSetting where no collector listens."""
    check_tracing(settings)
    if settings.otel == "otlp":
        check_collector()
    places = {"": "none", "console": "to stderr", "otlp": "to a collector that listens, by OTLP over HTTP"}
    named = named_endpoints()
    where = places[settings.otel] + (f" ({', '.join(named) or 'on this machine'})" if settings.otel == "otlp" else "")
    unused = f"; {', '.join(named)} is not used: set TTA_OTEL=otlp" if named and settings.otel != "otlp" else ""
    return f"traces {where}; metrics at /metrics of `tta serve` and `tta worker --metrics-port`{unused}"


def _one(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what=what, ok=True, found=look(), cure="")
    except StoryError as error:
        return _failed(what, error)


async def _wait(what: str, look: Callable[[], Awaitable[str]]) -> Check:
    try:
        return Check(what=what, ok=True, found=await look(), cure="")
    except StoryError as error:
        return _failed(what, error)


def _failed(what: str, error: StoryError) -> Check:
    cause = f"{error.place}: {error.cause}" if error.place else error.cause
    choices = f" Choose from: {', '.join(error.choices)}." if error.choices else ""
    return Check(what=what, ok=False, found=cause, cure=error.cure + choices)


def _sealing(settings: Settings) -> str:
    return f"encrypted, search {settings.encryption_search}" if settings.encryption_keys else "not encrypted"


def _webhook(settings: Settings) -> str:
    """Never the address: it may hold a secret. Nothing is sent."""
    target = webhook_target(settings)
    return f"signed with {counted(len(target.secrets), 'secret')}" if target else "none"


def _variables() -> str:
    """Raises InvalidSetting for a variable that no setting has."""
    for unknown in unknown_variables():
        raise unknown
    return ", ".join(given_variables()) or "none set"


def _safety(settings: Settings) -> str:
    """Whether every rule holds its own cases, and how long ago somebody checked the contacts."""
    rules = [load_rules((settings.safety_dir or safety_folder()) / f"{gate}.yaml") for gate in GATES]
    for one in rules:
        check_cases(one)
    if stale := stale_contacts(date.today()):
        raise InvalidSetting(
            f"{counted(len(stale), 'crisis contact')} not verified for {VERIFIED_DAYS} days: {'; '.join(stale[:3])}",
            place=str(safety_folder() / "resources.yaml"),
            cure="Check each with the service, and write down the day.",
        )
    if settings.safety_model:
        check_judge(settings.safety_model)
    sources = read_weights().sources
    check_network(sources["network"])
    told = f"{sum(len(one.rules) for one in rules)} rules hold their cases; a classifier of {sources['examples']:,} examples"
    return told + (f"; judged by {settings.safety_model}" if settings.safety_model else "; no judge")


async def _stores(settings: Settings) -> str:
    from graphs.stores import describe_redis, open_stores  # noqa: PLC0415

    async with open_stores(settings) as stores:
        found = await stores.memory.version()
        redis = await describe_redis(stores)
    graph = ", ".join(f"{key} {value}" for key, value in found.items())
    return f"{redis}; story memory: {graph}"


def _model(spec: str) -> str:
    check_spec(spec)
    return spec


async def _embedder(name: str) -> str:
    embedder = await open_embedder(name)
    if embedder is None:
        return "none: past moments are found by their words"
    [vector] = await embedder.embed(["a lantern"])
    return f"{embedder.name}, {len(vector)} dimensions"


def _extras() -> str:
    """Which optional packages and keys are there; never the keys themselves."""
    packages = {p.extra: p for p in PROVIDERS.values()}
    installed = [name for name, p in packages.items() if importlib.util.find_spec(p.package)]
    local = {"local": "xllamacpp", "vectors": "onnxruntime", "encryption": "cryptography", "train": "jax"}
    installed += [name for name, package in local.items() if importlib.util.find_spec(package)]
    installed += ["otel"] if can_trace("otlp") else []
    keys = [p.key for p in packages.values() if p.key and os.environ.get(p.key)]
    return f"installed: {', '.join(installed) or 'none'}; keys set: {', '.join(keys) or 'none'}"


def _prompts() -> str:
    library = Prompts()
    return ", ".join(f"{name} {library.get(name).fingerprint}" for name in library.names())
