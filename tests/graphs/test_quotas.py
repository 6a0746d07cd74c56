"""Limits as they are written: what is wrong with one is one line with the form that fits."""

import pytest

from agents.errors import InvalidSetting
from graphs.quotas import FORMS, Quota, Quotas, read_quotas
from graphs.settings import read_settings


@pytest.mark.parametrize(
    ("policy", "given", "meant"),
    [
        ("turns", "60/minute", Quota("turns", 60, 60)),
        ("turns", " 5/Hour ", Quota("turns", 5, 3600)),
        ("requests", "10/second", Quota("requests", 10, 1)),
        ("sessions", "3/day", Quota("sessions", 3, 86_400)),
        ("streams", "4", Quota("streams", 4)),
        ("tokens", "200000/day", Quota("tokens", 200_000, 86_400)),
        ("tokens", "off", None),
        ("streams", "0", None),
    ],
)
def test_what_is_written_is_meant(policy: str, given: str, meant: Quota | None) -> None:
    assert getattr(read_quotas(read_settings(**{f"limit_{policy}": given})), policy) == meant


@pytest.mark.parametrize("policy", FORMS)
@pytest.mark.parametrize(
    "given", ["many", "60", "-1/minute", "0/minute", "1/week", "1.5/minute", "1/minute/day", "4/day x", "9" * 12]
)
def test_what_is_no_limit_is_said_with_the_form(policy: str, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if (policy, given) == ("streams", "60"):
        return
    monkeypatch.setenv(f"TTA_LIMIT_{policy.upper()}", given)
    with pytest.raises(InvalidSetting) as caught:
        read_settings()
    line = caught.value.line()
    assert line.startswith(f"TTA_LIMIT_{policy.upper()}: must be a number")
    assert f"such as {FORMS[policy]}" in line  # type: ignore[index]
    assert line.count("\n") == 0


def test_nothing_is_limited_without_a_login_but_what_is_set() -> None:
    assert read_quotas(read_settings()) == Quotas()
    assert read_quotas(read_settings(limit_turns="9/minute")) == Quotas(turns=Quota("turns", 9, 60))
    with_login = read_quotas(read_settings(auth="local", limit_turns="off", limit_streams="2"))
    assert (with_login.turns, with_login.streams) == (None, Quota("streams", 2))
    assert with_login.requests == Quota("requests", 600, 60)
