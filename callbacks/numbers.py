"""Which numbers may be called at all: an allow-list by country and kind of number, against toll fraud. Pure.

Used when a promise is given and again before it is dialled; the outbound dialplan checks the digits a third time.
"""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberType

_KINDS = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
}
_OTHER_KINDS = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.TOLL_FREE: "a service number",
    PhoneNumberType.UAN: "a service number",
    PhoneNumberType.VOIP: "an Internet telephone's number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number that leads anywhere",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a voice mailbox",
}


@dataclass(frozen=True, slots=True)
class AllowList:
    """``countries`` are ISO 3166 codes, ``kinds`` of mobile, fixed_line, fixed_line_or_mobile."""

    countries: frozenset[str]
    kinds: frozenset[str]

    def refusal(self, number: str) -> str | None:
        """Why this number (E.164, short digits, or empty) is not called, as a sentence without the number; None when it may be."""
        if not number:
            return "the number was withheld, so there is nothing to call"
        if not number.startswith("+"):
            return "that is a short or incomplete number, and only whole telephone numbers are called"
        try:
            parsed = phonenumbers.parse(number, None)
        except phonenumbers.NumberParseException:
            return "that is no telephone number"
        if not phonenumbers.is_valid_number(parsed):
            return "there can't be such a telephone number"
        country = phonenumbers.region_code_for_number(parsed) or "no country"
        if country not in self.countries:
            return f"the number belongs to {country}, and only {', '.join(sorted(self.countries))} may be called (callbacks.countries)"
        kind = phonenumbers.number_type(parsed)
        if _KINDS.get(kind) not in self.kinds:
            told = _OTHER_KINDS.get(kind) or (_KINDS[kind].replace("_", " ") if kind in _KINDS else "of an unknown kind")
            return f"the number is {told}, and only {', '.join(sorted(self.kinds))} may be called (callbacks.number_types)"
        return None
