"""Passwords of the console: hashed with argon2id, checked in a thread, made up where somebody needs a first one. For accounts alone."""

from __future__ import annotations

import asyncio
import re
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10
LONGEST = 200  # hashing a novel is work somebody else chose for us
NAME = re.compile(r"^[a-z][a-z0-9._-]{1,31}$")
# No 0 O 1 l I: it is read from a screen and typed.
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
# RFC 9106's second recommended option for less memory: 64 MiB, 3 passes. About 60 ms of one core here.
_hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
# The hash of a password nobody knows, with the same costs.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=1$3kGvBaTedM8BWX3vjJ/cGA$6N4FzwVSzwnyDq1ox3095tD5we3m1SH+huiE8UtcY2w"


def one_time_password() -> str:
    """About 93 bits, in four groups."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def hashed(password: str) -> str:
    """Blocks for some 60 ms."""
    return _hasher.hash(password)


def weakness(password: str, name: str) -> str | None:
    """Why this can't be a password: ``short``, ``long`` or ``simple``; None when it can."""
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    if len(set(password)) < 5 or name.lower() in password.lower() or password.isdecimal():
        return "simple"
    return None


async def fits(password_hash: str | None, password: str) -> bool:
    """In a thread. An account that isn't there takes as long as one that is."""
    if len(password) > LONGEST:
        return False
    return await asyncio.to_thread(_verified, password_hash or _NOBODY, password) and password_hash is not None


def _verified(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
