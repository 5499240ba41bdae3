"""Signatures by Standard Webhooks: the specification's vector, rotation, and what is refused; links to recordings."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr import recording_links
from ivr.standard_webhooks import SecretError, headers, parse_secrets, signature

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def test_the_vector_of_the_reference_libraries() -> None:
    (key,) = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    given = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_secrets_change_each_signs() -> None:
    old, new = (f"whsec_{base64.b64encode(bytes([i]) * 32).decode()}" for i in (1, 2))
    signed = headers(parse_secrets(f"{new}\n{old}\n"), "id", b"{}", NOW)
    assert signed["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert signed["webhook-signature"].split(" ") == [
        signature(bytes([i]) * 32, "id", int(NOW.timestamp()), b"{}") for i in (2, 1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("hunter2", "whsec_<base64>"),
        ("whsec_!!", "not base64"),
        ("whsec_c2hvcnQ=", "has 5"),
        ("whsec_" + "A" * 100, "has 75"),
    ],
)
def test_what_is_no_secret_is_told_without_telling_it(text: str, sentence: str) -> None:
    with pytest.raises(SecretError, match=sentence) as refused:
        parse_secrets(text)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("message_id", ["a.b", "ä", "a\nb"])
def test_an_id_that_could_be_read_in_two_ways_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="webhook-id"):
        headers([b"x" * 32], message_id, b"", NOW)


def test_a_link_opens_its_recording_until_it_expires() -> None:
    url, expires_at = recording_links.link("http://console/recordings/", "secret", "C1", now=NOW)
    address, _, token = url.partition("?token=")
    assert (address, expires_at) == ("http://console/recordings/C1", NOW + recording_links.GOOD_FOR)
    recording_links.verify("secret", "C1", token, now=NOW)
    recording_links.verify("secret", "C1", token, now=expires_at - timedelta(seconds=1))
    with pytest.raises(recording_links.LinkError, match="expired"):
        recording_links.verify("secret", "C1", token, now=expires_at)
    for secret, complaint in (("other", "C1"), ("secret", "C2")):
        with pytest.raises(recording_links.LinkError, match="not valid"):
            recording_links.verify(secret, complaint, token, now=NOW)


@given(st.text(max_size=80))
def test_a_made_up_token_opens_nothing(token: str) -> None:
    with pytest.raises(recording_links.LinkError):
        recording_links.verify("secret", "C1", token, now=NOW)


def test_a_longer_life_cant_be_written_into_a_token() -> None:
    expiry, _, mac = recording_links.sign("secret", "C1", now=NOW).partition("-")
    with pytest.raises(recording_links.LinkError, match="not valid"):
        recording_links.verify("secret", "C1", f"{int(expiry) + 1}-{mac}", now=NOW)
