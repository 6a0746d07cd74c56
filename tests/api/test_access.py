"""`tta keys` and `tta accounts`, and under which names and from which pages an API with a login may be asked."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doors import PASSWORD, door

from api.cli import access
from api.cli.run import run
from graphs.engine import StoryEngine

Tta = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tta:
    """Runs the command over a data directory of its own: exit code, output, errors."""
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TTA_LINGER_S", "1")

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return str(path)


def test_the_life_of_a_key(tta: Tta) -> None:
    code, out, _ = tta(
        "keys", "create", "backend", "--role", "operator", "--scope", "metrics", "--scope", "read", "--json"
    )
    made = json.loads(out)
    assert (code, made["scopes"], made["role"], made["player"]) == (0, ["read", "metrics"], "operator", "backend")
    assert made["key"].startswith(f"tta_{made['id']}_")
    listed = tta("keys", "list", "--json")[1]
    assert [key["id"] for key in json.loads(listed)["keys"]] == [made["id"]]
    assert made["key"].split("_", 2)[2] not in listed + tta("keys", "list")[1]
    assert "digest" not in listed
    assert json.loads(tta("keys", "revoke", made["id"], "--json")[1])["revoked"]
    assert "revoked" in tta("keys", "list")[1]


def test_a_second_key_of_a_name_and_keys_without_a_login_are_warned_of(
    tta: Tta, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = tta("keys", "create", "kiosk", "--json")
    first = json.loads(out)["id"]
    assert (code, err) == (
        0,
        "tta: keys have no effect until a login is asked for. Set TTA_AUTH where `tta serve` runs.\n",
    )
    monkeypatch.setenv("TTA_AUTH", "local")
    code, out, err = tta("keys", "create", "kiosk", "--json")
    second = json.loads(out)["id"]
    assert (code, len(err.splitlines())) == (0, 1)
    assert err.startswith(f"tta: the name 'kiosk' has 1 other good key: {first}. Take away what")
    tta("keys", "revoke", first)
    tta("keys", "revoke", second)
    assert tta("keys", "create", "kiosk")[2] == "", "what is revoked is no other key"


def test_the_life_of_an_account(tta: Tta, password_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = tta("accounts", "create", "Anna@Example.org", "--password-file", password_file, "--json")
    made = json.loads(out)
    assert (code, made["name"], made["role"]) == (0, "anna@example.org", "player")
    assert re.fullmatch(r"anna-example-org-[0-9a-f]{8}", made["player"])
    assert "hash" not in made
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{PASSWORD} 2".encode())))
    assert tta("accounts", "password", "anna@example.org", "--password-file", "-")[0] == 0
    assert [each["name"] for each in json.loads(tta("accounts", "list", "--json")[1])["accounts"]] == [made["name"]]
    assert tta("accounts", "create", "anna@example.org", "--password-file", password_file)[0] == 1
    assert json.loads(tta("accounts", "delete", "anna@example.org", "--yes", "--json")[1]) == {"deleted": made["name"]}
    assert tta("accounts", "list")[1] == "0 accounts.\n"


def test_no_two_accounts_are_one_player_unless_somebody_says_so(tta: Tta, password_file: str) -> None:
    names = ["a.b", "a@b", "a+b", "a-b"]
    made = [
        json.loads(tta("accounts", "create", name, "--password-file", password_file, "--json")[1]) for name in names
    ]
    assert len({account["player"] for account in made}) == 4
    code, _, told = tta("accounts", "create", made[0]["player"], "--password-file", password_file)
    assert (code, told.count("\n")) == (1, 1)
    assert "plays as" in told
    again = tta("accounts", "create", "twin", "--player", "a-b", "--password-file", password_file, "--json")[1]
    assert json.loads(again)["player"] == "a-b"


def test_a_password_is_typed_twice_and_not_seen(tta: Tta, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    asked: list[str] = []
    answers = iter([PASSWORD, PASSWORD, PASSWORD, "another one"])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(access.getpass, "getpass", lambda question: asked.append(question) or next(answers))
    code, out, _ = tta("accounts", "create", "anna")
    assert (code, PASSWORD in out, len(asked)) == (0, False, 2)
    code, _, err = tta("accounts", "create", "berta")
    assert (code, err.count("\n")) == (2, 1)


MISTAKES: list[tuple[list[str], int, list[str]]] = [
    (["keys", "create", "a", "--role", "king"], 2, ["no role 'king'", "player, author, operator"]),
    (["keys", "create", "a", "--scope", "all"], 2, ["no scope 'all'", "operate"]),
    (["keys", "create", "a", "--scope", "operate"], 2, ["role player has no scope 'operate'", "read, play"]),
    (["keys", "create", "a/b"], 2, ["no key's name"]),
    (["keys", "create", "a", "--player", "a b"], 2, ["no player id"]),
    (["keys", "revoke", "0123"], 1, ["no key with that id"]),
    (["accounts", "create", "a b"], 2, ["no account's name"]),
    (["accounts", "create", "a", "--role", "king"], 2, ["no role 'king'"]),
    (["accounts", "create", "a"], 2, ["no terminal to ask", "--password-file"]),
    (["accounts", "create", "a", "--password-file", "/nowhere"], 2, ["cannot be read", "Check the path"]),
    (["accounts", "create", "a", "--password-file", "SHORT"], 2, ["has 5 characters", "12 to 256"]),
    (["accounts", "create", "a", "--password-file", "LONG"], 2, ["more than 4096 bytes"]),
    (["accounts", "create", "a", "--password-file", "LATIN"], 2, ["not UTF-8"]),
    (["accounts", "delete", "a"], 2, ["no terminal to ask", "--yes"]),
    (["accounts", "delete", "a", "--yes"], 1, ["no account 'a'", "tta accounts create"]),
]


@pytest.mark.parametrize(("arguments", "code", "says"), MISTAKES)
def test_a_mistake_ends_in_one_line(
    tta: Tta, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, says: list[str]
) -> None:
    for name, content in (
        ("SHORT", b"short"),
        ("LONG", b"x" * 5000),
        ("LATIN", "Grüße an alle hier".encode("latin-1")),
    ):
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    given = [str(tmp_path / part) if part in ("SHORT", "LONG", "LATIN") else part for part in arguments]
    found, out, err = tta(*given)
    assert (found, out, err.count("\n")) == (code, "", 1), err
    assert all(part in err for part in says), err


async def test_what_was_typed_as_a_key_is_not_told_back(engine: StoryEngine) -> None:
    _, text = await engine.access.keys.create("one")
    wrong = "tta_0123456789abcdef_" + text.split("_", 2)[2]
    with pytest.raises(Exception, match="no key") as caught:
        await engine.access.keys.revoke(wrong)
    assert wrong not in caught.value.line()  # type: ignore[attr-defined]


ELSEWHERE: dict[str, Any] = {"allowed_hosts": "play.example, tta.internal", "cors_origins": "https://app.example"}


@pytest.mark.parametrize(
    ("host", "status"),
    [("play.example", 200), ("PLAY.example:443", 200), ("tta.internal", 200), ("localhost", 200), ("example", 421)],
)
async def test_names_of_an_api_with_a_login(engine: StoryEngine, host: str, status: int) -> None:
    async with door(engine, **ELSEWHERE) as opened:
        assert (await opened.get("/health/live", headers={"Host": host})).status_code == status


async def test_a_page_of_a_known_origin_may_ask_and_read(engine: StoryEngine) -> None:
    async with door(engine, **ELSEWHERE) as opened:
        page = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
        before = await opened.ask(
            "OPTIONS", "/api/v1/sessions", headers={**page, "Access-Control-Request-Method": "POST"}
        )
        assert (before.status_code, before.headers["access-control-allow-origin"]) == (204, "https://app.example")
        allowed = before.headers["access-control-allow-headers"]
        assert {"Authorization", "If-Match", "If-None-Match", "Idempotency-Key"} <= set(allowed.split(", "))
        refused = await opened.get("/api/v1/worlds", headers=page)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://app.example")
        assert refused.headers["vary"] == "Origin"
        assert {"ETag", "Location"} <= set(refused.headers["access-control-expose-headers"].split(", "))
        assert "access-control-allow-credentials" not in refused.headers
        for origin in ("https://app.example.evil", "http://app.example", "https://app.example:444", "null"):
            foreign = await opened.ask(
                "OPTIONS", "/api/v1/sessions", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
            )
            assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_origin")
            assert "access-control-allow-origin" not in foreign.headers
        assert "access-control-allow-origin" not in (await opened.get("/health/live")).headers


async def test_without_a_login_no_page_of_another_site_may_ask(client: Any) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    assert (await client.options("/api/v1/sessions", headers=asked)).status_code == 403
