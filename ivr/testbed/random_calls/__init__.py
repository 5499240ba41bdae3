"""Random days of calls with their truth, and what a real Asterisk would say of them: its events, its queue_log, its snapshots.

Pure and seeded: the same plan and seed give the same day. For tests and benchmarks, which compare what the product makes of it.
"""

from ivr.testbed.random_calls.day import Day, Logged, Said, Told
from ivr.testbed.random_calls.journeys import random_day
from ivr.testbed.random_calls.plan import Chances, DayPlan, QueuePlan
from ivr.testbed.random_calls.snapshot import Snapshot, snapshot_at
from ivr.testbed.random_calls.truth import CallTruth, OfferTruth, VisitTruth

__all__ = [
    "CallTruth",
    "Chances",
    "Day",
    "DayPlan",
    "Logged",
    "OfferTruth",
    "QueuePlan",
    "Said",
    "Snapshot",
    "Told",
    "VisitTruth",
    "random_day",
    "snapshot_at",
]
