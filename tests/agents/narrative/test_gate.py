"""Nothing unchecked leaves; what has left is never taken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.safety.gate import MAX_SENTENCES, Gate
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
