"""Who may come in, and who may not: log-ins, locks, one-time passwords, forged forms, and the trail they leave (R60, R61)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.console import PASSWORD, console
from support.house import new_database
from typer.testing import CliRunner

from ivr import cli_users
from ivr.console.accounts import ADDRESS_TRIES, TRIES, AddressThrottle, lock_after, token_hash
from ivr.console.passwords import one_time_password, weakness
from ivr.settings import Settings
from ivr.store import users
from ivr.store.schema import SessionRow

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


async def test_a_stranger_gets_the_log_in_page_and_no_data(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client() as stranger:
        for path in ("/", "/calls", "/complaints", "/callbacks", "/password", "/live/board", "/nothing"):
            status, body = await stranger.get(path)
            assert (status, body) == (303, ""), path
        for path in ("me", "board", "events", "calls", "calls/1.0", "complaints", "callbacks", "messages/1/recording"):
            assert (await stranger.json(f"/api/v1/{path}"))[0] == 401, path
        assert (await stranger.get("/api/v1/recordings/C2026112100001"))[0] == 401
        assert (await stranger.post("/calls/1.0/call-back"))[:2] == (303, "/login")


async def test_the_cookie_is_strict_and_the_store_has_its_hash_alone(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client() as sue:
        async with sue.http.post(running.url + "/login", data={"name": "sue", "password": PASSWORD}, allow_redirects=False) as answer:
            cookie = answer.cookies["ivrd_session"]
        assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "Strict", "", "/")
        rows = running.database.read_now(lambda session: session.query(SessionRow).all())
        assert [row.token_hash for row in rows] == [token_hash(cookie.value)]
        assert cookie.value not in (rows[0].token_hash, rows[0].csrf)


async def test_over_tls_the_cookie_says_so(tmp_path: Path) -> None:
    async with console(tmp_path, https=True) as running, await running.client() as sue:
        async with sue.http.post(running.url + "/login", data={"name": "sue", "password": PASSWORD}, allow_redirects=False) as answer:
            cookie = answer.cookies["__Host-ivrd_session"]
        assert cookie["secure"] is True


async def test_wrong_name_wrong_password_and_locked_account_sound_the_same(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client() as visitor:
        answers = {await visitor.log_in("nobody", "x" * 12)}
        for _ in range(TRIES):
            answers.add(await visitor.log_in("nobody", "y" * 12))
        unknown = {(status, body.replace('value="nobody"', "")) for status, body in answers}
        for _ in range(TRIES):
            answers = {await visitor.log_in("sue", "wrong password")}
        locked = await visitor.log_in("sue", PASSWORD)  # right, but too late
        assert {(status, body.replace('value="sue"', "")) for status, body in (*answers, locked)} == unknown
        assert next(iter(unknown))[0] == 401
        running.clock.shift = timedelta(minutes=1, seconds=5)
        assert (await visitor.log_in("sue", PASSWORD))[0] == 303
        actions = [(actor, action) for actor, action, _ in running.audit()]
        assert actions.count(("?", "log-in-refused")) == TRIES + 1
        assert actions.count(("sue", "log-in-refused")) == TRIES + 1
        assert actions[-1] == ("sue", "log-in")


async def test_many_guesses_at_once_are_still_one_after_another(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client() as visitor:
        await asyncio.gather(*(visitor.log_in("sue", f"guess number {guess}") for guess in range(TRIES + 3)))
        assert (await visitor.log_in("sue", PASSWORD))[0] == 401


def test_locks_grow_and_have_an_end() -> None:
    assert [lock_after(failures) for failures in (0, TRIES - 1)] == [None, None]
    assert [lock_after(TRIES + more) for more in (0, 1, 2, 50)] == [timedelta(minutes=m) for m in (1, 2, 4, 30)]


def test_an_address_that_guesses_names_is_stopped_and_let_in_again() -> None:
    throttle = AddressThrottle()
    for _ in range(ADDRESS_TRIES):
        assert throttle.allows("192.0.2.1", NOW)
        throttle.note("192.0.2.1", NOW)
    assert not throttle.allows("192.0.2.1", NOW)
    assert throttle.allows("192.0.2.2", NOW)
    assert throttle.allows("192.0.2.1", NOW + timedelta(minutes=6))


async def test_a_one_time_password_is_good_for_changing_it_alone(tmp_path: Path) -> None:
    async with console(tmp_path, people=("sue",)) as running, await running.client() as sue:
        assert "make run prints" not in (await sue.get("/login"))[1]
        running.database.write_now(lambda session: users.set_password(session, "sue", _hash_of(running, "sue"), one_time=True))
        assert "make run prints" in (await sue.get("/login"))[1], "nobody has come in yet"
        assert await sue.log_in("sue") == (303, "")
        assert (await sue.get("/"))[0] == 303
        assert (await sue.json("/api/v1/board"))[0] == 403
        assert (await sue.get("/api/v1/recordings/C2026112100001"))[0] == 403
        for old, new, again, words in (
            (PASSWORD, "another good 1", "another good 2", "differ"),
            (PASSWORD, PASSWORD, PASSWORD, "must not be the current"),
            (PASSWORD, "short", "short", "too short"),
            (PASSWORD, "sue is simple", "sue is simple", "too simple"),
            ("wrong password", "another good 1", "another good 1", "is wrong"),
        ):
            status, _, body = await sue.post("/password", old=old, new=new, again=again)
            assert (status, words in body) == (400, True), words
        async with await running.client() as elsewhere:
            await elsewhere.log_in("sue")
            assert (await sue.post("/password", old=PASSWORD, new="another good 1", again="another good 1"))[:2] == (303, "/?done=password")
            assert (await sue.get("/"))[0] == 200
            assert (await elsewhere.get("/password"))[0] == 303  # whoever was in with the old one is out


def _hash_of(running: object, name: str) -> str:
    found = running.database.read_now(lambda session: users.find(session, name))  # type: ignore[attr-defined]
    return str(found.password_hash)


async def test_logged_out_disabled_or_run_out_is_out(tmp_path: Path) -> None:
    async with console(tmp_path) as running:
        async with await running.client("sue") as sue:
            assert (await sue.post("/logout"))[:2] == (303, "/login")
            assert (await sue.get("/"))[0] == 303
        async with await running.client("max") as manager:
            running.database.write_now(lambda session: users.set_disabled(session, "max", True))
            assert (await manager.get("/"))[0] == 303
            assert (await manager.log_in("max"))[0] == 401
        async with await running.client("ann") as agent:
            running.clock.shift = timedelta(hours=12, seconds=1)
            assert (await agent.get("/"))[0] == 303


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        (None, {}, 303),
        ("", {}, 403),
        ("wrong", {}, 403),
        (None, {"Origin": "https://evil.example"}, 403),
        (None, {"Origin": "null"}, 403),
        (None, {"Sec-Fetch-Site": "cross-site"}, 403),
        (None, {"Sec-Fetch-Site": "same-origin"}, 303),
    ],
)
async def test_a_write_needs_the_page_s_token_and_origin(tmp_path: Path, token: str | None, headers: dict[str, str], status: int) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        form = {} if token is None else {"csrf": token}
        assert (await sue.post("/logout", headers=headers, **form))[0] == status


async def test_a_log_in_forged_from_elsewhere_is_refused(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client() as visitor:
        status, _, _ = await visitor.post("/login", headers={"Origin": "https://evil.example"}, name="sue", password=PASSWORD)
        assert status == 403


@pytest.mark.parametrize(
    ("wanted", "place"), [("/calls", "/calls"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/")]
)
async def test_after_the_log_in_only_our_own_pages_follow(tmp_path: Path, wanted: str, place: str) -> None:
    async with console(tmp_path) as running, await running.client() as sue:
        assert (await sue.post(f"/login?next={wanted}", name="sue", password=PASSWORD))[:2] == (303, place)


async def test_a_password_typed_as_a_name_is_not_in_the_trail(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client() as visitor:
        await visitor.log_in("my secret password", "")
        assert running.audit() == [("?", "log-in-refused", "127.0.0.1")]


def test_passwords_made_up_differ_and_could_be_chosen() -> None:
    made = {one_time_password() for _ in range(50)}
    assert len(made) == 50
    assert {weakness(password, "administrator") for password in made} == {None}
    assert [weakness(text, "sue") for text in ("short", "x" * 201, "1234567890", "aaaaaaaaaaaa", "my Sue is in")] == [
        "short",
        "long",
        "simple",
        "simple",
        "simple",
    ]


class TestCommandLine:
    def run(self, tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
        new_database(tmp_path).close()
        environment = {"STATE": str(tmp_path), "IVRD_STORE__URL": f"sqlite:///{tmp_path}/ivrd.db", "COLUMNS": "200"}
        result = CliRunner().invoke(cli_users.app, list(arguments), env=environment)
        return result.exit_code, result.stdout, result.stderr

    def test_accounts_are_made_listed_and_closed(self, tmp_path: Path) -> None:
        status, out, _ = self.run(tmp_path, "add", "li.na", "--role", "manager", "--json")
        assert (status, '"one_time_password"' in out) == (0, True)
        assert self.run(tmp_path, "add", "li.na")[0::2] == (1, "ivrd: there is an account li.na already\n")
        assert self.run(tmp_path, "add", "Li Na")[0] == 1
        assert self.run(tmp_path, "passwd", "nobody")[0::2] == (1, "ivrd: there is no account nobody\n")
        assert self.run(tmp_path, "passwd", "li.na")[0] == 0
        assert "one-time password" in self.run(tmp_path, "list")[1]
        assert self.run(tmp_path, "disable", "li.na")[0] == 0
        assert '"state": "disabled"' in self.run(tmp_path, "list", "--json")[1]
        assert self.run(tmp_path, "enable", "li.na")[0] == 0

    def test_the_first_administrator_is_made_once_and_told_until_he_has_come_in(self, tmp_path: Path) -> None:
        database = new_database(tmp_path)
        settings = Settings(state=tmp_path)
        first, second = cli_users.first_administrator(settings), cli_users.first_administrator(settings)
        assert first is not None
        assert second is not None
        assert (first[0], first[1] != second[1]) == ("admin", True)
        database.write_now(lambda session: users.set_password(session, "admin", "x", one_time=False))
        assert cli_users.first_administrator(settings) is None
        database.close()
