"""Which numbers may be called at all: an allow-list by country and kind of number, against toll fraud. Pure.

Used when a promise is given and again before it is dialled; the outbound dialplan checks the digits a third time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import phonenumbers
from phonenumbers import PhoneNumberType

_KINDS = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
}
# Never called, whatever the settings say: the kind's name, and how an English sentence calls it.
_OTHER_KINDS = {
    PhoneNumberType.PREMIUM_RATE: ("premium_rate", "a premium-rate number"),
    PhoneNumberType.SHARED_COST: ("shared_cost", "a shared-cost number"),
    PhoneNumberType.TOLL_FREE: ("service", "a service number"),
    PhoneNumberType.UAN: ("service", "a service number"),
    PhoneNumberType.VOIP: ("voip", "an Internet telephone's number"),
    PhoneNumberType.PERSONAL_NUMBER: ("personal", "a personal number that leads anywhere"),
    PhoneNumberType.PAGER: ("pager", "a pager"),
    PhoneNumberType.VOICEMAIL: ("voicemail", "a voice mailbox"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a number isn't called: an English sentence without the number, and the same as a ``code`` with ``values`` for other words."""

    code: str
    sentence: str
    values: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class AllowList:
    """``countries`` are ISO 3166 codes, ``kinds`` of mobile, fixed_line, fixed_line_or_mobile."""

    countries: frozenset[str]
    kinds: frozenset[str]

    def refusal(self, number: str) -> Refusal | None:
        """Why this number (E.164, short digits, or empty) is not called; None when it may be."""
        if not number:
            return Refusal("withheld", "the number was withheld, so there is nothing to call")
        if not number.startswith("+"):
            return Refusal("short", "that is a short or incomplete number, and only whole telephone numbers are called")
        try:
            parsed = phonenumbers.parse(number, None)
        except phonenumbers.NumberParseException:
            return Refusal("no_number", "that is no telephone number")
        if not phonenumbers.is_valid_number(parsed):
            return Refusal("impossible", "there can't be such a telephone number")
        country = phonenumbers.region_code_for_number(parsed) or "no country"
        if country not in self.countries:
            only = ", ".join(sorted(self.countries))
            return Refusal(
                "country",
                f"the number belongs to {country}, and only {only} may be called (callbacks.countries)",
                {"country": country, "countries": only},
            )
        return self._refused_kind(phonenumbers.number_type(parsed))

    def _refused_kind(self, kind: int) -> Refusal | None:
        known = _KINDS.get(kind)
        if known in self.kinds:
            return None
        name, told = (known, known.replace("_", " ")) if known else _OTHER_KINDS.get(kind, ("unknown", "of an unknown kind"))
        kinds = tuple(sorted(self.kinds))
        return Refusal(
            "kind",
            f"the number is {told}, and only {', '.join(kinds)} may be called (callbacks.number_types)",
            {"kind": name, "kinds": kinds},
        )
