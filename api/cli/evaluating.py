"""`tta eval`: the prompts' cases against a model."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.output import print_json, table, wait_for

if TYPE_CHECKING:
    from graphs.evals.run import CaseReport


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("eval", help="Run the prompts' cases; exit code 100 when one fails.")(evaluate)


def evaluate(
    name: Annotated[str, typer.Argument(help="One prompt; without it all of them.")] = "",
    model: Annotated[str, typer.Option(help="offline, local or provider:name.")] = "offline",
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    async def work() -> int:
        from graphs.evals import run_evals  # noqa: PLC0415

        def progress(prompt: str, case: "CaseReport") -> None:
            if not as_json:
                typer.echo(f"{'ok  ' if case['passed'] else 'FAIL'} {prompt}: {case['name']}", err=True)

        report = await run_evals([name] if name else None, model, progress=progress)
        if as_json:
            print_json(report)
        else:
            rows = [
                [r["prompt"], case["name"], check, result["reason"][:100]]
                for r in report["prompts"]
                for case in r["cases"]
                for check, result in case["assertions"].items()
                if not result["passed"]
            ]
            if rows:
                table(["prompt", "case", "failed", "why"], rows)
            typer.echo(f"{report['passed']} passed, {report['failed']} failed with {report['model']}.")
        return 100 if report["failed"] else 0

    wait_for(work)
