"""Telephone numbers: as callers and trunks give them, as E.164, as spoken, and masked for everything people read (R60). Pure."""

from __future__ import annotations

import phonenumbers

WITHHELD = frozenset({"", "anonymous", "unknown", "private", "restricted", "unavailable", "asterisk", "s"})
SHORT_CODE_DIGITS = 6  # 95588, 12345, 110: never given a country code


def normalise(raw: str, country: str, area_code: str | None = None) -> str:
    """E.164 where it can be told, the digits as they are where not (short codes, nonsense), empty when withheld.

    ``country`` is how numbers without + are read ("CN"); ``area_code`` completes 7- and 8-digit local numbers.
    """
    text = raw.strip()
    if text.lower() in WITHHELD:
        return ""
    digits = "".join(character for character in text if character.isascii() and character.isdigit())
    if not digits:
        return ""
    international = text.startswith("+")
    if not international and len(digits) <= SHORT_CODE_DIGITS:
        return digits
    if not international and area_code and len(digits) in (7, 8):
        digits = area_code + digits
    candidates = [f"+{digits}"] if international else [digits, f"+{digits}"]
    if country == "CN" and not international and digits.startswith("086"):  # some trunks put a trunk 0 before the country code
        candidates.insert(0, f"+{digits[1:]}")
    for candidate in candidates:
        try:
            number = phonenumbers.parse(candidate, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return digits


def spoken(number: str, country: str) -> str:
    """As a person of that country says it: the national digits of a domestic number, all digits of a foreign one."""
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return "".join(character for character in number if character.isdigit())
    if not number.startswith("+") or phonenumbers.region_code_for_country_code(parsed.country_code or 0) == country:
        national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
        return "".join(character for character in national if character.isdigit())
    return "00" + number.removeprefix("+")


def masked(number: str) -> str:
    """For logs, wallboards and lists: +86138****8000. Short codes are nobody's and stay."""
    if len(number) <= SHORT_CODE_DIGITS:
        return number
    keep = 6 if number.startswith("+") else 3
    return f"{number[:keep]}****{number[-4:]}" if len(number) >= keep + 6 else f"{number[:2]}****{number[-2:]}"


def masked_name(name: str) -> str:
    """A name as others may see it: its first character."""
    return f"{name[0]}**" if name else ""
