"""Prompts are files, rendered strictly."""

from pathlib import Path

import pytest

from agents.errors import InvalidPrompt, UnknownPrompt
from agents.prompts import Prompts, read_prompt

GOOD = """---
purpose: says hello
variables: {name: text, scene: json, count: number}
---
# system
You greet {{ name }} {{count}} times.
# user
```json
{{ scene }}
```
"""


def prompt(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prompt.md"
    path.write_text(text)
    return path


def test_a_prompt_renders_its_variables(tmp_path: Path) -> None:
    made = read_prompt(prompt(tmp_path, GOOD), "hello")
    system, user = made.render(name="{{ scene }}", scene={"a": "é"}, count=2)
    assert system.content == "You greet {{ scene }} 2 times.", "a value is never rendered itself"
    assert user.content == '```json\n{"a":"é"}\n```'
    assert system.type == "system"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "a", "scene": {}}, "misses count"),
        ({"name": "a", "scene": {}, "count": 1, "more": 1}, "no variable more"),
        ({"name": 3, "scene": {}, "count": 1}, "must be text"),
        ({"name": "a", "scene": {}, "count": "1"}, "must be number"),
    ],
)
def test_every_variable_is_given_and_declared(tmp_path: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidPrompt, match=said):
        read_prompt(prompt(tmp_path, GOOD), "hello").render(**values)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("no front matter", 1, "front matter"),
        (GOOD.replace("{{ name }}", "{{ nam }}"), 6, "no declared variable"),
        (GOOD.replace("# system\n", "hello\n# system\n"), 5, "begins with"),
        (GOOD.replace("purpose: says hello", "purpose: [a"), 3, "not YAML"),
        (GOOD.replace("purpose: says hello", "porpoise: x"), 1, "purpose"),
        (GOOD.replace(" {{count}} times", ""), 1, "not used: count"),
    ],
)
def test_a_faulty_prompt_names_its_place(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(InvalidPrompt, match=said) as caught:
        read_prompt(prompt(tmp_path, text), "hello")
    assert caught.value.place.endswith(f":{line}")


def test_the_shipped_prompts_are_sound_and_have_fingerprints() -> None:
    library = Prompts()
    assert {"narrate", "continue", "interpret"} <= set(library.names())
    assert all(len(library.get(name).fingerprint) == 12 for name in library.names())


def test_an_unknown_prompt_names_the_known_ones() -> None:
    with pytest.raises(UnknownPrompt) as caught:
        Prompts().get("narate")
    assert "narrate" in caught.value.choices
    assert "Did you mean narrate" in caught.value.cure
