"""Rules are read again while stories are played; a broken file keeps the last good ones and says so."""

import logging
import re
import threading
from pathlib import Path

import pytest

from agents.errors import InvalidSetting
from agents.safety.live import LiveRules
from agents.safety.normalise import views
from agents.safety.screen import Screen

BITES = """
gate: action
version: 1
rules:
  - id: first_rule
    category: abuse
    tier: crisis
    any: ['\\bcat bites']
    must: [the cat bites, a cat bites]
    must_not: [the bird bites]
...
"""
DOG = BITES.replace("cat bites", "dog bites").replace("version: 1", "version: 2")

BROKEN = {
    "no yaml": "gate: [action",
    "no rules": "gate: action\nversion: 2\nrules: []\n",
    "a pattern without a bound": DOG.replace("dog bites'", "dog.*bites'"),
    "a case that does not hold": DOG.replace("the dog bites,", "the cow bites,"),
    "a counter-case that matches": DOG.replace("the bird bites", "my dog bites"),
    "another gate": DOG.replace("gate: action", "gate: narration").replace("tier: crisis", "action: rewrite"),
    "not text": "\udcff",
    "cut short behind a rule": DOG.removesuffix("...\n"),
    "cut short within its end": DOG.removesuffix("..\n"),
}


def written(path: Path, text: str) -> None:
    """As an editor saves: the file is replaced, and is another one."""
    new = path.with_suffix(".new")
    new.write_bytes(text.encode(errors="surrogateescape"))
    new.replace(path)


def found(rules: LiveRules, text: str) -> list[str]:
    return [one.signal["id"] for one in rules(views(text), "none")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "action.yaml").write_text(BITES)
    return tmp_path / "action.yaml"


def test_a_changed_file_takes_over_without_a_restart(path: Path) -> None:
    rules = LiveRules(path, every_s=0)
    written(path, DOG)
    found(rules, "look")  # notices, and reads it in a thread of its own
    for thread in threading.enumerate():
        if thread.name == "tta-safety-rules":
            thread.join(10)
    assert (found(rules, "the dog bites"), found(rules, "the cat bites")) == (["first_rule"], [])
    assert rules.rules.file.version == 2


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_keeps_the_last_good_rules_and_says_so(
    path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    rules = LiveRules(path, every_s=3600)
    written(path, BROKEN[name])
    with caplog.at_level(logging.ERROR):
        rules.reload()
    assert found(rules, "the cat bites") == ["first_rule"]
    assert rules.fault is not None
    assert str(path) in rules.fault.place
    assert str(path) in caplog.text
    written(path, DOG)
    rules.reload()
    assert rules.fault is None
    assert found(rules, "the dog bites") == ["first_rule"]


def test_a_file_that_is_gone_keeps_the_last_good_rules(path: Path) -> None:
    rules = LiveRules(path, every_s=3600)
    path.unlink()
    rules.reload()
    assert found(rules, "the cat bites") == ["first_rule"]
    assert rules.fault is not None


def test_a_file_that_has_not_changed_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = LiveRules(path, every_s=0)

    def never(_path: Path) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr("agents.safety.live.load_rules", never)
    rules.reload()
    found(rules, "look")
    assert rules.fault is None


def test_the_first_file_must_be_good(path: Path) -> None:
    written(path, BROKEN["no yaml"])
    with pytest.raises(InvalidSetting, match="not valid"):
        LiveRules(path)


def test_a_screen_tells_which_of_its_files_are_not_in_force(tmp_path: Path) -> None:
    (tmp_path / "action.yaml").write_text(BITES)
    (tmp_path / "narration.yaml").write_text(
        BITES.replace("gate: action", "gate: narration").replace("tier: crisis", "action: rewrite")
    )
    screen = Screen.load(tmp_path)
    assert screen.faults == []
    assert re.fullmatch(r"action-1-\w{8} classifier-\w+-\w{8} narration-1-\w{8}", screen.version)
    written(tmp_path / "narration.yaml", BROKEN["no yaml"])
    screen.reload()
    assert [Path(fault.place.rsplit(":", 1)[0]).name for fault in screen.faults] == ["narration.yaml"]
    assert screen.narration("the cat bites")["action"] == "rewrite"
