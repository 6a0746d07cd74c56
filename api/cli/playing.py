"""`tta play`."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import wait_for


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("play", help="Play a story in the terminal, or a script of actions.")(play)


def play(
    world: Annotated[str, typer.Option(help="A shipped world's id, or the path of a world file.")] = "",
    session: Annotated[str, typer.Option(help="Go on with this session; with --world a new one gets this id.")] = "",
    model: Annotated[str, typer.Option(help="offline, local, local:/path/to.gguf or provider:name.")] = "",
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="The same seed tells the same story to the same actions.")
    ] = None,
    character: Annotated[
        str, typer.Option(help="Whom you are: one of your characters by name or id; a new name makes one.")
    ] = "",
    techniques: Annotated[bool, typer.Option("--techniques", help="Let the story offer calming techniques.")] = False,
    avoid: Annotated[str, typer.Option(help="Topics to leave out, parted by commas, such as spiders,drowning.")] = "",
    script: Annotated[str, typer.Option(help="Play one action a line from this file (- is standard input).")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a turn, and a last one.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Save what a script shows as a picture in this file.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the embedded server keeps its data.")] = None,
    server: Annotated[
        str, typer.Option(metavar="URL", help="Play on this server, such as http://127.0.0.1:8000; TTA_TOKEN logs in.")
    ] = "",
) -> None:
    """Plays until the script ends or the player quits."""
    from api.terminal.sitting import Options, play_story  # noqa: PLC0415

    options = Options(
        world=world,
        session=session,
        model=model,
        seed=seed,
        character=character,
        techniques=techniques,
        avoid=tuple(avoid.split(",")) if avoid else (),
        script=script,
        as_json=as_json,
        picture=svg,
        data_dir=data_dir,
        server=server,
    )
    wait_for(lambda: play_story(options))
