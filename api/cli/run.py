"""The commands, by name. Each is imported when it is asked for, so that `tta --help` and the first prompt are quick."""

import errno
import os
import re
import sys
from contextlib import suppress
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agents.errors import InvalidInput, StoryError, unforeseen
from api.cli import access, benchmarks, debugging, evaluating, playing, safety, serving, sessions, tracing, worlds
from api.cli.output import fail
from api.cli.variables import unknown_variables

# Typer carries its own copy of click and exports only the leaves of its error tree: the branches are their parents.
UsageError: Any = typer.BadParameter.__mro__[1]
ClickException: Any = typer.BadParameter.__mro__[2]


class Commands(TyperGroup):
    """Says which command was probably meant."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0] if args else ""
        if name and name not in self.commands:
            close = get_close_matches(name, self.commands, n=1)
            cure = f"Did you mean {close[0]}?" if close else "Run `tta --help`."
            raise InvalidInput(f"There is no command '{name}'", cure=cure, choices=sorted(self.commands))
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="tta",
    cls=Commands,
    help="Therapeutic text adventures: play, serve, debug and evaluate stories.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (playing, worlds, sessions, tracing, debugging, safety, evaluating, benchmarks, access, serving):
    part.register(app)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tta {metadata.version('tta')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """The options of `tta` itself."""


def run(arguments: list[str]) -> int:
    """Runs one command; the exit code."""
    try:
        _check_empty(arguments)
        _tell_strays(arguments)
        # Without its standalone mode click hands a command's exit code back instead of leaving with it.
        code = app(arguments, prog_name="tta", standalone_mode=False)
        sys.stdout.flush()  # while what goes wrong with it can still be told
        return code if isinstance(code, int) else 0
    except StoryError as error:
        return fail(_helped(error, arguments))
    except typer.Exit as error:
        return error.exit_code
    except UsageError as error:
        where = error.ctx.command_path if error.ctx else "tta"
        if not arguments or type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 2
        _help(arguments)
        said = _one_line(error.format_message()).rstrip(".")
        print(f"{where}: {said}. Try `{where} --help`.", file=sys.stderr)
        return 2
    except ClickException as error:
        _help(arguments)
        print(f"tta: {_one_line(error.format_message())}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("tta: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 1
    except OSError as error:
        _drop_output()
        return fail(_told(error))
    except Exception as error:
        return fail(unforeseen(error))


def _tell_strays(arguments: list[str]) -> None:
    """Warns of variables that no setting has. `tta doctor` tells them itself, and of several processes the first does."""
    if arguments and arguments[0] != "doctor" and not arguments[0].startswith("-") and "--link" not in arguments:
        for unknown in unknown_variables():
            print(f"tta: {unknown.line()}", file=sys.stderr)


def _drop_output() -> None:
    """What could not be written is not tried again when the process ends."""
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _told(error: OSError) -> StoryError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoryError("The output cannot be written: there is no room for it", cure="Make room and try again.")
    return unforeseen(error)


def _check_empty(arguments: list[str]) -> None:
    """Raises InvalidInput for an empty value: it comes of a variable that is not set, and would pass for no value."""
    for place, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if not argument or (equals and not value and option.startswith("--")):
            option = option or (
                arguments[place - 1] if place and arguments[place - 1].startswith("-") else "An argument"
            )
            raise InvalidInput(f"{option} is empty", cure="Give a value, or leave it out.")


def _helped(error: StoryError, arguments: list[str]) -> StoryError:
    """The error, with help where its command line is that of a person at risk: as typed, and with joined words apart."""
    from agents.safety.screen import Screen  # noqa: PLC0415 - only where something is wrong
    from api.terminal.scripts import with_help  # noqa: PLC0415

    parts = [part for argument in arguments for part in argument.split(",")]  # each of a list's members by itself, too
    apart = (" ".join(re.split(r"[/_+.=-]+", part)) for part in parts)
    # Names and options are no sentences: the classifier would guess at them.
    return with_help(error, [*arguments, " ".join(arguments), *parts, *apart], screen=Screen.of_rules())


def _help(arguments: list[str]) -> None:
    """The resources, before the one line of a command that could not be read."""
    if found := _helped(StoryError(""), arguments).help:
        print(found["text"], file=sys.stderr)


def _one_line(text: str) -> str:
    return " ".join(text.split())
