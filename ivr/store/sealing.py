"""Callers' numbers and names at rest (R60): encrypted, with a keyed index where they must be found again. Used by the store alone."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken


class SealBrokenError(Exception):
    """What is stored can't be opened with this key: the data key was lost or changed."""


class Sealer:
    """``secret`` is the text of STATE/secrets/data_key; encryption and index keys are derived from it."""

    def __init__(self, secret: str) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(self._derive(secret, "seal")))
        self._index_key = self._derive(secret, "index")

    @staticmethod
    def _derive(secret: str, purpose: str) -> bytes:
        # The secret is 32 random bytes, not a password: one HMAC separates the purposes, no stretching is needed.
        return hmac.digest(secret.encode(), f"ivrd {purpose}".encode(), hashlib.sha256)

    def seal(self, text: str) -> str:
        """Empty stays empty: that a number was withheld is no secret, and can be asked of the database."""
        return self._fernet.encrypt(text.encode()).decode() if text else ""

    def open(self, sealed: str) -> str:
        """Raises SealBrokenError."""
        if not sealed:
            return ""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealBrokenError("a stored number or name can't be opened: is secrets/data_key the one it was sealed with?") from error

    def index(self, text: str) -> str:
        """The same text gives the same index, and nobody without the key can try numbers against it."""
        return hmac.digest(self._index_key, text.encode(), hashlib.sha256).hex()[:32] if text else ""
