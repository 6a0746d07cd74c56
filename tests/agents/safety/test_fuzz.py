"""Ten thousand texts that nobody types: none breaks the screen, and none hides a plain cry for help (`--fuzz 10000`; CI: 400).

How long each takes is measured by `tta bench screen`.
"""

from typing import get_args

import pytest
from soup import DANGER, soup

from agents.safety.screen import Screen
from agents.story import Tier

SCREEN = Screen.load()


@pytest.mark.timeout(7200)  # ten thousand take a while
def test_soup_is_read_and_hides_no_danger(pytestconfig: pytest.Config) -> None:
    failed: list[str] = []
    for number, (kind, text) in enumerate(soup(int(pytestconfig.getoption("fuzz")))):
        verdict = SCREEN.action(text)
        assert verdict["tier"] in get_args(Tier)
        if any(signal["id"] == "detector_failed" for signal in verdict["signals"]):
            failed.append(f"{kind} {number}")
        for hidden in (f"{DANGER}. {text}", f"{text}. {DANGER}"):
            assert SCREEN.action(hidden)["tier"] == "crisis", f"{kind} {number}: {hidden[:80]!r}"
        assert SCREEN.narration(f"You should kill yourself. {text[:5_000]}")["action"] == "rewrite"
    assert failed == [], "no detector may break on a text"
