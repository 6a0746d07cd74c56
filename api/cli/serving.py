"""`tta serve`, `tta worker` and `tta doctor`."""

import sys
from typing import Annotated

import typer

from api.cli.output import print_json, wait_for
from api.processes import MOST, check_processes


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("serve", help="The HTTP API on this machine.")(serve)
    app.command("worker", help="Plays the turns for which nobody waits, in a process of its own.")(worker)
    app.command("doctor", help="What is configured, reachable and missing, and how to mend it.")(doctor)


def serve(
    host: Annotated[str, typer.Option(help="Any other than loopback needs a login (TTA_AUTH).")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="If it is taken, the next free one is used.")] = 8000,
    any_host: Annotated[
        bool,
        typer.Option(
            "--any-host",
            envvar="TTA_SERVE_ANY_HOST",
            help="Bind elsewhere without a login: only where nothing but a login of your own, or this machine, reaches it.",
        ),
    ] = False,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            max=MOST,
            envvar="TTA_SERVE_PROCESSES",
            help="Processes behind the port, one a core; above 1 on Linux alone.",
        ),
    ] = 1,
    link: Annotated[int, typer.Option(hidden=True, help="One of several: the socket to who watches it.")] = -1,
) -> None:
    """Serves until it is stopped. It answers only under the names of this machine, and those of TTA_ALLOWED_HOSTS."""
    from api.auth.rules import check_binding  # noqa: PLC0415
    from graphs.settings import read_settings  # noqa: PLC0415

    check_binding(read_settings(), host, any_host=any_host)
    from api.serve import free_port, run_one_of_several, run_server  # noqa: PLC0415

    if link >= 0:
        return run_one_of_several(host, port, link)
    check_processes(processes)
    chosen = _said(port, free_port(host, port))
    raise typer.Exit(run_server(host, chosen, processes=processes, any_host=any_host))


def _said(port: int, chosen: int) -> int:
    if chosen != port and port:
        print(f"tta: port {port} is in use; serving on {chosen} instead.", file=sys.stderr)
    return chosen


def worker(
    concurrency: Annotated[
        int,
        typer.Option(min=1, max=1000, help="Sessions in which it plays at once; each takes one turn after the other."),
    ] = 20,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            envvar="TTA_METRICS_PORT",
            help="Serves its figures at /metrics; if the port is taken, the next free one is used. Off unless given.",
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="Any other than loopback needs a login (TTA_AUTH), as that of `tta serve` does.")
    ] = "127.0.0.1",
    any_host: Annotated[
        bool,
        typer.Option("--any-host", envvar="TTA_SERVE_ANY_HOST", help="Show figures elsewhere without a login."),
    ] = False,
) -> None:
    """Plays what `Prefer: respond-async` has left waiting, until it is stopped. `tta serve` needs TTA_QUEUE=workers."""
    from api.auth.rules import check_binding  # noqa: PLC0415
    from graphs.settings import read_settings  # noqa: PLC0415

    place = None
    if metrics_port is not None:
        check_binding(read_settings(), metrics_host, any_host=any_host)
        from api.serve import free_port  # noqa: PLC0415

        place = metrics_host, _said(metrics_port, free_port(metrics_host, metrics_port))
    from api.working import run_worker  # noqa: PLC0415

    run_worker(concurrency, place)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False) -> None:
    async def work() -> int:
        from api.cli.health import examine  # noqa: PLC0415

        checks = await examine()
        if as_json:
            print_json({"healthy": all(c["ok"] for c in checks), "checks": checks})
        else:
            for check in checks:
                mark = "ok  " if check["ok"] else "FAIL"
                typer.echo(f"{mark} {check['what']}: {check['found']}")
                if check["cure"]:
                    typer.echo(f"       {check['cure']}")
        return 0 if all(c["ok"] for c in checks) else 1

    wait_for(work)
