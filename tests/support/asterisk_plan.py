"""A plan of Asterisk's configuration with a bit of everything, for tests that read what is written from it."""

from __future__ import annotations

from pathlib import Path

from ami_bridge.plan import AsteriskPlan, Destination, Phone, QueuePlan

ROOT = Path("/srv/ivrd")
PLAN = AsteriskPlan(
    major_version=22,
    configuration=ROOT / "etc",
    modules=Path("/usr/lib/asterisk/modules"),
    data=ROOT / "data",
    state=ROOT / "var",
    recordings=ROOT / "recordings",
    fallback_spool=ROOT / "spool",
    fallback_command=ROOT / "agi" / "fallback",
    bind_address="127.0.0.1",
    sip_port=5060,
    rtp_first_port=10000,
    rtp_last_port=10999,
    ami_port=5038,
    ami_user="ivrd",
    ami_secret="an-ami-secret-of-the-tests",
    agi_host="127.0.0.1",
    agi_port=4573,
    agi_token="an-agi-token",
    hotline_numbers=(),
    trusted_peers=("127.0.0.1", "192.0.2.0/24"),
    language="zh",
    fallback_queue="complaint",
    longest_call_s=3600,
    queues=(QueuePlan("hr", ("101", "102"), 15, 30), QueuePlan("complaint", ("102",), 20, 0)),
    phones=(Phone("101", "Li Na", contact="sip:101@127.0.0.1:5091"), Phone("102", "王五", secret="a-phone-secret")),
    destinations=(Destination("reception", contact="sip:reception@192.0.2.7"), Destination("duty", extension="102")),
)
