"""Every row of the truth table made for real: scenes on an Asterisk of their own, what it says of them recorded, what happened told.

For `python -m ivr.testbed.truth`, which makes the golden captures, and for the acceptance test that makes the scenes anew.
"""
