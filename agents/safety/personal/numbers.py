"""Numbers that mean somebody: telephones, cards, accounts, national identity numbers.

A run of digits with marks between them is looked at once: its length, its groups, its check digits and the words around it
say what it is. Short numbers, dates and counts of a story are none.
"""

import re
from collections.abc import Callable, Iterator

from agents.safety.personal import checksums as check
from agents.safety.personal.span import Kind, Span

BEFORE = 60
"""Characters in front of a number in which a word may announce it."""
AFTER = 14

_NEAR_DIGITS = re.compile(r"\d(?:[A-Za-z \u00a0().\-/\u2010-\u2015]{0,48}\d){3}")
"""What a text with any of these holds, but for accounts: four digits and what may stand between them, as in what a word
announces (`_VALUE` and `_worth`) and in India's numbers."""

_RUN = re.compile(
    r"(?<!\w)(?<!\d[.,:])(?:\+ ?|00 ?)?(?:\( ?\+?)?\d(?:[ \u00a0().\-/\u2010-\u2015]{0,3}\d){5,24}"
    r"(?: ?(?:x|ext\.?|extension|#|Durchwahl) ?\d{1,6})?(?![\d])",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)\d\d(?!\d)"
    r"|\d{1,2}[/.]\d{1,2}[/.]\d\d(?!\d|\.)"
)
_EXTENSION = re.compile(r" ?(?:x|ext\.?|extension|#|durchwahl) ?\d{1,6}$", re.IGNORECASE)

_CALLED = re.compile(
    r"phone|\btel\b|tel[.:]|telef|t[ée]l[ée]|mobile|cell|\bcall|\bfax|\btext(?:ed|s|ing)?\b|ring me|reach|answering"
    r"|contact|dial"
    r"|sms|whatsapp|hotline|registered|messages? (?:to|from)|handy|desk|\bnumber|office|\bnr\b|voicemail|landline"
    r"|pager|signal"
    r"|viber|at home on",
    re.IGNORECASE,
)
_CALLED_AFTER = re.compile(
    r"\W{0,3}\(?(?:office|fax|mobile|cell|home|work|tel|phone|direct|main|\(?[mhw]\))", re.IGNORECASE
)
_CARD = re.compile(
    r"card|\bcc\b|visa|amex|mastercard|maestro|american express|discover|diners|kreditkarte|carte|tarjeta",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    r"account|\bacct|konto|iban|routing|\baba\b|sort code|\bbsb\b|\bclabe\b|swift|wallet|compte|cuenta|\bbank"
    r"|policy|\bblz\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:passport|pasaporte|passeport|reisepass|driv(?:er|ing)(?:['’]?s)?['’]? licen[cs]e|licen[cs]e|licencia"
    r"|f[üu]hrerschein"
    r"|social security|social insurance|\bssn|\bsin\b|national insurance|\bnino\b|national id(?:entity)?"
    r"|identity (?:card|number)|id (?:card|number|no)|personal(?: identity)? (?:id|number|code)|personalausweis|ausweis"
    r"|dni|nie|nif|cpf|cnpj|pesel|nhs|medicare|medicaid|tax(?:payer)?(?: file| id(?:entification)?| reference)?|tfn"
    r"|tin|itin|ein"
    r"|steuer(?:-?id|nummer|identifikationsnummer)?|utr|aadhaa?r|pan|codice fiscale"
    r"|num[ée]ro de s[ée]curit[ée] sociale|insee"
    r"|nir|bsn|personnummer|cpr|hetu|oib|emb?g|rodn[ée] [čc][íi]slo|insurance|patient|medical record|mrn|health card"
    r"|member(?:ship)?|student id|employee id|visa number|green card|vin|number plate|licen[cs]e plate)\b"
    r"(?:[ -](?:card|number|num|no|nr|id|code|plate))?\.?(?:[ -](?:number|num|no|nr|id|code))?\.?(?: is| was"
    r"|['’]s)?[:#= \n]{1,6}",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[A-Za-z0-9](?:[ .\-/\u2010-\u2015]?[A-Za-z0-9]){3,24}(?![A-Za-z0-9])")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ -]?\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_IBAN_LENGTH = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI NL FO GL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH CR HR LI LV",
        22: "BG BH DE GB GE IE ME RS", 23: "AE GI IL IQ TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "PT LY ST",
        26: "IS TR", 27: "FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE",
        31: "MT SC", 32: "LC",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Characters of an IBAN by country (the registry of ISO 13616)."""
_WALLET = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:bc1|tb1|ltc1)[a-z0-9]{25,60}|[13LM][1-9A-HJ-NP-Za-km-z]{25,34}"
    r"|0x[0-9a-fA-F]{40})(?![A-Za-z0-9])"
)


def find_numbers(text: str) -> Iterator[Span]:
    """The spans of these kinds, in no order; they may overlap."""
    for found in _IBAN.finditer(text):
        if length := _iban(found[0]):
            yield Span(found.start(), found.start() + length, "account")
    for found in _WALLET.finditer(text):
        if any(c.isdigit() for c in found[0][3:]) and not found[0].isdigit():
            yield Span(*found.span(), "account")
    if _NEAR_DIGITS.search(text):
        yield from _told_numbers(text)


def _told_numbers(text: str) -> Iterator[Span]:
    """Identity numbers, and runs of digits."""
    for pattern, holds in LETTERED:
        for found in pattern.finditer(text):
            if holds(re.sub(r"[\s.\-/]", "", found[0]).upper()):
                yield Span(*found.span(), "national_id")
    for found in _NAMED.finditer(text):
        value = _VALUE.match(text, found.end())
        if value and (end := _worth(value[0])):
            yield Span(value.start(), value.start() + end, "national_id")
    for found in _RUN.finditer(text):
        start, end = _bounds(text, *found.span())
        if kind := _kind(text, start, end):
            yield Span(start, end, kind)


def _iban(written: str) -> int:
    """The characters of the IBAN that this begins with, or 0. One with wrong check digits counts if it is as long as its
    country's: a mistyped account is somebody's, too."""
    plain, places = "", []
    for place, character in enumerate(written):
        if character.isalnum():
            plain += character.upper()
            places.append(place + 1)
    length = _IBAN_LENGTH.get(plain[:2], 0)
    if length and len(plain) >= length:
        digits = sum(c.isdigit() for c in plain[:length])
        if check.mod97(plain[:length]) or (digits >= length // 2 and len(plain) == length):
            return places[length - 1]
    return 0


def _worth(value: str) -> int:
    """How much of what follows an announcing word is its number: up to its last part with a digit; 0 without four digits."""
    parts = re.split(r"(?<=[ ])", value)
    kept = ""
    for place, part in enumerate(parts):
        word = part.strip(" .-/")
        if not any(map(str.isdigit, word)) and (place or len(parts) == 1 or not word.isupper()):
            # `AB 12 34 56 C` ends in a letter that belongs to it.
            if place and len(word) == 1 and word.isupper() and part is parts[-1]:
                kept += part
            break
        kept += part
    kept = kept.rstrip(" .-/")
    return len(kept) if sum(map(str.isdigit, kept)) >= 4 else 0


def _bounds(text: str, start: int, end: int) -> tuple[int, int]:
    """Without a bracket that is opened or closed outside, and without a date in front."""
    while end > start and not text[end - 1].isalnum():
        end -= 1
    date = _DATE.match(text, start)
    if date and date.end() < end:
        start = date.end()
        while start < end and not text[start].isdigit():
            start += 1
    return start, end


def _kind(text: str, start: int, end: int) -> Kind | None:
    written = text[start:end]
    if _DATE.fullmatch(written) or (end < len(text) and text[end].isalpha() and not written[-1].isalpha()):
        return None
    body = _EXTENSION.sub("", written)
    groups = re.findall(r"\d+", body)
    digits = "".join(groups)
    before = text[max(0, start - BEFORE) : start]
    if 12 <= len(digits) <= 19 and _is_card(digits, groups, before):
        return "card"
    if FORMED.fullmatch(body) or _is_identity(digits, groups, before):
        return "national_id"
    if _ACCOUNT.search(before[-40:]) and len(digits) >= 6:
        return "account"
    if len(digits) > 15:
        return "card"
    return "phone" if _is_phone(text, start, end, body, groups) else None


def _is_card(digits: str, groups: list[str], before: str) -> bool:
    shaped = len(groups) == 1 or (groups[0] and all(2 <= len(group) <= 7 for group in groups))
    if not shaped:
        return False
    return bool(_CARD.search(before[-40:])) or (
        digits[0] in "12345689" and check.luhn(digits) and (len(digits) >= 13 or digits[0] in "56")
    )


def _is_identity(digits: str, groups: list[str], before: str) -> bool:
    """By its check digits, where its form or its length leaves little else; telephones have no check digits."""
    size, shape = len(digits), tuple(len(group) for group in groups)
    if size == 12:
        return shape in ((12,), (4, 4, 4)) and digits[0] not in "01" and check.verhoeff(digits)
    if size == 11:
        if (
            len(groups) == 1
            and digits[0] != "0"
            and (check.pesel(digits) or check.german_tax(digits) or check.cpf(digits))
        ):
            return True
        return shape in ((2, 3, 3, 3), (4, 5, 1, 1)) and (check.german_tax(digits) or check.medicare(digits))
    if size == 10:
        return (shape == (4, 5, 1) and check.medicare(digits)) or (
            shape == (3, 3, 4) and digits[0] in "4679" and " " in before[-1:] and "nhs" in before.lower()
        )
    if size == 9:
        return shape == (3, 3, 3) and (check.tfn(digits) or check.luhn(digits)) and not _CALLED.search(before)
    return size == 15 and check.insee(digits)


def _is_phone(text: str, start: int, end: int, body: str, groups: list[str]) -> bool:
    size = sum(map(len, groups))
    if not 6 <= size <= 15:
        return False
    lead = text[max(0, start - 3) : start]
    abroad = body.startswith(("+", "00", "(+")) or "+" in lead
    around = _CALLED.search(text, max(0, start - BEFORE), start) or _CALLED_AFTER.match(text, end, end + AFTER)
    if abroad and size >= 7:
        return True
    if around:
        pairs = all(len(group) == 2 for group in groups)
        return (size >= 7 and (pairs or max(map(len, groups)) >= 3)) or (size == 6 and len(groups) == 2)
    if len(groups) == 1:
        return size >= 9
    spaced = all(mark in " \u00a0" for mark in re.sub(r"\d", "", body))
    if spaced and groups[0][0] != "0":
        # Counts in a row ("10 20 30 40") are no number to call.
        return size >= 9 and min(map(len, groups[1:])) >= 2 and max(map(len, groups)) >= 3
    if size == 6:
        return False
    return max(map(len, groups)) >= 3 or (len(groups) in (4, 5) and all(len(group) == 2 for group in groups))


def _any(text: str) -> bool:
    return bool(text)


FORMED = re.compile(
    r"\d{3}-\d{2}-\d{4}"  # United States: SSN, ITIN
    r"|\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}"  # Brazil: CPF, CNPJ
    r"|756\.\d{4}\.\d{4}\.\d{2}"  # Switzerland
    r"|\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}"  # Belgium
    r"|\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}"  # Korea
    r"|(?:19|20)?\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])[-+]\d{4}"  # Sweden
    r"|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2}-\d{4}"  # Denmark
    r"|\d{2}-\d{7}"  # United States: EIN
)
"""Identity numbers whose marks tell them from every other number."""

LETTERED: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", re.IGNORECASE | re.ASCII), _any),
    (re.compile(r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b", re.IGNORECASE | re.ASCII), check.codice_fiscale),
    (re.compile(r"\b(?:\d{8}|\d{2}\.\d{3}\.\d{3})[- ]?[A-HJ-NP-TV-Z]\b", re.IGNORECASE | re.ASCII), check.dni),
    (re.compile(r"\b[XYZ][- ]?\d{7}[- ]?[A-HJ-NP-TV-Z]\b", re.IGNORECASE | re.ASCII), check.dni),
    (
        re.compile(r"\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}\b", re.ASCII),
        check.insee,
    ),
    (re.compile(r"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d\b", re.ASCII), _any),  # Mexico: CURP
    (re.compile(r"\b[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]\b", re.ASCII), _any),  # India: PAN
    (re.compile(r"\b\d{17}[\dX]\b", re.IGNORECASE | re.ASCII), check.chinese),
    (
        re.compile(r"\b\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]\b", re.ASCII),
        lambda text: text[6:7] == "A" or text[-1].isalpha(),
    ),  # Finland
)
"""Identity numbers with letters in them, or of a length that only their check digits tell."""
