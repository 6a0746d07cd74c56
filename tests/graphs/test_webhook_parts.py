"""The parts of the webhook: what its settings may be, how it signs, how long it waits."""

import base64
from itertools import pairwise
from typing import Any

import pytest
from pydantic import SecretStr

from agents.errors import InvalidSetting
from graphs.audit.webhook import Pace, signature, webhook_target
from graphs.settings import read_settings

SECRET = b"s" * 32


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of Standard Webhooks' own libraries, so that theirs take ours."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_attempts_wait_twice_as_long_each_time_up_to_a_bound() -> None:
    pace = Pace()
    age, waits = 0.0, []
    while age < pace.give_up_s:
        waits.append(pace.next_s(age))
        age += waits[-1]
    assert waits[0] <= pace.first_s * 1.2
    assert all(later > 1.2 * sooner for sooner, later in pairwise(waits[2:8]))
    assert max(waits) <= pace.longest_s * 1.2
    assert len(waits) < 1000
    assert len({pace.next_s(100) for _ in range(10)}) > 1, "not all at once"
    assert pace.next_s(1, asked_s=300) == 300
    assert pace.next_s(1, asked_s=1e9) == pace.longest_s


def test_what_is_no_address_or_no_secret_is_told_without_quoting_it() -> None:
    good = base64.b64encode(SECRET).decode()
    for url in (
        "http://example.org/walnut", "ftp://example.org/walnut", "https://", "walnut", "https://user:" + "walnut@example.org/",
        "http://127.0.0.1.example.org/walnut", "https://[walnut", "https://example.org:99999/walnut", "https://example.org/wal\nnut",
        "http://10.0.0.1/walnut",
    ):  # fmt: skip
        with pytest.raises(InvalidSetting, match="TTA_SAFETY_WEBHOOK_URL") as caught:
            webhook_target(read_settings(safety_webhook_url=SecretStr(url), safety_webhook_secret=SecretStr(good)))
        assert "walnut" not in caught.value.line()
    for secret in (None, "walnut", base64.b64encode(b"walnut" * 3).decode(), f"{good},", "whsec_" + good[:-3]):
        changes: dict[str, Any] = {"safety_webhook_secret": SecretStr(secret)} if secret else {}
        with pytest.raises(InvalidSetting, match="TTA_SAFETY_WEBHOOK_SECRET") as caught:
            webhook_target(read_settings(safety_webhook_url=SecretStr("https://example.org/x"), **changes))
        assert "walnut" not in caught.value.line()
    for url in ("https://example.org/x", "http://localhost:1/x", "http://[::1]:1/x", "http://127.0.0.9/x"):
        target = webhook_target(read_settings(safety_webhook_url=SecretStr(url), safety_webhook_secret=SecretStr(good)))
        assert target == (url, (SECRET,))
    assert webhook_target(read_settings()) is None
