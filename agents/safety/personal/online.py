"""E-mail addresses, web addresses, addresses of machines, and keys: what has a form that nothing else has."""

import re
from collections.abc import Iterator

from agents.safety.personal.folding import folded, holds
from agents.safety.personal.span import Span

_LOCAL = re.compile(r"[\w.+%&'*/=^{|}~!#$?-]{1,64}\Z")
_DOMAIN = re.compile(r"(?:[^\W_][\w-]{0,62}\.){1,6}[^\W\d_]{2,24}(?![\w-])|\[[0-9A-Fa-f.:]{4,45}\]")
_SPELLED = re.compile(
    r"(?<![\w.])[\w.+-]{2,40}(?: ?[(\[{] ?at ?[)\]}] ?| at )[\w-]{2,40}"
    r"(?:(?: ?[(\[{] ?dot ?[)\]}] ?| dot )[\w-]{2,20}){1,3}(?![\w-])",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(?<![a-z])(?:https?|ftps?|wss?|ssh|sftp)://[^\s<>\"'`|\\^{}]{1,2000}", re.IGNORECASE)
_WWW = re.compile(
    r"(?<![\w.@])www\d?\.[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}(?:[/?#][^\s<>\"'`|\\^{}]{0,2000})?", re.IGNORECASE
)
# Endings that are words too (it, is, at, no, so, me, to, in, be) need `www.` or a path: "the door.It creaks".
_BARE = re.compile(
    r"(?<![\w.@/-])(?:[a-z0-9][a-z0-9-]{0,62}\.){1,4}"
    r"(?:com|org|net|edu|gov|info|biz|io|dev|app|online|site|shop|blog|xyz|name|int|museum"
    r"|(?:co|com|org|net|ac|gov|edu)\.[a-z]{2}"
    r"|uk|de|fr|es|nl|pl|ch|se|dk|fi|pt|cz|sk|hu|ro|gr|ie|jp|cn|kr|br|ar|mx|cl|ca|au|nz|za|ru|ua|tr|lt|lv|ee|si|hr|bg|eu|il)"
    r"(?![\w@-])(?:[/?#][^\s<>\"'`|\\^{}]{0,2000})?",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<![\w.@/-])(?:[a-z0-9][a-z0-9-]{0,62}\.){1,4}[a-z]{2,10}/[\w~%+#?=&./-]{1,500}", re.IGNORECASE)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w]|\.\d)(?::\d{{1,5}})?(?:/\d{{1,2}})?")
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9a-f:]{0,7}[0-9a-f]?:)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w{1,16})?(?![\w:])", re.IGNORECASE
)
_MAC = re.compile(r"(?<![\w:-])[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![\w:-])", re.IGNORECASE)

_KEYS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{16,200}"  # OpenAI, Anthropic
    r"|(?:sk|pk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,200}"  # Stripe
    r"|(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{12,20}"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,64}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-[A-Za-z0-9-]{10,250}"
    r"|AIza[\w-]{30,40}|ya29\.[\w-]{20,250}|GOCSPX-[\w-]{20,40}"
    r"|SG\.[\w-]{16,32}\.[\w-]{16,64}|hf_[A-Za-z0-9]{20,60}|npm_[A-Za-z0-9]{30,50}|pypi-[\w-]{20,250}"
    r"|dop_v1_[a-f0-9]{40,80}|shpat_[a-fA-F0-9]{30,40}|sq0[a-z]{3}-[\w-]{20,50}|EAAC[A-Za-z0-9]{20,250}"
    r"|key-[a-f0-9]{32}|AC[a-f0-9]{32}|gsk_[A-Za-z0-9]{20,80}|xai-[A-Za-z0-9]{20,100}|r8_[A-Za-z0-9]{20,60}"
    r"|eyJ[\w-]{8,2000}\.[\w-]{4,4000}(?:\.[\w-]{0,1000})?"  # JWT
    r")(?![A-Za-z0-9])"
)
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{3,40})-----[\s\S]{0,8000}?(?:-----END \1-----|\Z)")
_TOLD = re.compile(
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret(?:[ _-]?(?:access)?[ _-]?key)?|api[ _-]?key|access[ _-]?(?:key|token)"
    r"|auth[ _-]?token|token|bearer|credentials?|private[ _-]?key|PIN)"
    r"(?: (?:is|was|of mine is))?[\"']?\s{0,3}[:=]?\s{0,3}[\"']?([^\s\"',;]{4,200})",
    re.IGNORECASE,
)
_HEX = re.compile(r"(?<![\w-])[0-9a-f]{32,128}(?![\w-])", re.IGNORECASE)
_BLOB = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{36,400}={0,2}(?![\w+/=-])")

# What a text must hold, before the patterns above are tried: most texts hold none of it, and to look for it is cheap.
_INNER_STOP = re.compile(r"\.[\w-]")
"""A full stop with no blank behind it: of every address of the web without a scheme, and of machines."""
_PAIR = re.compile(r"[:-][0-9a-f]{2}[:-]")
_GROUP = re.compile(r":[0-9a-f]{0,4}:")
_TELLING = ("pass", "pwd", "secret", "key", "token", "bearer", "credential", "pin")
"""Of each alternative of `_TOLD`."""
_LONG_RUN = re.compile(r"[\w.+/=-]{15}|-----BEGIN")
"""The shortest key has so many characters (`xoxb-` and ten more)."""

_ENDS = ".,;:!?)]}>'\"”’…"


def find_online(text: str) -> Iterator[Span]:
    """The spans of these kinds, in no order; they may overlap."""
    if "@" in text:
        yield from _emails(text)
    low = folded(text)
    if "dot" in low and "at" in low:
        yield from (Span(*found.span(), "email") for found in _SPELLED.finditer(text))
    if _INNER_STOP.search(text):
        yield from _web(text, (_WWW, _BARE, _PATH))
        yield from (Span(*found.span(), "ip") for found in _IPV4.finditer(text))
    if "://" in text:
        yield from _web(text, (_SCHEME,))
    if _PAIR.search(low):
        yield from (Span(*found.span(), "ip") for found in _MAC.finditer(text))
    if _GROUP.search(low):
        yield from (Span(*found.span(), "ip") for found in _IPV6.finditer(text) if _is_ipv6(found[0]))
    if holds(low, _TELLING):
        yield from _told(text)
    if _LONG_RUN.search(text):
        yield from _keys(text)


def _emails(text: str) -> Iterator[Span]:
    at = text.find("@")
    while at >= 0:
        before = _LOCAL.search(text, max(0, at - 64), at)
        after = _DOMAIN.match(text, at + 1)
        if before and after:
            lead = before[0]
            start = at - len(lead.lstrip("./'*#?!={|}"))
            if start < at:
                yield Span(start, after.end(), "email")
        at = text.find("@", at + 1)


def _web(text: str, patterns: tuple["re.Pattern[str]", ...]) -> Iterator[Span]:
    for pattern in patterns:
        for found in pattern.finditer(text):
            trimmed = found[0].rstrip(_ENDS)
            # A word and the next without a blank between ("stone.De") is no domain: those are in small letters throughout.
            if pattern is _BARE and not _looks_like_domain(trimmed):
                continue
            yield Span(found.start(), found.start() + len(trimmed), "url")


def _looks_like_domain(text: str) -> bool:
    host = text.partition("/")[0]
    ending = host.rpartition(".")[2]
    return ending.islower() or host.isupper()


def _is_ipv6(text: str) -> bool:
    groups = text.partition("%")[0].split(":")
    told = [group for group in groups if group]
    return (len(groups) == 8 and len(told) == 8) or (
        text.count("::") == 1 and len(told) >= 2 and any(map(_has_digit, told))
    )


def _told(text: str) -> Iterator[Span]:
    """What stands behind a word that says that it is secret."""
    for found in _TOLD.finditer(text):
        if _is_secret(found[1].rstrip(_ENDS)):
            yield Span(found.start(1), found.start(1) + len(found[1].rstrip(_ENDS)), "key")


def _keys(text: str) -> Iterator[Span]:
    yield from (Span(*found.span(), "key") for found in _KEYS.finditer(text))
    if "-----BEGIN " in text:
        yield from (Span(*found.span(), "key") for found in _PEM.finditer(text))
    for found in _HEX.finditer(text):
        if _has_digit(found[0]) and any(c.isalpha() for c in found[0]):
            yield Span(*found.span(), "key")
    for found in _BLOB.finditer(text):
        word = found[0]
        if _has_digit(word) and word.lower() != word != word.upper() and not word.startswith("0x"):
            yield Span(*found.span(), "key")


def _is_secret(word: str) -> bool:
    """A password of a story is a word (`the password is swordfish`); one of a person has digits or marks among letters."""
    mixed = _has_digit(word) and any(c.isalpha() for c in word)
    return len(word) >= 6 and (
        mixed
        or (any(not c.isalnum() for c in word[1:-1]) and word.lower() != word and len(word) >= 8 and "-" not in word)
    )


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
