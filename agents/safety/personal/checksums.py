"""Check digits of cards, accounts and national identity numbers: what tells a number that means somebody from any other.

Each takes the digits (or, where the number has letters, the letters in capitals) without blanks and dashes.
"""

from collections.abc import Sequence

_DNI = "TRWAGMYFPDX" + "BNJZSQVHLCKE"
_FISCAL_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)

# The Verhoeff scheme: multiplication in the dihedral group D5 and its permutation.
_TIMES = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_TURN = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")


def luhn(digits: str) -> bool:
    """Payment cards, Canadian SIN, IMEI, Swedish personnummer."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod97(text: str) -> bool:
    """IBAN (ISO 13616), country and check digits in front."""
    turned = text[4:] + text[:4]
    return turned.isalnum() and turned.isascii() and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def verhoeff(digits: str) -> bool:
    """Indian Aadhaar."""
    found = 0
    for place, digit in enumerate(reversed(digits)):
        found = int(_TIMES[found][int(_TURN[place % 8][int(digit)])])
    return found == 0


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def cpf(digits: str) -> bool:
    """Brazilian CPF."""
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    first = _weighted(digits, range(10, 1, -1)) * 10 % 11 % 10
    second = _weighted(digits, range(11, 1, -1)) * 10 % 11 % 10
    return digits[9:] == f"{first}{second}"


def pesel(digits: str) -> bool:
    """Polish PESEL."""
    return len(digits) == 11 and _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def tfn(digits: str) -> bool:
    """Australian tax file number of nine digits."""
    return len(digits) == 9 and _weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def medicare(digits: str) -> bool:
    """Australian Medicare card, with or without the number of its holder."""
    known = len(digits) in (10, 11) and digits[0] in "23456"
    return known and _weighted(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(digits[8])


def german_tax(digits: str) -> bool:
    """German tax identification number (ISO 7064, mod 11,10)."""
    if len(digits) != 11 or digits[0] == "0":
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def nhs(digits: str) -> bool:
    """The number of the British NHS."""
    return len(digits) == 10 and (11 - _weighted(digits, range(10, 1, -1)) % 11) % 11 == int(digits[9])


def bsn(digits: str) -> bool:
    """Dutch citizen service number."""
    return len(digits) == 9 and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and int(digits) > 0


def insee(text: str) -> bool:
    """French social security number of fifteen characters; departments 2A and 2B are Corsica."""
    digits = text[:13].replace("2A", "19", 1).replace("2B", "18", 1) + text[13:]
    return len(digits) == 15 and digits.isdigit() and 97 - int(digits[:13]) % 97 == int(digits[13:])


def dni(text: str) -> bool:
    """Spanish DNI and NIE."""
    digits = text[:-1].translate(str.maketrans("XYZ", "012"))
    return digits.isdigit() and _DNI[int(digits) % 23] == text[-1]


def codice_fiscale(text: str) -> bool:
    """Italian tax code of sixteen characters."""
    total = 0
    for place, character in enumerate(text[:15]):
        value = int(character) if character.isdigit() else ord(character) - ord("A")
        total += value if place % 2 else _FISCAL_ODD[value]
    return chr(total % 26 + ord("A")) == text[15]


def chinese(text: str) -> bool:
    """Chinese resident identity number of eighteen characters (ISO 7064, mod 11,2)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return text[:17].isdigit() and "10X98765432"[_weighted(text[:17], weights) % 11] == text[17]
