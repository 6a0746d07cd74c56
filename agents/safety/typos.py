"""Danger that is misspelt: `i wnat to dei`, `kill miself`, `sui cide`.

The words that carry danger are known; a word at one edit from one of them (a letter swapped with its neighbour, left
out, put in or mistaken: the edits of Damerau, CACM 7:3, 1964) is read as that word. Only whole phrases are danger, and
the rules know them: a mended word alone means nothing. So that no plain word is taken for a misspelt one,

- the first letter stays, except in a swap;
- a short word (four letters and fewer) is mended only where letters were swapped or one was left out or doubled;
- the words of `_REAL` stand for themselves.

All misspellings are written out once, so that a word costs one look in a table.
"""

from functools import cache
from itertools import pairwise

_LONG = """
    myself suicide suicidal suicides killing hanging cutting hurting overdose overdosed living alive dying death
    pills wanna going gonna wishing goodbye nobody hopeless worthless tonight anymore themselves forever ending sleep
"""
_SHORT = "want wish kill life live dead hurt harm hang dont self"
_SHORTEST = {
    "dei": "die", "deid": "died", "diie": "die", "diee": "die", "di": "die", "kil": "kill", "kll": "kill", "ot": "to",
    "hav": "have", "wan": "want", "wanto": "want to", "wantto": "want to",
}  # fmt: skip
_SPLIT = frozenset(["suicide", "suicidal", "myself", "overdose", "killing", "hanging", "worthless", "hopeless"])
"""Words that are known though a blank was put into them."""

_REAL = """
    pill pulls polls palls piles pilots pillow pails pells pals wanda wander wanly wann wanne wannabe goring goings
    gong gone goin doing loving lining liking leaving lying liven lives loin alike alice alone aline alien aliver
    dyeing doing ding dining dating drying dyings deaths dearth depth deaf heath deathly hunting hurling huffing
    hurtling cuttings cuffing culling cunning curing cussing kissing kilning kidding killings kilting hanking
    hinging handing hangings ended ending erding edging steep sleet sleek sleepy sleeps sweep sheep slept bleep
    homeless washing whishing fishing wishings goodbyes forevers tonights nobodys ant wat was wit wis ill lie
    lief liv led dad ded had deed elf hut hart har ham han hag dot don dun live lives dons kiln kin vile evil veil
"""
"""Plain words (and names) at one edit from one of ours, which are no mistakes."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def mended(words: str) -> str:
    """The sentences of a `words` view that hold misspelt danger, as they were meant; empty where none does."""
    table, found = _misspelt(), []
    wrong, broken = table.keys() & set(words.split(" ")), _perhaps_broken(words)
    if not wrong and not broken:
        return ""
    for sentence in words.split(" . "):
        tokens = sentence.split(" ")
        if wrong.isdisjoint(tokens) and not (broken and _perhaps_broken(sentence) and _broken(tokens)):
            continue
        found.append(" ".join(_joined([table.get(token, token) for token in tokens])))
    return " . ".join(found)


def _perhaps_broken(words: str) -> bool:
    """Whether one of _SPLIT stands there once the blanks are gone: what is looked for first, as it takes no time."""
    letters = words.replace(" ", "")
    return any(word in letters for word in _SPLIT)


def _broken(tokens: list[str]) -> bool:
    return any(one + other in _SPLIT for one, other in pairwise(tokens))


def _joined(tokens: list[str]) -> list[str]:
    """The words, with those put together that a blank had broken."""
    whole: list[str] = []
    for token in tokens:
        if whole and whole[-1] + token in _SPLIT:
            whole[-1] += token
        else:
            whole.append(token)
    return whole


@cache
def _misspelt() -> dict[str, str]:
    """Every misspelling that is mended, with its word."""
    table = dict(_SHORTEST)
    long, short = _LONG.split(), _SHORT.split()
    for word in short:
        table |= dict.fromkeys(_slips(word), word)
    for word in long:
        table |= dict.fromkeys(_slips(word) | _mistakes(word), word)
    for plain in (*_REAL.split(), *long, *short):
        table.pop(plain, None)
    return table


def _slips(word: str) -> set[str]:
    """Neighbours swapped, a letter left out (not the first), a letter doubled."""
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    without = {word[:i] + word[i + 1 :] for i in range(1, len(word))}
    doubled = {word[:i] + word[i] + word[i:] for i in range(len(word))}
    return swapped | without | doubled


def _mistakes(word: str) -> set[str]:
    """Any letter but the first put in or mistaken for another."""
    places = range(1, len(word))
    added = {word[:i] + letter + word[i:] for i in (*places, len(word)) for letter in _LETTERS}
    return added | {word[:i] + letter + word[i + 1 :] for i in places for letter in _LETTERS}
