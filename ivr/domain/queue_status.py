"""What Asterisk calls the end of a wait and of a ring, in our outcomes. Pure; for the readings of AMI and of queue_log."""

from __future__ import annotations

from ivr.domain.contacts import VisitOutcome

ABANDONED = "HANGUP"  # our dialplan's word from its h extension, and the reading of queue_log's ABANDON
SERVED = "CONTINUE"  # an agent has served him and hung up first
REFUSED = frozenset({"FULL", "JOINEMPTY", "JOINUNAVAIL"})  # at the door: he never waited
# QUEUESTATUS as Queue() leaves it → what became of a visit nobody answered (app_queue.c, 16 to 22).
BY_QUEUE_STATUS = {
    "TIMEOUT": VisitOutcome.FLOW_TIMEOUT,
    "LEAVEEMPTY": VisitOutcome.FLOW_EMPTY,
    "LEAVEUNAVAIL": VisitOutcome.FLOW_EMPTY,
    "WITHDRAW": VisitOutcome.WITHDRAWN,
    "FULL": VisitOutcome.FULL,
    "JOINEMPTY": VisitOutcome.JOIN_EMPTY,
    "JOINUNAVAIL": VisitOutcome.JOIN_EMPTY,
}
# A ring that ended so was still going on when the caller left. (A phone that was busy or not reached didn't ring him.)
CANCELLED = frozenset({"CANCEL", "RINGCANCELED", ""})
DUMPED = "AGENTDUMP"  # the agent had picked up, and hung up before he was joined with the caller, who waits on
