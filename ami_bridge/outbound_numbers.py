"""The digits that may be dialled out, as dialplan patterns: the last of three walls against toll fraud.

Pure. For whoever makes the plan; the patterns are coarser than the daemon's own list of countries and kinds, and independent of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import phonenumbers

# China's numbering plan (工信部《电信网编号计划》): mobiles 1[3-9] and nine digits; area codes 010 and 02x with eight digits, all
# others three digits after the 0 with seven or eight. Subscribers' numbers begin with 2 to 8; 1 and 9 are services.
_CHINA = {
    "mobile": ("_1[3-9]XXXXXXXXX",),
    "fixed_line": ("_010[2-8]XXXXXXX", "_02X[2-8]XXXXXXX", "_0[3-9]XX[2-8]XXXXXX", "_0[3-9]XX[2-8]XXXXXXX"),
}
SHORTEST, LONGEST = 6, 15  # digits of a whole number; E.164 allows fifteen


def dial_patterns(countries: Collection[str], kinds: Collection[str], home: str) -> tuple[str, ...]:
    """Patterns of fixed length, without wildcards. Numbers of ``home`` are dialled nationally, others as 00 and the country code.

    ``countries`` and ``home`` are ISO 3166 codes, ``kinds`` as in the settings. An unknown country gives no pattern.
    """
    patterns: list[str] = []
    for country in sorted(countries):
        if country == home == "CN":
            patterns += [pattern for kind in sorted(_CHINA) if kind in kinds for pattern in _CHINA[kind]]
        elif country == home:
            patterns += [f"_{'X' * length}" for length in range(SHORTEST, 13)]
        elif code := phonenumbers.country_code_for_region(country):
            longest = LONGEST - len(str(code))
            patterns += [f"_00{code}{'X' * length}" for length in range(SHORTEST, longest + 1)]
    return tuple(dict.fromkeys(patterns))


def takes(pattern: str, digits: str) -> bool:
    """Would the dialplan's pattern (without ``.`` and ``!``) take these digits?"""
    classes = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]"}
    return re.fullmatch("".join(classes.get(character, character) for character in pattern.removeprefix("_")), digits) is not None
