"""Nothing unchecked leaves; what has left is never taken back."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.safety.gate import MAX_SENTENCES, MAX_TAIL, MAX_TEXT, Gate
from agents.safety.screen import Screen
from agents.safety.sentences import MAX_SENTENCE, SentenceCutter, split_sentences
from agents.story import Signal

BAD = Signal(source="rule", id="bad", category="unsafe", confidence=1.0)


def gate() -> tuple[Gate, list[str]]:
    out: list[str] = []
    return Gate(lambda sentence: [BAD] if "bad" in sentence.lower() else [], out.append), out


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("He waits... Then he goes.", ["He waits...", "Then he goes."]),
        ('"Yes?" says Maren. She nods.', ['"Yes?" says Maren.', "She nods."]),
        ('"Come. Sit." Maren points.', ['"Come. Sit."', "Maren points."]),
        ("Mr. Vane is 3.5 metres away. Good.", ["Mr. Vane is 3.5 metres away.", "Good."]),
        ("First.\n\nSecond part", ["First.", "Second part"]),
        ("no end", ["no end"]),
        ("", []),
        ("   ", []),
        ("…", ["…"]),
    ],
)
def test_text_is_cut_into_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(st.text(alphabet=' ab."?!\n…A', max_size=80), st.integers(1, 7))
def test_the_cut_does_not_depend_on_the_chunks(text: str, size: int) -> None:
    """Tokens may arrive in any pieces: the sentences are the same, and no character but white space is lost."""
    cutter = SentenceCutter()
    streamed = [s for i in range(0, len(text), size) for s in cutter.feed(text[i : i + size])]
    rest = cutter.finish()
    streamed += [rest] if rest else []
    assert "".join("".join(streamed).split()) == "".join(text.split())
    assert streamed == split_sentences(text)


def test_a_text_without_an_end_is_cut_all_the_same() -> None:
    assert all(len(s) <= MAX_SENTENCE for s in split_sentences("word " * 1000))


def test_sentences_leave_as_soon_as_they_are_whole() -> None:
    made, out = gate()
    for token in ("The lamp", " burns.", " It is", " warm"):
        made.feed(token)
    assert out == ["The lamp burns."]
    made.feed(". Then")
    assert out == ["The lamp burns.", "It is warm."]
    made.finish()
    assert out[-1] == "Then"


def test_a_veto_stops_everything_after_it() -> None:
    made, out = gate()
    made.feed("Good. This is bad. Never seen. ")
    made.finish()
    assert out == ["Good."]
    assert made.vetoed == "bad"
    assert made.replaced == 1
    made.begin()
    made.feed("Better now.")
    made.finish()
    assert out == ["Good.", "Better now."]


def test_the_tail_is_cut_off_however_it_arrives() -> None:
    text = 'All told.\n```json\n{"choices": ["look"]}\n```'
    for size in range(1, len(text) + 1):
        made, out = gate()
        for i in range(0, len(text), size):
            made.feed(text[i : i + size])
        made.finish()
        assert out == ["All told."]
        assert made.tail_data() == ({"choices": ["look"]}, "")


@pytest.mark.parametrize(("tail", "fault"), [("{oops", "not JSON"), ("[1]", "no object"), ("[" * 5000, "not JSON")])
def test_a_broken_tail_is_said_and_costs_no_prose(tail: str, fault: str) -> None:
    made, out = gate()
    made.feed(f"All told. ```json\n{tail}\n```")
    made.finish()
    assert out == ["All told."]
    data, said = made.tail_data()
    assert data == {}
    assert fault in said


def test_a_bad_sentence_hidden_before_the_tail_is_stopped() -> None:
    made, out = gate()
    made.feed('Good. A bad one```json\n{"choices": []}\n```')
    made.finish()
    assert out == ["Good."]


def test_a_narration_has_an_end() -> None:
    made, out = gate()
    made.feed("Again. " * 500)
    made.finish()
    assert len(out) == MAX_SENTENCES
    assert made.full


def test_our_own_sentence_is_checked_too() -> None:
    made, out = gate()
    made.say("A bad ending.")
    assert out == []


SCREEN = Screen.load()


def guarded() -> tuple[Gate, list[str]]:
    """A gate with the shipped rules, as the narrator's is."""
    out: list[str] = []

    def check(text: str) -> list[Signal]:
        return SCREEN.narration(text)["signals"]

    return Gate(check, out.append, joined=check), out


@pytest.mark.parametrize(
    "text",
    [
        "You should\n\nkill yourself\n\nnow.",
        "You should... Kill. Yourself.",
        "You should go and kill\n\nyourself tonight.",
        "You... Should... End... Your... Life...",
        "The sea is grey " * 37 + "and you should kill yourself " + "by the grey sea " * 4 + ".",
        "You should &#107;ill yourself.",
        "You should <b>kill</b> yourself.",
        "You should k<i></i>ill yourself.",
        "You should **kill** your**self**.",
        "You should &amp;#107;ill yourself.",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_phrase_that_is_cut_into_pieces_is_not_seen(text: str, size: int) -> None:
    """By paragraphs, by full stops, by the greatest length, by markup: no piece of it leaves that says it."""
    made, out = guarded()
    for start in range(0, len(text), size):
        made.feed(text[start : start + size])
    made.finish()
    shown = " ".join(out).lower()
    assert made.vetoed == "self_harm_urging"
    assert "yourself" not in shown
    assert "life" not in shown
    assert "kill" not in shown


@pytest.mark.parametrize("before", ["", "She looks round... ", "She looks round... And then... ", "So. Here. Now. "])
def test_a_phrase_taken_apart_behind_other_pieces_leaves_none_of_its_danger(before: str) -> None:
    made, out = guarded()
    made.feed(f"{before}You should... Kill. Yourself. The tide turns.")
    made.finish()
    assert made.vetoed == "self_harm_urging"
    assert "kill" not in " ".join(out).lower()


def test_what_was_out_already_hides_no_part_of_a_phrase() -> None:
    """A text that says again what is out, with something new in between, is read as it was written, too."""
    made, out = guarded()
    made.say("You should end.")
    made.begin()
    made.feed("A bell rings twice. You should end. Your own life, that is. The tide turns.")
    made.finish()
    assert made.vetoed
    assert "life" not in " ".join(out)


def test_what_may_go_on_waits_for_what_follows() -> None:
    made, out = guarded()
    made.feed("The gull calls. You wait...\n\nThe tide")
    assert out == ["The gull calls."]
    made.feed(" turns. And")
    assert out == ["The gull calls.", "You wait...", "The tide turns."]


def test_characters_that_no_store_can_bear_are_taken_out() -> None:
    made, out = gate()
    made.feed('The \x1b[31mgull\x00 \ud800calls\x85.\u202e ```json\n{"choices": ["wait\\ud800", "a\\u001bb"], "n": ')
    made.feed("1" + "0" * 30 + ', "x": NaN, "\\ud800": "deep"}\n```')
    made.finish()
    assert out == ["The [31mgull calls."]
    data, fault = made.tail_data()
    assert fault == ""
    assert data == {"choices": ["wait", "ab"], "n": None, "x": None, "": "deep"}


@pytest.mark.parametrize("piece", [" ", "`` ", "\n", "{", "`", "word "])
def test_a_text_without_end_closes_the_gate(piece: str) -> None:
    made, _ = gate()
    fed = 0
    for start in ("", "The gull calls. ```json\n"):
        made.begin()
        made.feed(start)
        for _number in range(10 * (MAX_TEXT + MAX_TAIL)):
            if made.closed:
                break
            made.feed(piece)
            fed += len(piece)
        assert made.closed
        assert len(made.tail) <= MAX_TAIL


@pytest.mark.parametrize(
    "chunk", ["a. B" * 300_000, "no end " * 200_000, '"Yes. ' * 200_000, "\n\n" * 500_000, ". " * 600_000]
)
def test_one_huge_chunk_costs_little(chunk: str) -> None:
    began = time.process_time()
    made, out = gate()
    made.feed("The gull calls. " + chunk)
    made.finish()
    assert out[0].startswith("The gull calls.")
    assert split_sentences(chunk[:300_000]) is not None
    assert time.process_time() - began < 8.0, "processor time: what grows with the square takes far more"


def test_a_text_that_begins_again_is_kept_once() -> None:
    out: list[str] = []
    made = Gate(lambda _: [], out.append, ["The gull calls.", "It is late."])
    made.feed("The gull calls. It is late. The tide turns.")
    made.finish()
    assert made.text == "The gull calls. It is late. The tide turns."
    assert out == ["The tide turns."]
