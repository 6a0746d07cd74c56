"""Placeholders: stable, put back exactly, and never mistaken for what a player typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.fences import fence_json
from agents.fences import fence_text as fence
from agents.safety.redaction import OPEN, Redaction, told_openly

MAIL, PHONE = "anna@example.org", "+44 20 7946 0958"


def test_the_same_value_has_the_same_placeholder_and_another_has_another() -> None:
    redaction = Redaction()
    assert redaction.hide(f"write to {MAIL} or bert@example.org") == "write to [EMAIL_1] or [EMAIL_2]"
    assert redaction.hide(f"{MAIL}, {PHONE}") == "[EMAIL_1], [PHONE_1]"
    assert redaction.hide("call +44-20-7946-0958") == "call [PHONE_1]", "other marks are the same number"


def test_what_was_hidden_is_put_back() -> None:
    redaction = Redaction()
    redaction.hide(f"{MAIL} {PHONE}")
    assert redaction.restore("You write to [EMAIL_1], not [PHONE_1].") == f"You write to {MAIL}, not {PHONE}."


@pytest.mark.parametrize(
    "written",
    ["[EMAIL_1]", "[email_1]", "[ EMAIL_1 ]", "[EMAIL 1]", "[EMAIL-1]", "[EMAIL\\_1]", "EMAIL_1", "**[EMAIL_1]**"],
)
def test_a_placeholder_is_known_as_models_write_it(written: str) -> None:
    redaction = Redaction()
    redaction.hide(MAIL)
    assert redaction.restore(f"To {written}!").replace("*", "") == f"To {MAIL}!"


def test_a_placeholder_that_was_never_given_is_left_alone() -> None:
    redaction = Redaction()
    redaction.hide(MAIL)
    assert redaction.restore("[EMAIL_2] [PHONE_1] EMAIL_12 [LAMP_1]") == "[EMAIL_2] [PHONE_1] EMAIL_12 [LAMP_1]"


@pytest.mark.parametrize("typed", ["[EMAIL_1]", "[email 1]", "EMAIL_1", "[TEXT_1]"])
def test_what_a_player_types_like_a_placeholder_is_no_placeholder(typed: str) -> None:
    redaction = Redaction()
    hidden = redaction.hide(f"say {typed} to {MAIL}")
    assert hidden == "say [TEXT_1] to [EMAIL_1]"
    assert redaction.restore("You say [TEXT_1]. [EMAIL_1]") == f"You say {typed}. {MAIL}"


def test_a_value_is_hidden_where_nothing_announces_it() -> None:
    redaction = Redaction()
    assert redaction.hide("You say 450 0840.") == "You say 450 0840."
    redaction.hide("call me on 450 0840")
    assert redaction.hide("You say 450 0840, x450 0840x") == "You say [PHONE_1], x450 0840x"


def test_what_a_later_block_of_a_prompt_shows_to_be_a_value_is_hidden_in_those_before_it() -> None:
    prompt = "\n\n".join(
        [fence("history", "anna17example"), fence("scene", "anna17example@mail.org"), "Tell this turn."]
    )
    redaction = Redaction()
    hidden = redaction.hide(prompt)
    assert "anna17example" not in hidden
    assert redaction.restore(hidden) == prompt


def test_what_stands_before_a_block_says_what_a_number_in_it_is() -> None:
    prompt = f"The scene:\n{fence_json('scene', {'here': ['lamp', 'phone']})}\n\nThe player typed:\n{fence('action', '5550123')}"
    assert "5550123" not in Redaction().hide(prompt)


def test_an_address_that_begins_within_another_is_hidden_to_its_end() -> None:
    first, second = "6750 Koskikatu 25 Apt. 864,\n64677 Turku", "12 Baker Street, London NW1 6XE"
    redaction = Redaction()
    assert redaction.hide(first) == "[ADDRESS_1]"
    hidden = redaction.hide(fence("history", f"to {first} {second}"))
    assert not any(part in hidden for part in ("Koskikatu", "Baker", "NW1")), hidden


def test_what_a_parser_leaves_of_a_value_is_hidden_too() -> None:
    redaction = Redaction()
    redaction.hide(f"ask {MAIL} about 6750 Koskikatu 25 Apt. 864, 64677 Turku")
    assert redaction.hide("You do not know annaexampleorg, anna example org or 64677.") == (
        "You do not know [EMAIL_1], [EMAIL_1] or [TEXT_2]."
    )
    assert redaction.restore("64677 is [TEXT_2], [TEXT_1] is not") == "64677 is 64677, 6750 is not"


def test_an_address_of_several_lines_comes_back_out_of_json_as_it_was_typed() -> None:
    redaction = Redaction()
    address = "6750 Koskikatu 25 Apt. 864\nArtilleros\n, CO\n Uruguay 64677"
    escaped = address.replace("\n", "\\n")
    assert redaction.hide(f'{{"action": "send it to {escaped}"}}') == '{"action": "send it to [ADDRESS_1]"}'
    assert redaction.hide(f"send it to {address}") == "send it to [ADDRESS_1]"
    assert redaction.restore("[ADDRESS_1]") == address


def test_data_is_hidden_in_every_text_of_it() -> None:
    hidden = Redaction().hide_data({MAIL: [MAIL, {"n": 3, "x": (PHONE, None, True)}]})
    assert hidden == {"[EMAIL_1]": ["[EMAIL_1]", {"n": 3, "x": ["[PHONE_1]", None, True]}]}


@given(
    st.lists(
        st.sampled_from(
            [MAIL, PHONE, "[EMAIL_1]", "[TEXT_1]", "text_1", "lamp", "12 High Street, Leeds LS1 4AB", "\\n", '"']
        )
    )
)
def test_a_text_is_the_same_when_hidden_and_put_back(parts: list[str]) -> None:
    text = " and ".join(parts)
    redaction = Redaction()
    hidden = redaction.hide(text)
    assert not any(each in hidden for each in (MAIL, PHONE, "High Street"))
    assert redaction.restore(hidden) == text


def test_the_setting_decides_which_models_are_told() -> None:
    models = ("offline", "local", "local:/m.gguf", "openai:x", "localhost:x")
    openly = {setting: [told_openly(setting, model) for model in models] for setting in ("remote", "always", "never")}
    assert openly == {"remote": [True, True, True, False, False], "always": [False] * 5, "never": [True] * 5}
    assert OPEN.hide(MAIL) == MAIL
