"""`tta safety`: what the safety agent says of a set of conversations."""

import asyncio
import sys
from collections import Counter
from contextlib import AsyncExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from langchain_core.language_models import BaseChatModel

    from agents.safety.check import Checked, Settle

from agents.errors import InvalidInput
from api.cli import auditing, training
from api.cli.output import counted, print_json, table

SHOWN = 20
"""Conversations that the table names."""


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    safety = typer.Typer(help="What the safety agent says, and how well.", no_args_is_help=True, rich_markup_mode=None)
    safety.command("check", help="Screen a set of conversations as a session's turns are screened.")(check)
    safety.command("rules", help="List the rules of a folder, once all of their own cases hold.")(rules)
    auditing.register(safety)
    training.register(safety)
    app.add_typer(safety, name="safety")


def check(
    file: Annotated[
        Path,
        typer.Option(
            "--in", help='JSON Lines: {"id", "text"} or {"id", "messages": [...]}, one a line; `-`: standard input.'
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON each, instead of a table of them all.")
    ] = False,
    judged_by: Annotated[
        str, typer.Option("--judge", help="A model (provider:name) for what rules and classifier are not sure of.")
    ] = "",
) -> None:
    from agents.safety.check import check as check_one  # noqa: PLC0415 - none of it is needed for a command's help
    from agents.safety.check import read_conversations  # noqa: PLC0415
    from agents.safety.screen import Screen  # noqa: PLC0415
    from graphs.archive.files import reading  # noqa: PLC0415
    from graphs.settings import read_settings  # noqa: PLC0415

    place = "standard input" if str(file) == "-" else str(file)
    with nullcontext(sys.stdin.buffer) if str(file) == "-" else reading(file) as lines:
        conversations = list(read_conversations(lines, place))  # all of them, before the first is screened
    if not conversations:
        raise InvalidInput("There is no conversation in it", place=place, cure="Write one a line.")
    screen, told = Screen.load(read_settings().safety_dir), list["Checked"]()
    with judging(judged_by) as judge:
        screen.warm()
        for conversation in conversations:
            checked = check_one(screen, conversation, judge)
            if as_json:
                print_json(checked)
            told.append(checked)
    if not as_json:
        _summary(told)


def _summary(told: "Sequence[Checked]") -> None:
    """Which were not let pass, and why; how many there are of what; how long it took."""
    flagged = [one for one in told if one["action"] != "allow"]
    if flagged:
        shown = [
            [str(one["id"])[:40], one["action"], str(one["first_flagged_turn"]), ", ".join(reasons_of(one))]
            for one in flagged[:SHOWN]
        ]
        table(["id", "action", "turn", "because of"], shown, gives="because of")
    if len(flagged) > SHOWN:
        typer.echo(f"... and {len(flagged) - SHOWN:,} more; --json tells all of them.")
    found = Counter((one["action"], category) for one in told for category in one["categories"] or ["-"])
    rows = [[action, category, str(count)] for (action, category), count in sorted(found.items())]
    table(["action", "category", "conversations"], rows)
    slowest = sorted(one["ms"] for one in told)
    p95 = slowest[int(len(slowest) * 0.95)]
    typer.echo(f"{counted(len(told), 'conversation')}; 95 of 100 took at most {p95:.1f} ms a turn.")


def reasons_of(checked: "Checked") -> list[str]:
    """The signals of the turn that was flagged first, each once, as `source:id`."""
    first = [signal for signal in checked["signals"] if signal["turn"] == checked["first_flagged_turn"]]
    return list(dict.fromkeys(f"{signal['source']}:{signal['id']}" for signal in first))


@contextmanager
def judging(spec: str) -> "Generator[Settle | None]":
    """The judge of that spec, its model open meanwhile; None without one.

    Raises UnknownModel, InvalidSetting for one that cannot work, before anything is screened.
    """
    if not spec:
        yield None
        return
    from agents.models import check_judge, open_model  # noqa: PLC0415
    from agents.prompts import Prompts  # noqa: PLC0415
    from agents.safety.judge import Judge  # noqa: PLC0415
    from graphs.settings import read_settings  # noqa: PLC0415

    check_judge(spec)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        model = runner.run(stack.enter_async_context(open_model(spec)))

        async def opened() -> "BaseChatModel":
            return model

        judge = Judge(opened, Prompts().get("judge"), timeout_s=read_settings().safety_timeout_s)
        try:
            yield lambda screened, text, heard: runner.run(judge.settle(screened, text, heard))
        finally:
            runner.run(stack.aclose())


def rules(
    folder: Annotated[
        Path | None, typer.Argument(help="With action.yaml and narration.yaml; without one, the rules in force.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON a rule, instead of a table.")] = False,
) -> None:
    from agents.safety.cases import check_cases  # noqa: PLC0415
    from agents.safety.rule_file import GATES, safety_folder  # noqa: PLC0415
    from agents.safety.rules import check_gate, load_rules  # noqa: PLC0415
    from graphs.settings import read_settings  # noqa: PLC0415

    where = folder or read_settings().safety_dir or safety_folder()
    sets = {gate: load_rules(where / f"{gate}.yaml") for gate in GATES}
    for gate, one in sets.items():
        check_gate(one, gate, str(where / f"{gate}.yaml"))
        check_cases(one)
    told = [
        {
            "gate": gate,
            "id": rule.id,
            "category": rule.category,
            "says": rule.tier or rule.action or f"{rule.at_risk} at risk",
            "patterns": len(rule.any),
            "cases": len(rule.must) + len(rule.must_not),
        }
        for gate, one in sets.items()
        for rule in one.file.rules
    ]
    if as_json:
        for row in told:
            print_json(row)
        return
    columns = ("gate", "id", "category", "says", "cases")
    table(list(columns), [[str(row[column]) for column in columns] for row in told])
    typer.echo(f"{counted(len(told), 'rule')} in {where}; every case holds.")
