"""The acceptance suite: real Asterisk, real SIP calls with RTP and RFC 4733 keys, and the records read by the ivrd command."""
