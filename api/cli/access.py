"""`tta keys` and `tta accounts`: whom the API lets in."""

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.errors import InvalidInput
from api.cli.output import ask, counted, engine_of, print_json, table, wait_for

if TYPE_CHECKING:
    from graphs.access import Account, ApiKey

MAX_FILE = 4096
"""Bytes of a file that holds a password."""

Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
Role = Annotated[str, typer.Option(help="player, author or operator.")]
Player = Annotated[str, typer.Option(help="The player whose sessions are its own; by default made of the name.")]
PasswordFile = Annotated[
    str, typer.Option("--password-file", help="Holds the password; `-`: standard input. Else it is asked for.")
]

CREATE_KEY = """A new key for a service. It is told once, and cannot be told again.

SCOPE is read, play (and read), author (traces; and read), metrics, operate (everything, of everybody).

--json: {"id", "name", "role", "scopes", "player", "created", "revoked", "used", "key"}."""


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    keys = typer.Typer(help="API keys of services.", no_args_is_help=True, rich_markup_mode=None)
    keys.command("list", help="The keys; none of them can be told again.")(list_keys)
    keys.command("create", help=CREATE_KEY)(create_key)
    keys.command("revoke", help="From now on the key opens nothing.")(revoke_key)
    app.add_typer(keys, name="keys")
    accounts = typer.Typer(
        help="Accounts that log in with a password (TTA_AUTH=local).", no_args_is_help=True, rich_markup_mode=None
    )
    accounts.command("list", help="The accounts.")(list_accounts)
    accounts.command("create", help="A new account.")(create_account)
    accounts.command("password", help="Another password; whoever is logged in has to log in again.")(set_password)
    accounts.command("delete", help="Takes an account away; the sessions that were played stay.")(delete_account)
    app.add_typer(accounts, name="accounts")


def list_keys(as_json: Json = False) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            found = [_shown(key) for key in await engine.access.keys.all()]
        if as_json:
            print_json({"keys": found})
            return
        rows = [
            [key["id"], key["name"], key["role"], " ".join(key["scopes"]), key["player"], key["used"] or "never",
             "revoked" if key["revoked"] else "good"]
            for key in found
        ]  # fmt: skip
        if rows:
            table(["id", "name", "role", "scopes", "plays as", "last used", "is"], rows, gives="name")
        typer.echo(f"{counted(len(rows), 'key')}.")

    wait_for(work)


def create_key(
    name: Annotated[str, typer.Argument(help="What it is called, such as the service that has it.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do; may be given again.", metavar="SCOPE")
    ] = None,
    role: Role = "player",
    player: Player = "",
    as_json: Json = False,
) -> None:
    async def work() -> None:
        from graphs.access.roles import check_role, check_scopes  # noqa: PLC0415

        known = check_role(role)
        scopes = check_scopes(scope or ["play"], known)
        async with engine_of() as engine:
            made, key = await engine.access.keys.create(name, role=known, scopes=scopes, player=player)
            _warn(made, await engine.access.keys.all(), login=engine.settings.auth != "none")
        if as_json:
            print_json({**_shown(made), "key": key})
            return
        typer.echo(f"Key {made['id']} of {made['name']}, {made['role']}, may {', '.join(made['scopes'])}:")
        typer.echo(key)
        typer.echo("Keep it: it is not told again. Clients send it as `Authorization: Bearer KEY`.")

    wait_for(work)


def _warn(made: "ApiKey", keys: "list[ApiKey]", *, login: bool) -> None:
    """Says on stderr what whoever made a key may not expect."""
    alike = [
        key["id"] for key in keys if key["name"] == made["name"] and key["id"] != made["id"] and not key["revoked"]
    ]
    if alike:
        print(
            f"tta: the name '{made['name']}' has {counted(len(alike), 'other good key')}: {', '.join(alike[:3])}. "
            "Take away what is not wanted with `tta keys revoke ID`.",
            file=sys.stderr,
        )
    if not login:
        print(
            "tta: keys have no effect until a login is asked for. Set TTA_AUTH where `tta serve` runs.", file=sys.stderr
        )


def revoke_key(
    known: Annotated[str, typer.Argument(metavar="ID", help="The key's id (`tta keys list`).")], as_json: Json = False
) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            key = await engine.access.keys.revoke(known)
        if as_json:
            print_json(_shown(key))
        else:
            typer.echo(f"Key {key['id']} of {key['name']} opens nothing any more.")

    wait_for(work)


def list_accounts(as_json: Json = False) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            found = [_named(account) for account in await engine.access.accounts.all()]
        if as_json:
            print_json({"accounts": found})
            return
        rows = [[account["name"], account["role"], account["player"], account["created"][:10]] for account in found]
        if rows:
            table(["name", "role", "plays as", "since"], rows, gives="name")
        typer.echo(f"{counted(len(rows), 'account')}.")

    wait_for(work)


Name = Annotated[str, typer.Argument(help="The account's name.")]


def create_account(
    name: Name, role: Role = "player", player: Player = "", password_file: PasswordFile = "", as_json: Json = False
) -> None:
    async def work() -> None:
        from graphs.access.accounts import check_account_name, check_password  # noqa: PLC0415
        from graphs.access.roles import check_role  # noqa: PLC0415

        known, plain = check_role(role), check_account_name(name)
        password = check_password(read_password(password_file))
        async with engine_of() as engine:
            made = _named(await engine.access.accounts.create(plain, password, role=known, player=player))
        if as_json:
            print_json(made)
        else:
            typer.echo(f"Account {made['name']}, {made['role']}, plays as {made['player']}.")

    wait_for(work)


def set_password(name: Name, password_file: PasswordFile = "", as_json: Json = False) -> None:
    async def work() -> None:
        from graphs.access.accounts import check_password  # noqa: PLC0415

        password = check_password(read_password(password_file))
        async with engine_of() as engine:
            changed = _named(await engine.access.accounts.set_password(name, password))
        if as_json:
            print_json(changed)
        else:
            typer.echo(f"Account {changed['name']} has another password; its logins have ended.")

    wait_for(work)


def delete_account(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            if not yes:
                await ask(f"Delete the account {name}?")
            await engine.access.accounts.delete(name)
        if as_json:
            print_json({"deleted": name.strip().lower()})
        else:
            typer.echo(f"Account {name.strip().lower()} is gone.")

    wait_for(work)


def read_password(source: str) -> str:
    """The password: out of a file, of standard input, or typed twice where nobody sees it. Raises InvalidInput."""
    if source:
        return _read(source)
    if not sys.stdin.isatty():
        raise InvalidInput("There is no terminal to ask for the password at", cure="Use --password-file FILE, or -.")
    given = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != given:
        raise InvalidInput("The two are not the same", cure="Try again.")
    return given


def _read(source: str) -> str:
    place = "standard input" if source == "-" else source
    try:
        if source == "-":
            raw = sys.stdin.buffer.read(MAX_FILE + 1)
        else:
            with Path(source).open("rb") as file:
                raw = file.read(MAX_FILE + 1)
        if len(raw) > MAX_FILE:
            raise InvalidInput(f"There are more than {MAX_FILE} bytes", place=place, cure="Give the password alone.")
        return raw.decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        cause = f"The password cannot be read: {error.strerror}"
        raise InvalidInput(cause, place=place, cure="Check the path.") from None
    except UnicodeDecodeError:
        raise InvalidInput("The password is not UTF-8", place=place, cure="Save it as UTF-8.") from None


def _shown(key: "ApiKey") -> dict[str, Any]:
    """All of a key but what it is known by."""
    return {field: value for field, value in key.items() if field != "digest"}


def _named(account: "Account") -> dict[str, Any]:
    return {field: account[field] for field in ("name", "role", "player", "created")}
