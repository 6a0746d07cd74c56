"""A text is cut into the same sentences however it arrives, and nothing of it is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.safety.sentences import MAX_SENTENCE, SentenceCutter, split_sentences

CASES = [
    ("One. Two! Three?", ["One.", "Two!", "Three?"]),
    ("He waits... Then he goes.", ["He waits...", "Then he goes."]),
    ("He waits… Then he goes.", ["He waits…", "Then he goes."]),
    ("He waits... then he goes.", ["He waits... then he goes."]),
    ("Well... no.", ["Well... no."]),
    ("What?! Never.", ["What?!", "Never."]),
    ("No!!! Why???", ["No!!!", "Why???"]),
    ("Mr. Vane is 3.5 metres away. Good.", ["Mr. Vane is 3.5 metres away.", "Good."]),
    ("Mrs. Vane and Ms. Lee wait. Dr. Ross comes.", ["Mrs. Vane and Ms. Lee wait.", "Dr. Ross comes."]),
    ("St. Ives is far. Go.", ["St. Ives is far.", "Go."]),
    (
        "Capt. Brand nods. Sgt. Hale salutes. Lt. Moss leaves.",
        ["Capt. Brand nods.", "Sgt. Hale salutes.", "Lt. Moss leaves."],
    ),
    ("Prof. Lind reads. Rev. Hope prays.", ["Prof. Lind reads.", "Rev. Hope prays."]),
    ("Sr. Ana and Jr. Tom wave.", ["Sr. Ana and Jr. Tom wave."]),
    ("Gen. Ash and Col. Reed argue. Maj. Tor listens.", ["Gen. Ash and Col. Reed argue.", "Maj. Tor listens."]),
    ("It is No. 7. Ring.", ["It is No. 7.", "Ring."]),
    ("She said no. He went.", ["She said no.", "He went."]),
    ("Fruit, e.g. Apples, is here. Eat.", ["Fruit, e.g. Apples, is here.", "Eat."]),
    ("A friend, i.e. Tom, waits.", ["A friend, i.e. Tom, waits."]),
    ("Tom vs. Ann begins.", ["Tom vs. Ann begins."]),
    ("Tea, cake, etc. are here. Sit.", ["Tea, cake, etc. are here.", "Sit."]),
    ("Tea, cake, etc. The bell rings.", ["Tea, cake, etc. The bell rings."]),
    ("It is 7 a.m. and cold. Wait.", ["It is 7 a.m. and cold.", "Wait."]),
    ("It is 7 a.m. The boat leaves.", ["It is 7 a.m.", "The boat leaves."]),
    ("At 5 p.m. Maren comes.", ["At 5 p.m.", "Maren comes."]),
    ("The U.S. ship is late. Wait.", ["The U.S. ship is late.", "Wait."]),
    ("The U.S. Navy came. Look.", ["The U.S. Navy came.", "Look."]),
    ("J. R. R. Tolkien wrote it. Read.", ["J. R. R. Tolkien wrote it.", "Read."]),
    ("J.R.R. Tolkien wrote it. Read.", ["J.R.R. Tolkien wrote it.", "Read."]),
    ("Ask Thomas A. Reed. Go.", ["Ask Thomas A. Reed.", "Go."]),
    ("So am I. The boat leaves.", ["So am I.", "The boat leaves."]),
    ("It costs 3.50. Pay.", ["It costs 3.50.", "Pay."]),
    ("Version 2.0.1 is out. Good.", ["Version 2.0.1 is out.", "Good."]),
    ("Open map.txt now. Good.", ["Open map.txt now.", "Good."]),
    ("See p. 12. Then go.", ["See p. 12.", "Then go."]),
    ("Turn to pp. 3 and vol. 2. Good.", ["Turn to pp. 3 and vol. 2.", "Good."]),
    ("Jan. 3 was cold. Feb. 9 was not.", ["Jan. 3 was cold.", "Feb. 9 was not."]),
    ("Dept. of Tides, Harbour Rd. 3. Ring.", ["Dept. of Tides, Harbour Rd. 3.", "Ring."]),
    ('"Yes?" says Maren. She nods.', ['"Yes?" says Maren.', "She nods."]),
    ('"Come. Sit." Maren points.', ['"Come. Sit."', "Maren points."]),
    ('She says, "Come in." You go.', ['She says, "Come in."', "You go."]),
    ("“Come. Sit.” Maren points.", ["“Come. Sit.”", "Maren points."]),
    ("“Yes?” says Maren. She nods.", ["“Yes?” says Maren.", "She nods."]),
    ("‘Come. Sit.’ Maren points.", ["‘Come. Sit.’", "Maren points."]),
    ("‘Yes?’ says Maren. She nods.", ["‘Yes?’ says Maren.", "She nods."]),
    ("It’s late. Don’t wait.", ["It’s late.", "Don’t wait."]),
    ("The boys’ boat is in. Look.", ["The boys’ boat is in.", "Look."]),
    ("„Komm. Setz dich.“ Maren zeigt.", ["„Komm. Setz dich.“", "Maren zeigt."]),
    ("„Ja?“ fragt Maren. Sie nickt.", ["„Ja?“ fragt Maren.", "Sie nickt."]),
    ("«Viens. Assieds-toi.» Maren montre.", ["«Viens. Assieds-toi.»", "Maren montre."]),
    ("« Oui ? » dit Maren. Elle sourit.", ["« Oui ? » dit Maren.", "Elle sourit."]),
    ("»Komm. Setz dich.« Maren zeigt.", ["»Komm. Setz dich.«", "Maren zeigt."]),
    ("「来て。座って。」彼女は言う。", ["「来て。座って。」", "彼女は言う。"]),
    ("「はい」と彼女は言う。雨が降る。", ["「はい」と彼女は言う。", "雨が降る。"]),
    ("雨が降る。風が吹く！なぜ？", ["雨が降る。", "風が吹く！", "なぜ？"]),
    ("『本。』彼は読む。", ["『本。』", "彼は読む。"]),
    ("你好。再见！真的吗？", ["你好。", "再见！", "真的吗？"]),
    ("他说：“来。坐。”她笑。", ["他说：“来。坐。”", "她笑。"]),
    ("यह नाव है। वह जाती है।", ["यह नाव है।", "वह जाती है।"]),
    ("Τι ώρα είναι; Αργά.", ["Τι ώρα είναι; Αργά."]),
    ("مرحبا؟ نعم.", ["مرحبا؟", "نعم."]),
    ("no end", ["no end"]),
    ("no end\nand no stop", ["no end\nand no stop"]),
    ("no end\n\nand another", ["no end", "and another"]),
    ("", []),
    ("   ", []),
    ("\n\n\n", []),
    ("…", ["…"]),
    ("First.\n\nSecond part", ["First.", "Second part"]),
    ("First.\n\n\n\nSecond.", ["First.", "Second."]),
    ("First. \n \nSecond.", ["First.", "Second."]),
    ("First.\nSecond.", ["First.", "Second."]),
    ("You see:\n- a lamp\n- a key\nThen dark.", ["You see:", "- a lamp", "- a key\nThen dark."]),
    ("You see:\n* a lamp.\n* a key.", ["You see:", "* a lamp.", "* a key."]),
    ("You see:\n• a lamp\n• a key", ["You see:", "• a lamp", "• a key"]),
    ("1. Take it.\n2. Go.", ["1. Take it.", "2. Go."]),
    ("You could:\n1) wait\n2) go", ["You could:", "1) wait", "2) go"]),
    ("(He waits.) She goes.", ["(He waits.)", "She goes."]),
    ("[He waits.] She goes.", ["[He waits.]", "She goes."]),
    ("He (Mr. Vane) waits. Go.", ["He (Mr. Vane) waits.", "Go."]),
    ("*He waits.* She goes.", ["*He waits.*", "She goes."]),
    ("**Wait!** She goes.", ["**Wait!**", "She goes."]),
    ("_No._ She goes.", ["_No._", "She goes."]),
    ("It is warm 🙂 She smiles.", ["It is warm 🙂 She smiles."]),
    ("It is warm! 🙂 She smiles.", ["It is warm! 🙂", "She smiles."]),
    ("It is warm.🙂 She smiles.", ["It is warm.🙂", "She smiles."]),
    ("— Come. — No.", ["— Come.", "— No."]),
    ("“Come,” she says. “Sit.”", ["“Come,” she says.", "“Sit.”"]),
    ('"Wait," she says, "and see." He waits.', ['"Wait," she says, "and see."', "He waits."]),
    ('"No," he says. "Not yet. Later." The tide turns.', ['"No," he says.', '"Not yet. Later."', "The tide turns."]),
    ("Is it? it is.", ["Is it? it is."]),
    ("It is 5 o’clock. 7 gulls call.", ["It is 5 o’clock.", "7 gulls call."]),
    ("The word is ‘no’. Go.", ["The word is ‘no’.", "Go."]),
    ("One.Two. Three.", ["One.Two.", "Three."]),
    ("Yes.  No.", ["Yes.", "No."]),
    ("Yes.\tNo.", ["Yes.", "No."]),
    ("Yes.\u00a0No.", ["Yes.", "No."]),
    ("A rock 'n' roll song. Play.", ["A rock 'n' roll song.", "Play."]),
    ("Yes. And then", ["Yes.", "And then"]),
]


def streamed(text: str, sizes: list[int]) -> list[str]:
    cutter, at, turn = SentenceCutter(), 0, 0
    done: list[str] = []
    while at < len(text):
        size = sizes[turn % len(sizes)]
        done += cutter.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    rest = cutter.finish()
    return [*done, rest] if rest else done


@pytest.mark.parametrize(("text", "sentences"), CASES)
def test_a_text_is_cut_into_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences
    assert streamed(text, [1]) == sentences


PIECES = [
    *'abAZ 17.!?…"“”„‘’«»()[]*_-—\n\t\u00a0🙂。！？「」とé।',
    "Mr. ", "No. ", "e.g. ", "U.S. ", "\n\n", "\n- ", "\n2. ", " word", ". Then", "? she", "word " * 60, "x" * 250,
]  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join), st.lists(st.integers(1, 900), min_size=1, max_size=5)
)
def test_the_sentences_do_not_depend_on_the_pieces_and_nothing_is_lost(text: str, sizes: list[int]) -> None:
    whole = split_sentences(text)
    assert streamed(text, sizes) == streamed(text, [1]) == whole
    assert "".join("".join(whole).split()) == "".join(text.split())
    assert all(0 < len(sentence) <= MAX_SENTENCE for sentence in whole[:-1])
    assert all(sentence == sentence.strip() for sentence in whole)


@given(st.text(max_size=60), st.integers(1, 9))
def test_any_text_at_all_is_cut_the_same(text: str, size: int) -> None:
    assert streamed(text, [size]) == split_sentences(text)


def test_a_sentence_is_out_with_the_character_that_settles_its_end() -> None:
    cutter = SentenceCutter()
    out = [(character, done) for character in "Mr. Vane waits. He" if (done := cutter.feed(character))]
    assert out == [("H", ["Mr. Vane waits."])]
