"""queues.conf: one queue for each of the hotline's, its members and who is refused at its door.

For ``asterisk_files`` only; every choice here was measured on Asterisk 22.10.1 with PJSIP phones.
"""

from __future__ import annotations

from ami_bridge.conf_text import ConfigurationError, Pair, agent_name, file_text, section, word
from ami_bridge.dialplan_text import KEYS_CONTEXT
from ami_bridge.plan import AsteriskPlan, QueuePlan

# A caller is refused (JOINEMPTY) or put out (LEAVEEMPTY) when every member is in one of these states: no phone can be
# reached at all. Agents who are busy, ringing or on a pause don't empty a queue: they come back within the caller's wait.
NOBODY_THERE = "unavailable,invalid,unknown"
QUEUE_NAME = r"[a-z][a-z0-9_-]{0,31}"
ANNOUNCE_EVERY_S = 30


def queues_conf(plan: AsteriskPlan) -> str:
    names = {phone.extension: phone.agent for phone in plan.phones}
    general = section(
        "general",
        [
            ("persistentmembers", False),  # the daemon's settings say who is a member
            ("autofill", True),  # several free agents are rung for several callers at once
            ("shared_lastcall", True),
            ("log_membername_as_agent", True),  # one name for an agent in every queue_log row
            # A withheld number stays out of queue_log (since 20.9).
            ("log-restricted-caller-id", False),
        ],
    )
    queues = [queue.name for queue in plan.queues]
    for name in queues:
        if name == "general" or queues.count(name) > 1:
            raise ConfigurationError(f"a queue can't be called {name!r}: Asterisk or another queue has that name already.")
    return file_text(general, *(_queue(queue, names) for queue in plan.queues))


def _queue(queue: QueuePlan, names: dict[str, str]) -> str:
    word(queue.name, f"the queue name {queue.name!r}", QUEUE_NAME)
    pairs: list[Pair] = [
        ("musicclass", "default"),
        # Round robin with memory: with leastrecent an agent who doesn't answer stays the least recent and is rung again.
        ("strategy", "rrmemory"),
        ("timeout", queue.ring_s),
        ("retry", 1),  # seconds between two attempts
        ("maxlen", queue.max_waiting),
        ("joinempty", NOBODY_THERE),
        ("leavewhenempty", NOBODY_THERE),
        ("ringinuse", False),
        ("announce-position", False),
        ("announce-holdtime", False),
        ("announce-frequency", 0),
        ("periodic-announce", "ivrd/queue-please-hold"),
        ("periodic-announce-frequency", ANNOUNCE_EVERY_S),
        ("context", KEYS_CONTEXT),  # a key that is an extension there takes the caller out of the queue
        ("reportholdtime", False),
        ("setinterfacevar", False),
        ("setqueueentryvar", False),
        ("setqueuevar", False),
    ]
    for extension in queue.members:
        if extension not in names:
            raise ConfigurationError(f"the queue {queue.name} has the member {extension}, and there is no such phone.")
        # interface, penalty, name, state interface
        pairs.append(("member", f"PJSIP/{extension},0,{agent_name(names[extension], extension)},PJSIP/{extension}"))
    return section(queue.name, pairs)
