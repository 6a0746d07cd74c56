"""Text as the full-text indexes see it: our own words, so that both backends find the same and no query has a syntax.

RediSearch parts words at ASCII punctuation alone (a word in curly quotes would be another word), Lucene knows every
script: giving both the same lower-case words parted by spaces makes them agree.
"""

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

MAX_TERMS = 16
"""Words of a query that are asked for: more cost time and find no more."""

_MAX_WORD = 40
_MAX_QUERY = 4_000

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_WORD = re.compile(r"[^\W_]+")
_ACCENT = re.compile(r"[\u0300-\u036f]")  # of Latin, Greek and Cyrillic; elsewhere a mark makes another letter
# Scripts without spaces between words: each character is a word of its own, or the index would see one endless word.
_UNSPACED = re.compile(r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")

_STOP = """a about after again all also am an and any are aren as at be because been before being but by can could
    couldn d did didn do does doesn doing don down each few for from further had hadn has hasn have haven having
    he her here hers herself him himself his how i if in into is isn it its itself just ll m me might more most
    must mustn my myself no nor not now o of off on once only or other our ours ourselves out over own please re
    s same shall she should shouldn so some such t than that the their theirs them themselves then there these
    they this those through to too under until up upon us ve very was wasn we were weren what when where which
    while who whom whose why will with won would wouldn you your yours yourself yourselves"""

_STEMMER = snowballstemmer.stemmer("english")

STOP_WORDS = frozenset(_STOP.split())
"""Words that tell no two moments apart: those of the indexes' English analyzers, and pronouns and auxiliaries."""


def words_of(text: str) -> list[str]:
    """The words of a text, lower-case, without accents, in order, without stop words."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        bare = _ACCENT.sub("", unicodedata.normalize("NFKD", text))
        text = unicodedata.normalize("NFC", bare).casefold()
        found = _WORD.findall(_UNSPACED.sub(r" \1 ", text))
    return [word[:_MAX_WORD] for word in found if word not in STOP_WORDS]


def query_terms(query: str) -> list[str]:
    """At most MAX_TERMS different stems of a query, those of its longest words: long words are rare ones (Zipf)."""
    distinct = dict.fromkeys(words_of(query[:_MAX_QUERY]))
    return list(dict.fromkeys(stem(word) for word in sorted(distinct, key=len, reverse=True)))[:MAX_TERMS]


def stems_of(text: str) -> list[str]:
    """The words of a text without their endings, in order: what is stored and asked for."""
    return [stem(word) for word in words_of(text)]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """An English word without its ending (Snowball's English stemmer); a word of another language as it is, mostly."""
    return _STEMMER.stemWord(word)
