"""`tta safety audit`: what the safety gates decided, without a word of anybody."""

import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from agents.errors import InvalidInput
from agents.story import Tier
from api.cli.output import engine_of, print_json, table, wait_for

if TYPE_CHECKING:
    from graphs.audit.entries import Entry
    from graphs.auditing import AuditFigures

MAX_TEXT = 1_000_000
"""Bytes of a text that is looked for."""

AUDIT = """What the safety gates decided, newest first: refusals, check-ins, crises, rewritten narrations; no words.

Kept for TTA_AUDIT_DAYS (90): what is older is not shown, and gone once this is asked. TIER is none, check_in or crisis.

--json: {"tenant", "entries": [{"id", "at", "session", "turn", "gate", "tier", "action", "categories", "signals",
"rules", "hash", "answer"}], "tiers": {TIER: n}, "verdicts": [{"gate", "tier", "action", "count"}], "rewrites":
{CATEGORY: n}, "webhook": {"delivered", "failed", "given_up", "owed"}, "writes": {"failed", "lost"}}. Counts are of all
times. `session` is empty where a request named none that there is, `turn` where no turn answers; `answer` is `turn`,
or the code of the error that turned the request away."""

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def register(safety: typer.Typer) -> None:
    """Adds the command to `tta safety`."""
    safety.command("audit", help=AUDIT)(audit)


def audit(
    session: Annotated[str, typer.Option(help="Only this session.")] = "",
    tier: Annotated[str, typer.Option(help="Only this tier.", metavar="TIER")] = "",
    since: Annotated[
        str,
        typer.Option(help="From then on: `2026-11-24`, `2026-11-24T04:20`, `2026-11-24T04:20Z`, `90m`, `24h`, `7d`."),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many entries.")] = 50,
    match: Annotated[
        str, typer.Option(help="Only those of the text in this file, or `-`: on standard input; never in the command.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    if tier and tier not in get_args(Tier):
        raise InvalidInput(f"There is no tier '{tier[:40]}'", choices=get_args(Tier))
    since_ms = int(moment(since).timestamp() * 1000) if since else 0
    text = read_text(match) if match else None
    wanted = cast("Tier | None", tier or None)

    async def work() -> None:
        async with engine_of() as engine:
            entries = await engine.audit_entries(
                session=session, tier=wanted, since_ms=since_ms, limit=limit, text=text
            )
            figures, tenant = await engine.audit_figures(), engine.settings.tenant
        if as_json:
            print_json({"tenant": tenant, "entries": entries, **totals(figures)})
        else:
            _show(entries, figures, limited=len(entries) == limit)

    wait_for(work)


def moment(since: str) -> datetime:
    """What `--since` means. A time without a zone is UTC, as the entries' are. Raises InvalidInput."""
    try:
        if ago := _AGO.fullmatch(since):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        said = datetime.fromisoformat(since)
        return said.replace(tzinfo=said.tzinfo or UTC) if 1970 < said.year < 3000 else _no_time(since)
    except (ValueError, OverflowError):
        return _no_time(since)


def _no_time(since: str) -> datetime:
    raise InvalidInput(
        f"--since '{since[:40]}' is no time",
        cure="Write it so.",
        choices=["2026-11-24", "2026-11-24T04:20", "2026-11-24T04:20Z", "90m", "24h", "7d"],
    )


def read_text(name: str) -> str:
    """The text of a file, or of standard input. Raises InvalidInput."""
    from graphs.archive.files import reading  # noqa: PLC0415 - none of it is needed for a command's help

    if name == "-":
        raw = sys.stdin.buffer.read(MAX_TEXT + 1)
    else:
        with reading(Path(name)) as file:
            raw = file.read(MAX_TEXT + 1)
    place = "standard input" if name == "-" else name
    if len(raw) > MAX_TEXT:
        raise InvalidInput("The text is longer than 1 MB", place=place, cure="Give one text.")
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise InvalidInput("The text is not UTF-8", place=place, cure="Save it as UTF-8.") from None
    if not text:
        raise InvalidInput("There is no text in it", place=place, cure="Give the text to look for.")
    return text


def totals(figures: "AuditFigures") -> dict[str, object]:
    """The counts of all times, as `--json` tells them."""
    tiers, verdicts, rewrites = (
        Counter[str](dict.fromkeys(get_args(Tier), 0)),
        list[dict[str, object]](),
        dict[str, int](),
    )
    counts = figures["counts"] or {}
    for name, count in sorted(counts.items()):
        kind, *parts = name.split("|")
        if kind == "verdicts" and len(parts) == 3:
            gate, tier, action = parts
            tiers[tier] += count
            verdicts.append({"gate": gate, "tier": tier, "action": action, "count": count})
        elif kind == "rewrites":
            rewrites[parts[0]] = count
    outcomes = {name: counts.get(f"webhook|{name}", 0) for name in ("delivered", "failed", "given_up")}
    return {
        "tiers": dict(tiers),
        "verdicts": verdicts,
        "rewrites": rewrites,
        "webhook": {**outcomes, "owed": figures["owed"]},
        "writes": {name: counts.get(f"audit|{name}", 0) for name in ("failed", "lost")},
    }


def _show(entries: "list[Entry]", figures: "AuditFigures", *, limited: bool) -> None:
    rows = [
        [
            entry["at"][:19].replace("T", " "),
            entry["session"] or "-",
            entry["gate"],
            entry["tier"],
            entry["action"],
            entry["answer"],
            ", ".join(entry["categories"]),
        ]
        for entry in entries
    ]
    if rows:
        table(
            ["when (UTC)", "session", "gate", "tier", "action", "answered by", "categories"], rows, gives="categories"
        )
    said = "1 entry" if len(rows) == 1 else f"{len(rows)} entries"
    typer.echo(f"{said}{'; --limit shows more' if limited else ''}.")
    told = totals(figures)
    by_tier = cast(dict[str, int], told["tiers"])
    typer.echo("All times: " + ", ".join(f"{tier} {count}" for tier, count in by_tier.items()) + ".")
    if rewrites := cast(dict[str, int], told["rewrites"]):
        typer.echo("Narrations rewritten: " + ", ".join(f"{name} {count}" for name, count in rewrites.items()) + ".")
    webhook, writes = cast(dict[str, int], told["webhook"]), cast(dict[str, int], told["writes"])
    if any(webhook.values()):
        typer.echo("Webhook: " + ", ".join(f"{name} {count}" for name, count in webhook.items()) + ".")
    if any(writes.values()):
        typer.echo(f"Writes that failed and were tried again: {writes['failed']}; entries lost: {writes['lost']}.")
