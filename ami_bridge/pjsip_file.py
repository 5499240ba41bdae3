"""pjsip.conf: the trunk that callers come from and the agents' phones.

For ``asterisk_files`` only. Nobody else is an endpoint: an unknown sender gets 401. Promised calls alone leave the house, by a trunk
that no call comes in from.
"""

from __future__ import annotations

from ami_bridge.conf_text import ConfigurationError, Pair, address, agent_name, carried, file_text, network, section, with_port, word
from ami_bridge.outbound_numbers import takes
from ami_bridge.plan import AsteriskPlan, Destination, OutboundPlan, Phone

INBOUND_CONTEXT = "ivrd-inbound"
PHONES_CONTEXT = "ivrd-phones"
TRUNK = "ivrd-trunk"
OUTBOUND_TRUNK = "ivrd-outbound"
DIALLED = "ivrd-to-"  # an endpoint for each telephone with a contact that flows connect to
NOWHERE = "ivrd-nowhere"  # a context that isn't there: what comes in by it reaches nothing
CONTACT = r"sips?:[A-Za-z0-9_.+-]+@[A-Za-z0-9_.:\[\]-]+"
# A contact that doesn't answer OPTIONS for this long (s) is Unavailable. Ours are on the same site: a slow answer is none.
QUALIFY_TIMEOUT_S = 2.0
# A phone or trunk that sends no RTP for this long (s) is gone without a BYE. Not shorter: with silence suppression a caller
# who only listens to the music sends nothing. Longer on hold, where nothing need come.
RTP_TIMEOUT_S = 300
RTP_TIMEOUT_HOLD_S = 1800
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8")

MEDIA: tuple[Pair, ...] = (
    ("disallow", "all"),
    ("allow", "alaw,ulaw"),
    ("dtmf_mode", "rfc4733"),
    # The audio stays with us: keys, announcements and the queue's timers need it.
    ("direct_media", False),
    ("rtp_timeout", RTP_TIMEOUT_S),
    ("rtp_timeout_hold", RTP_TIMEOUT_HOLD_S),
    ("allow_subscribe", False),
)


def pjsip_conf(plan: AsteriskPlan) -> str:
    seen: set[str] = set()
    for phone in plan.phones:
        if phone.extension in seen:
            raise ConfigurationError(f"there are two phones with the extension {phone.extension}; each needs its own.")
        seen.add(phone.extension)
    sections = [
        section(
            "global",
            [
                ("type", "global"),
                ("user_agent", "ivrd"),  # no version numbers for strangers
                # The address first: a caller whose number happens to be an extension must not be taken for that phone.
                ("endpoint_identifier_order", "ip,username"),
                ("default_realm", "ivrd"),
                ("keep_alive_interval", 90),
                # Until its first OPTIONS is answered a phone counts as Unavailable, and callers are refused JOINEMPTY.
                ("max_initial_qualify_time", 1),
            ],
        ),
        section("ivrd-udp", _transport(plan)),
        section(TRUNK, _trunk(plan)),
    ]
    if plan.trusted_peers:
        peers: list[Pair] = [("match", network(peer, "trusted_peers")) for peer in plan.trusted_peers]
        sections.append(section(f"{TRUNK}-peers", [("type", "identify"), ("endpoint", TRUNK), *peers]))
    if plan.outbound is not None:
        sections += _outbound(plan.outbound, plan)
    for phone in plan.phones:
        sections += _phone(phone, plan)
    for destination in plan.destinations:
        sections += _destination(destination, plan)
    return file_text(*sections)


def _transport(plan: AsteriskPlan) -> list[Pair]:
    pairs: list[Pair] = [
        ("type", "transport"),
        ("protocol", "udp"),
        ("bind", with_port(address(plan.bind_address, "bind_address"), plan.sip_port)),
    ]
    if plan.nat_address:
        outside = address(plan.nat_address, "nat_address")
        pairs += [("external_media_address", outside), ("external_signaling_address", outside)]
        pairs += [("local_net", net) for net in PRIVATE_NETWORKS]
    return pairs


def _trunk(plan: AsteriskPlan) -> list[Pair]:
    return [
        ("type", "endpoint"),
        ("transport", "ivrd-udp"),
        ("context", INBOUND_CONTEXT),
        ("identify_by", "ip"),
        *MEDIA,
        ("language", word(plan.language, "language", r"[a-z]{2}(_[A-Z]{2})?")),
        ("rtp_symmetric", True),
        ("allow_transfer", False),  # a caller has no business with REFER
        ("send_pai", False),
        ("trust_id_inbound", True),  # the carrier's P-Asserted-Identity is the caller's number where From is not
        ("trust_id_outbound", False),
    ]


def _outbound(outbound: OutboundPlan, plan: AsteriskPlan) -> list[str]:
    """``PJSIP/<number>@ivrd-outbound`` becomes sip:<number>@<address>. No context: what would come in by it reaches nothing."""
    where = word(outbound.address, "outbound.address", r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
    endpoint: list[Pair] = [
        ("type", "endpoint"),
        ("transport", "ivrd-udp"),
        ("context", NOWHERE),
        ("identify_by", "ip"),
        *MEDIA,
        ("aors", OUTBOUND_TRUNK),
        ("from_user", word(outbound.caller_id, "outbound.caller_id", r"\+?[0-9]{3,20}")),
        ("language", plan.language),
        ("rtp_symmetric", True),
        ("allow_transfer", False),
        ("send_pai", False),
    ]
    aor: list[Pair] = [("type", "aor"), ("contact", f"sip:{where}"), ("qualify_frequency", 0)]
    return [section(OUTBOUND_TRUNK, endpoint), section(OUTBOUND_TRUNK, aor)]


def _phone(phone: Phone, plan: AsteriskPlan) -> list[str]:
    extension = word(phone.extension, f"the extension {phone.extension!r}", r"[0-9]{2,10}")
    if (phone.secret is None) == (phone.contact is None):
        raise ConfigurationError(f"phone {extension} needs either a secret, to register with, or a contact.")
    agent = agent_name(phone.agent, extension)
    endpoint: list[Pair] = [
        ("type", "endpoint"),
        ("transport", "ivrd-udp"),
        ("context", PHONES_CONTEXT),
        *MEDIA,
        ("aors", extension),
        ("callerid", f'"{agent}" <{extension}>'),
        ("language", plan.language),
        ("device_state_busy_at", 1),  # with ringinuse=no: an agent who talks isn't rung
        ("rtp_symmetric", True),
        ("force_rport", True),
    ]
    aor: list[Pair] = [
        ("type", "aor"),
        ("qualify_frequency", phone.qualify_s),
        ("qualify_timeout", QUALIFY_TIMEOUT_S),
    ]
    if phone.contact is not None:
        # Without a password nothing that claims to be this phone is believed: identify_by=ip with no address to match.
        contact = word(phone.contact, f"the contact of phone {extension}", CONTACT)
        endpoint.append(("identify_by", "ip"))
        return [section(extension, endpoint), section(extension, [*aor, ("contact", contact)])]
    secret = carried(phone.secret, f"the secret of phone {extension}")
    if not 8 <= len(secret) <= 128:
        raise ConfigurationError(f"the secret of phone {extension} must have 8 to 128 characters.")
    endpoint += [("identify_by", "username"), ("auth", extension), ("rewrite_contact", True)]
    # A phone that registers anew takes the place of its old self instead of being refused.
    aor += [("max_contacts", 1), ("remove_existing", True), ("minimum_expiration", 60)]
    # No auth_type: its default is right everywhere, its name isn't (userpass, since 20.12 and 22.2 digest).
    auth: list[Pair] = [("type", "auth"), ("username", extension), ("password", secret)]
    return [section(extension, endpoint), section(extension, aor), section(extension, auth)]


def _destination(phone: Destination, plan: AsteriskPlan) -> list[str]:
    """Only one with a contact of its own needs an endpoint. It calls nobody: we alone call it."""
    if phone.contact is None:
        return []
    name = DIALLED + phone.name
    contact = word(phone.contact, f"the contact of the telephone {phone.name}", CONTACT)
    endpoint: list[Pair] = [
        ("type", "endpoint"),
        ("transport", "ivrd-udp"),
        ("context", NOWHERE),
        ("identify_by", "ip"),
        *MEDIA,
        ("aors", name),
        ("language", plan.language),
        ("rtp_symmetric", True),
        ("allow_transfer", False),
    ]
    return [section(name, endpoint), section(name, [("type", "aor"), ("contact", contact), ("qualify_frequency", 0)])]


def dialled_address(phone: Destination, plan: AsteriskPlan) -> str:
    """What Dial() is given for it. Raises ConfigurationError: a number that the outbound rules don't take is none of ours to call."""
    what = f"the telephone {phone.name}"
    if phone.contact is not None:
        return f"PJSIP/{DIALLED}{phone.name}"
    if phone.extension is not None:
        if phone.extension not in {known.extension for known in plan.phones}:
            raise ConfigurationError(f"{what} is the extension {phone.extension!r}, and no agent has it.")
        return f"PJSIP/{phone.extension}"
    digits = word(phone.digits or "", f"the number of {what}", "[0-9]{3,20}")
    if plan.outbound is None or not any(takes(pattern, digits) for pattern in plan.outbound.patterns):
        raise ConfigurationError(f"{what} has a number that may not be called (callbacks.countries, callbacks.number_types).")
    return f"PJSIP/{digits}@{OUTBOUND_TRUNK}"
