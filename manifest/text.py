"""Checks of what people type: names in the Vietnamese alphabet, tax codes, number plates."""

import re
import unicodedata

# Weights of the first nine digits of a tax code; the tenth is 10 minus the weighted sum modulo 11.
# Source: Thông tư 105/2020/TT-BTC, Điều 5 (structure of the tax code); the weights are the tax office's own
# and were checked here against published codes of public companies. Unconfirmed as law.
_TAX_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)
_TAX_CODE = re.compile(r"[0-9]{10}")
_BRANCH_CODE = re.compile(r"[0-9]{10}-[0-9]{3}")
_PLATE = re.compile(r"[0-9]{2}[A-ZĐ]{1,2}[0-9]?-[0-9]{3}\.?[0-9]{2}|[0-9]{2}[A-ZĐ]{1,2}[0-9]?-[0-9]{4}")


# Signs beyond ASCII that Vietnamese papers use and the form's typeface has; a picture or a ringed digit would
# be taken into the record for good and could never be printed.
_SIGNS = frozenset("−–—«»‘’“”…•°²³µ×≥≤±§№·₫")


def has_only_latin_letters(text: str) -> bool:
    """Tell whether every letter and digit is a Latin one of the usual width, and every sign a printer's.

    A company's name is written in the letters of the Vietnamese alphabet with F, J, Z and W, digits and signs
    (Luật Doanh nghiệp 59/2020/QH14 Điều 37(1)), so a Cyrillic «С» in it is a look-alike, not a letter.
    """
    return all(
        character.isascii() or character in _SIGNS or unicodedata.name(character, "").startswith("LATIN ")
        for character in text
    )


def is_tax_code(text: str) -> bool:
    """Tell whether ``text`` is a tax code of ten digits with the right check digit."""
    if not _TAX_CODE.fullmatch(text) or not text.isascii():
        return False
    weighted = sum(int(digit) * weight for digit, weight in zip(text, _TAX_WEIGHTS, strict=False))
    return 10 - weighted % 11 == int(text[9])


def is_branch_code(text: str) -> bool:
    """Tell whether ``text`` is a branch's code: a tax code, a hyphen and three digits."""
    return _BRANCH_CODE.fullmatch(text) is not None and is_tax_code(text[:10])


def tax_code_of(serial: int) -> str | None:
    """Return the tax code that begins with these nine digits, or None when none can (rest 10 of the sum)."""
    digits = f"{serial:09d}"
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, _TAX_WEIGHTS, strict=True))
    check = 10 - weighted % 11
    return None if check == 10 else f"{digits}{check}"  # noqa: PLR2004  two digits do not fit in one place


def is_plate(text: str) -> bool:
    """Tell whether ``text`` is written like a Vietnamese road vehicle's number plate."""
    return _PLATE.fullmatch(text) is not None


def plain_number(text: str) -> str:
    """Return a paper's number in the one form in which it is kept: capitals, no spaces, plain hyphens."""
    return "".join("-" if one in "–—−" else one for one in text.upper() if not one.isspace())
