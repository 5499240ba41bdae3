"""What keeps the telephone world from starting, told in one sentence.

For the testbed's own modules and those who start it.
"""

from __future__ import annotations


class TestbedError(Exception):
    """Something can't be found or started; the message says what is wrong, where, and what to do."""

    __test__ = False  # pytest: no test class
