"""The levels every prompt is brought to, as numbers; importing them costs nothing.

For the prompts room.
"""

from __future__ import annotations

TELEPHONE_RATE = 8000  # Hz: what G.711 carries
TARGET_LUFS = -19.0  # what Asterisk's own English set measures
MUSIC_LUFS = -24.0  # somebody may listen to it for minutes
CEILING_DBFS = -3.0
TOLERANCE_LU = 1.0
