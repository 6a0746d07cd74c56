"""What a player has asked to leave out is found in any of its words, and little else is."""

from pathlib import Path

import pytest

from agents.errors import InvalidInput, InvalidSetting
from agents.narrative.narrate import CLOSINGS
from agents.safety.topics import LONGEST, MOST, NO_TOPICS, Topic, check_topics, read_topics, topics_of
from agents.world.avoidance import LEFT_OUT

TOPICS = read_topics()
MUST = [(topic, text) for topic in TOPICS for text in topic.must]
MUST_NOT = [(topic, text) for topic in TOPICS for text in topic.must_not]


def found(avoid: str, text: str) -> list[str]:
    return [signal["id"] for signal in topics_of(tuple(avoid.split(", "))).find(text)]


@pytest.mark.parametrize(("topic", "text"), MUST, ids=lambda value: getattr(value, "id", str(value)))
def test_a_sentence_of_a_topic_is_found(topic: Topic, text: str) -> None:
    assert found(topic.names[0], text) == [f"avoided:{topic.id}"]


@pytest.mark.parametrize(("topic", "text"), MUST_NOT, ids=lambda value: getattr(value, "id", str(value)))
def test_a_sentence_beside_a_topic_is_not(topic: Topic, text: str) -> None:
    assert found(topic.names[0], text) == []


def test_every_name_means_its_topic_and_no_other() -> None:
    assert len(TOPICS) >= 25
    for topic in TOPICS:
        for name in topic.names:
            assert found(name, topic.must[0])[0] == f"avoided:{topic.id}", name
            assert len(found(name, " ".join(sum((each.must for each in TOPICS), ())))) == 1, name


NAMES = [(topic, name) for topic in TOPICS for name in topic.names]


@pytest.mark.parametrize(("topic", "name"), NAMES, ids=lambda value: getattr(value, "id", str(value)))
def test_a_name_is_a_word_of_its_topic_for_who_typed_it(topic: Topic, name: str) -> None:
    assert [text for text in topic.must_not if found(name, text)] == []
    if name not in {"drink", "drinking"}:  # tea is drunk, too
        assert found(name, f"You think of {name} again.") == [f"avoided:{topic.id}"]
        assert f"avoided:{topic.id}" in found(f"big old {name}", f"Here {name} would be.")


def test_words_of_ours_touch_no_topic() -> None:
    everything = topics_of(tuple(topic.names[0] for topic in TOPICS[:MOST])), topics_of(tuple(topic.names[0] for topic in TOPICS[MOST:2 * MOST])), topics_of(tuple(topic.names[0] for topic in TOPICS[2 * MOST:]))  # fmt: skip
    for topics in everything:
        assert [text for text in (LEFT_OUT, *CLOSINGS) if topics.find(text)] == []


@pytest.mark.parametrize(
    ("avoid", "text", "signals"),
    [
        ("big hairy spiders", "A web hangs in the corner.", ["avoided:spiders"]),
        ("Spiders", "An ARACHNID of brass.", ["avoided:spiders"]),
        ("spiders", "A co**bwe**b hangs there.", ["avoided:spiders"]),
        ("grandmothers", "Your grandmother's ring lies here.", ["avoided:own"]),
        ("ladders", "She laddered up.", ["avoided:own"]),
        ("water", "A ramp goes down into the water.", ["avoided:own"]),
        ("wedding dresses", "The dress was for a wedding.", ["avoided:own"]),
        ("wedding dresses", "The dress was for a christening.", []),
        ("wedding dresses", "The dress is blue. The wedding is off.", []),
        ("Ärzte", "Die Ärzte kommen.", ["avoided:own"]),
        ("蜘蛛", "隅に蜘蛛がいる。", ["avoided:own"]),
        ("ladders", "The lad waits.", []),
        ("blood, drowning", "Blood in the water where he drowned.", ["avoided:blood", "avoided:drowning"]),
    ],
)
def test_a_players_own_words_choose_a_topic_or_are_one(avoid: str, text: str, signals: list[str]) -> None:
    assert found(avoid, text) == signals


def test_no_topics_find_nothing() -> None:
    assert topics_of(()) is NO_TOPICS
    assert not NO_TOPICS
    assert NO_TOPICS.find("A spider.") == []


def test_topics_are_kept_trimmed_and_once() -> None:
    assert check_topics(["  spiders ", "Spiders", "", "deep   water"]) == ["Spiders", "deep water"]


def test_a_topic_is_the_same_with_and_without_its_article() -> None:
    assert check_topics(["sea", "the sea", "an owl", "Owl", "fog"]) == ["the sea", "Owl", "fog"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["x" * (LONGEST + 1)], f"at most {LONGEST} characters"),
        (["a\x00b"], "in letters"),
        (["13"], "in letters"),
        (["the"], "in every sentence"),
        (["", " "], "No topic"),
        ([f"topic {'abcdefghijklmnop'[n]}" for n in range(MOST + 1)], f"{MOST} are the most"),
    ],
)
def test_what_is_no_topic_is_said(names: list[str], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        check_topics(names)


def test_to_name_none_is_no_mistake() -> None:
    assert check_topics([]) == []


def test_a_faulty_file_names_its_place(tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    for text in ("topics:\n  - {id: x}", "topics: ["):
        path.write_text(text)
        with pytest.raises(InvalidSetting) as caught:
            read_topics(path)
        read_topics.cache_clear()
        assert caught.value.place in (f"{path}:1", f"{path}:2")
