"""Every setting, in one class, read once at the entry points.

Each is an environment variable with the prefix `TTA_`; a `.env` file is not read, so that what is set can be seen. Each may
also be a file of that name, in upper or lower case, in the folder that TTA_SECRETS_DIR names (Docker and Kubernetes hand
secrets over so), as may the models' keys (`MODEL_KEYS`). The environment goes first, where it is not empty.
"""

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast, get_args

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from agents.errors import InvalidSetting
from agents.safety.countries import COUNTRIES
from agents.safety.crisis import country_of
from graphs.cluster.urls import SCHEMES, is_cluster, read_cluster_url
from graphs.quotas import Policy, parse_quota


class Settings(BaseSettings):
    """Where things are and how long they may take. Nothing here is ever logged."""

    model_config = SettingsConfigDict(env_prefix="TTA_", env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Path = Field(default_factory=lambda: user_data_path("tta"))
    """Holds the embedded server's data; used only where no server is configured."""
    redis_url: SecretStr | None = None
    """`redis://`, `rediss://` or `unix://`; of a Cluster `redis+cluster://` or `rediss+cluster://`, with some of its nodes,
    parted by commas. May carry a password."""
    redis_pool: int = Field(1_000, ge=8, le=10_000)
    """Connections to Redis at most, a process, to each node of a Cluster; the checkpointer and the wake-ups keep one each.
    See `graphs.pools`."""
    redis_queue_pool: int = Field(100, ge=32, le=10_000)
    """Connections of each of docket's two pools at most, a process: one to nudge, one to listen. A worker's are as many as
    the sessions that it plays at once want, if those are more."""
    redis_timeout_s: float = Field(30.0, ge=1, le=600)
    """Longest wait for an answer of Redis."""
    neo4j_uri: str | None = None
    """`bolt://` or `neo4j://`, plain or with `+s`."""
    neo4j_user: str = "neo4j"
    neo4j_password: SecretStr = SecretStr("")
    neo4j_database: str = "neo4j"
    neo4j_pool: int = Field(100, ge=1, le=10_000)
    """Connections to Neo4j at most, a process."""
    neo4j_timeout_s: float = Field(20.0, ge=1, le=600)
    """After which Neo4j gives a statement up. A free connection is waited for as long, or for 10 s."""
    falkordb_pool: int = Field(64, ge=1, le=10_000)
    """Connections to the embedded graph at most, a process."""
    falkordb_timeout_s: float = Field(10.0, ge=1, le=600)
    """Longest wait for an answer of the embedded graph."""
    model: str = "offline"
    """`offline`, `local`, `local:/path/to.gguf` or `provider:name`."""
    models: str = ""
    """Models, parted by commas, that players who log in may name besides that one and `offline`."""
    safety_model: str = ""
    """A model that judges what rules and classifier are not sure of; empty: none does."""
    safety_timeout_s: float = Field(5.0, gt=0, le=60)
    """Longest wait for that model; then the more careful tier is taken."""
    model_timeout_s: float = Field(60.0, gt=0, le=600)
    """Longest wait for the model's next words."""
    model_total_s: float = Field(180.0, gt=0, le=3600)
    """Longest time that the telling of one turn may take."""
    redact: Literal["remote", "always", "never"] = "remote"
    """Which models get placeholders for personal data: those not on this machine (all but `offline`, `local`), all, none."""
    embedder: Literal["", "minilm"] = ""
    """`minilm`; empty: past moments are found by their words alone."""
    reminder_tokens: int = Field(1_000, ge=0, le=100_000)
    """Tokens, as estimated, of what the narrator is reminded of: the story so far, past moments, what was just told."""
    tenant: str = "local"
    """1 to 64 letters, digits, `_` or `-`."""
    safety_dir: Path | None = None
    """Folder with an operator's own `action.yaml` and `narration.yaml`; empty: the shipped rules. Read again on a change."""
    locale: str = ""
    """Country of the crisis resources, such as `GB`; empty: the international ones."""
    encryption_keys: SecretStr | None = None
    """Fernet keys, parted by commas: the first seals, all open. See `graphs.sealing`."""
    encryption_search: Literal["none", "hashed"] = "none"
    """What recall can search of a sealed story: nothing but the last turns, or keyed hashes of its words."""
    audit_days: int = Field(90, ge=1, le=3650)
    """How long the safety audit keeps its entries."""
    audit_key: SecretStr | None = None
    """What the audit hashes texts with, 32 characters or more; empty: a key that is made once and lies in Redis."""
    safety_webhook_url: SecretStr | None = None
    """Is told of crises. `https://`, or `http://` on this machine. See `graphs.audit.webhook`."""
    safety_webhook_secret: SecretStr | None = None
    """Signs what it is told: 24 to 64 bytes in base64, `whsec_` before it or not. Several, parted by commas, all sign."""
    event_ttl_s: int = Field(900, ge=60, le=86_400)
    """How long a turn's event stream can be read again."""
    idempotency_ttl_s: int = Field(86_400, ge=60, le=30 * 86_400)
    """How long an Idempotency-Key is remembered, with the answer. See `graphs.repeats`."""
    queue: Literal["here", "workers"] = "here"
    """Who plays turns for which nobody waits (`Prefer: respond-async`): the process that took them, or `tta worker`."""
    linger_s: float = Field(5.0, ge=0, le=3600)
    """How long the embedded server outlives its last client."""
    drain_s: float = Field(0.0, ge=0, le=300)
    """How long `tta serve` goes on after SIGTERM while `/health/ready` says no, so that a balancer sends it no more."""
    auth: Literal["none", "local", "jwks"] = "none"
    """Who may use the API: everybody on this machine; accounts of its own; those whom an external issuer vouches for."""
    auth_secret: SecretStr | None = None
    """Signs the tokens of `local`: 32 bytes or more."""
    auth_secret_file: Path | None = None
    """The file that holds it instead."""
    token: SecretStr | None = None
    """What `tta play --server` goes to a server with: a token, or an API key."""
    auth_issuer: str = ""
    """The `iss` of tokens; empty: `tta`. `jwks` needs it."""
    auth_audience: str = ""
    """The `aud` of tokens; empty: `tta`. `jwks` needs it."""
    auth_jwks_url: str = ""
    """Where the issuer's keys are: `https://`, or `http://` on this machine."""
    auth_role_claim: str = "role"
    """Where an issuer's tokens say the role, such as `role` or `realm_access.roles`; without one it is a player."""
    allowed_hosts: str = ""
    """Names, parted by commas, under which the API may be asked besides this machine's own. Needs a login."""
    otel: Literal["", "otlp", "console"] = ""
    """Where traces go: nowhere; to a collector, which OpenTelemetry's own variables name (OTEL_EXPORTER_OTLP_ENDPOINT and
    others; by themselves they send nothing); to stderr."""
    log: Literal["", "json", "text"] = ""
    """How the log is written; empty: JSON, and text where a person is looking."""
    cors_origins: str = ""
    """Origins, parted by commas, whose pages may ask too: `https://play.example`. Needs a login."""

    limit_requests: str = ""
    """Requests from one address, such as `600/minute`; `off` for none. This and the next: see `graphs.quotas`."""
    limit_turns: str = ""
    """Turns of one player, such as `30/minute`."""
    limit_key_turns: str = ""
    """Turns under one API key, whoever plays: `600/minute`."""
    limit_sessions: str = ""
    """Sessions that one player begins: `50/day`."""
    limit_streams: str = ""
    """Event streams and sockets that one player has open at a time: `8`."""
    limit_tokens: str = ""
    """A model's tokens for one player: `1000000/day`."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        if isinstance(value, str | Path) and any("\ud800" <= c <= "\udfff" for c in str(value)):
            raise ValueError("must be text in UTF-8")
        return value

    @field_validator("tenant")
    @classmethod
    def _usable_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
            raise ValueError("must be 1 to 64 letters, digits, _ or -")
        return value

    @field_validator("locale")
    @classmethod
    def _known_country(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z]{2}|[a-z]{2}[-_][A-Z]{2}", value):
            raise ValueError("must be a country such as GB, or a language and a country such as en-GB")
        country = country_of(value.upper() if len(value) == 2 else value)
        if value and country not in COUNTRIES:
            raise ValueError("must name a country by its ISO 3166 code, such as GB")
        return country

    @field_validator("neo4j_uri")
    @classmethod
    def _known_scheme(cls, value: str | None) -> str | None:
        schemes = ("bolt://", "bolt+s://", "bolt+ssc://", "neo4j://", "neo4j+s://", "neo4j+ssc://")
        if value and not value.startswith(schemes):
            raise ValueError(f"must begin with one of {', '.join(schemes)}")
        return value or None

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("redis://", "rediss://", "unix://", *(f"{scheme}://" for scheme in SCHEMES))
        if value and value.get_secret_value() and not value.get_secret_value().startswith(schemes):
            raise ValueError(f"must begin with one of {', '.join(schemes)}")
        if value and is_cluster(value.get_secret_value()):
            read_cluster_url(value.get_secret_value())
        return value if value and value.get_secret_value() else None

    @field_validator("audit_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value and value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("must have 32 characters or more")
        return value if value and value.get_secret_value() else None

    @field_validator(*(f"limit_{policy}" for policy in get_args(Policy)))
    @classmethod
    def _known_limit(cls, value: str, info: ValidationInfo) -> str:
        if value.strip():
            parse_quota(cast(Policy, str(info.field_name).removeprefix("limit_")), value)
        return value.strip()

    @property
    def embedded(self) -> bool:
        """Whether any part needs the embedded server."""
        return self.redis_url is None or self.neo4j_uri is None


FOLDER = "TTA_SECRETS_DIR"

MODEL_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY")
"""What the vendors' packages look for in the environment."""


def read_settings(**changes: object) -> Settings:
    """The settings of the environment and of TTA_SECRETS_DIR, with the flags given. Raises InvalidSetting with the
    variable's name.
    """
    secrets = _secrets_dir()
    given = {key: value for key, value in changes.items() if value is not None}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of what lies there and is no file: /dev/null, for a secret that is not set
            return cast(Callable[..., Settings], Settings)(_secrets_dir=secrets, **given)
    except ValidationError as error:
        first = error.errors()[0]
        name = "TTA_" + str(first["loc"][0]).upper() if first["loc"] else "TTA_*"
        raise InvalidSetting(f"{name}: {first['msg'].removeprefix('Value error, ')}", cure=f"Correct {name}.") from None


def _secrets_dir() -> Path | None:
    """The folder, if one is named. The models' keys that lie there are put where the vendors look for them."""
    named = os.environ.get(FOLDER)
    if not named:
        return None
    folder = Path(named)
    try:
        files = {file.name.upper(): file for file in folder.iterdir() if file.is_file()}
        keys = {name: files[name].read_text().strip() for name in MODEL_KEYS if name in files}
        for file in files.values():
            if file.name.upper().startswith("TTA_"):
                file.read_text()  # one that may not be read is told here, by the name of the setting
    except (OSError, ValueError) as error:
        place = str(getattr(error, "filename", None) or folder)
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InvalidSetting(
            f"{FOLDER}: what it names cannot be read: {why}", place=place, cure="Correct it, or who may read it."
        ) from None
    for name, key in keys.items():
        if key and not os.environ.get(name):
            os.environ[name] = key
    return folder
