"""Two keepers on one real database, a clock that jumps, and death between any two steps: R31 holds and no promise is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from callbacks.keeper import Keeper
from callbacks.model import Callback, Dial, NewPromise, Reason, Result, State
from callbacks.numbers import AllowList
from callbacks.policy import Policy
from callbacks.ports import Sent
from ivr.store import callbacks as store
from ivr.store.callback_claims import claim
from ivr.store.schema import Base, CallbackAttemptRow, CallbackRow, ContactRow
from ivr.store.sealing import Sealer

T = TypeVar("T")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
POLICY = Policy(retry_gaps=(timedelta(minutes=15), timedelta(minutes=40)), concurrent=2)
NUMBERS = ("+8613800138000", "+8613800138001", "+8613800138002")
SEALER = Sealer("a secret for tests")
ALLOWED = AllowList(frozenset({"CN"}), frozenset({"mobile"}))
EXPIRES_AFTER = timedelta(hours=3)
FINAL = {State.DONE, State.FAILED, State.CANCELLED, State.EXPIRED}


class Died(Exception):  # noqa: N818 - SIGKILL, as far as a test can have it
    pass


@dataclass
class Live:
    number: str
    began: float
    talking: bool = False


@dataclass
class World:
    """Database, Asterisk and clocks; ``fuse`` counts the steps until whoever works dies."""

    now: datetime = NOON
    monotonic: float = 0.0
    fuse: int | None = None
    sends: str = "accepted"
    up: bool = True
    opens: time = time(8, 0)
    closes: time = time(20, 0)
    live: dict[str, Live] = field(default_factory=dict)
    logged: dict[str, Result] = field(default_factory=dict)
    dialled: list[tuple[str, str, datetime]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        tables = [Base.metadata.tables[row.__tablename__] for row in (CallbackRow, CallbackAttemptRow, ContactRow)]
        Base.metadata.create_all(self.engine, tables)
        self.keepers = [self.new_keeper(), self.new_keeper()]

    def new_keeper(self) -> Keeper:
        return Keeper(self, self, self, ALLOWED, POLICY, clock=lambda: self.now, monotonic=lambda: self.monotonic)

    def transact(self, work: Callable[[Session], T]) -> T:
        """One committed transaction; death may come right before and right after it."""
        self.step()
        with Session(self.engine) as session, session.begin():
            done = work(session)
        self.step()
        return done

    def step(self) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                raise Died

    # callbacks.ports.Store

    async def tidy(self, now: datetime, policy: Policy) -> None:
        self.transact(partial(store.tidy, now=now, policy=policy))

    async def claim(self, owner: str, now: datetime, policy: Policy) -> Callback | None:
        return self.transact(partial(claim, sealer=SEALER, owner=owner, now=now, policy=policy))

    async def release(self, callback_id: str, owner: str, due_at: datetime, expires_at: datetime) -> None:
        self.transact(partial(store.release, callback_id=callback_id, owner=owner, due_at=due_at, expires_at=expires_at))

    async def refuse(self, callback_id: str, owner: str, now: datetime) -> None:
        self.transact(partial(store.refuse, callback_id=callback_id, owner=owner, now=now))

    async def begin_attempt(self, callback_id: str, owner: str, now: datetime) -> str | None:
        return self.transact(partial(store.begin_attempt, callback_id=callback_id, owner=owner, now=now))

    async def settle(self, channel_id: str, result: Result, now: datetime, policy: Policy) -> bool:
        return self.transact(partial(store.settle, name=channel_id, result=result, now=now, policy=policy))

    async def dialling(self) -> Sequence[str]:
        return self.transact(store.dialling)

    # callbacks.ports.Dialler

    @property
    def ready(self) -> bool:
        return self.up

    def staffed(self, queue: str) -> bool:
        return True

    async def dial(self, dial: Dial) -> Sent:
        self.step()
        if self.sends in ("accepted", "answer lost"):
            assert dial.channel_id not in {channel for channel, _, _ in self.dialled}, "a channel id is never used twice"
            self.dialled.append((dial.channel_id, dial.callback.number, self.now))
            self.live[dial.channel_id] = Live(dial.callback.number, self.monotonic)
        self.step()
        return {"accepted": Sent.ACCEPTED, "refused": Sent.REFUSED}.get(self.sends, Sent.UNKNOWN)

    async def living(self) -> Mapping[str, bool] | None:
        return {channel: live.talking for channel, live in self.live.items()} if self.up else None

    async def found_out(self, channel_id: str) -> Result | None:
        return self.logged.get(channel_id)

    # callbacks.ports.Hours

    def is_open(self, line: str | None, at: datetime) -> bool:
        return self.opens <= at.time() < self.closes

    def opens_at(self, line: str | None, at: datetime) -> datetime | None:
        today = datetime.combine(at.date(), self.opens, UTC)
        return today if today > at else today + timedelta(days=1)

    # what a test does with it

    def run(self, work: Any, keeper: int, fuse: int | None) -> None:
        """Let a keeper work; when it dies, another process takes its place."""
        self.fuse = fuse
        try:
            asyncio.run(work(self.keepers[keeper]))
        except Died:
            self.keepers[keeper] = self.new_keeper()
        finally:
            self.fuse = None

    def promise(self, number: str, reason: Reason = Reason.REQUESTED) -> str:
        new = NewPromise(f"k{len(self.given)}", reason, number, "hr", "zh", self.now, self.now + EXPIRES_AFTER, "test", "hr")
        self.given.append(self.transact(partial(store.promise, sealer=SEALER, new=new, now=self.now)))
        return self.given[-1]

    def end(self, channel: str, result: Result, *, logged: bool) -> None:
        del self.live[channel]
        if logged:
            self.logged[channel] = result

    def wait(self, seconds: float) -> None:
        """Both clocks go on, and what rings too long stops ringing."""
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds
        for channel, live in list(self.live.items()):
            if not live.talking and self.monotonic - live.began >= POLICY.ring.total_seconds():
                self.end(channel, Result.NO_ANSWER, logged=False)

    def rows(self) -> list[CallbackRow]:
        with Session(self.engine) as session:
            return list(session.scalars(select(CallbackRow)))

    def row(self, callback: str) -> CallbackRow:
        return next(row for row in self.rows() if row.id == callback)

    def check(self) -> None:
        of_number = Counter(live.number for live in self.live.values())
        assert all(count <= 1 for count in of_number.values()), f"two live dials to one number: {of_number}"
        assert len(self.live) <= POLICY.concurrent + sum(live.talking for live in self.live.values())
        assert all(self.is_open("hr", at) for _, _, at in self.dialled), "dialled outside the hours"
        for row in self.rows():
            dials = [channel for channel, _, _ in self.dialled if channel.startswith(f"cb-{row.id}-")]
            assert len(dials) <= row.attempts <= POLICY.most_attempts


STEPS = st.one_of(
    st.tuples(st.just("promise"), st.sampled_from(NUMBERS), st.sampled_from(Reason)),
    st.tuples(st.just("tick"), st.integers(0, 1), st.one_of(st.none(), st.integers(0, 14))),
    st.tuples(st.just("tick"), st.integers(0, 1), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 61, 100, 1000, 3000]), st.none()),
    st.tuples(st.just("jump"), st.sampled_from([-86400, -3600, -30, 30, 90, 3600, 43200]), st.none()),
    st.tuples(st.just("end"), st.sampled_from([*Result]), st.sampled_from([None, 0, 1])),
    st.tuples(st.just("talk"), st.none(), st.none()),
    st.tuples(st.just("serve"), st.sampled_from(NUMBERS), st.none()),
    st.tuples(st.just("sends"), st.sampled_from(["accepted", "answer lost", "never sent", "refused"]), st.none()),
    st.tuples(st.just("link"), st.booleans(), st.none()),
)


def act(world: World, what: str, first: Any, second: Any) -> None:
    match what:
        case "promise":
            world.promise(first, second)
        case "tick":
            world.run(Keeper.tick, first, second)
        case "wait":
            world.wait(first)
        case "jump":
            world.now += timedelta(seconds=first)
        case "end" if world.live:
            channel = next(iter(world.live))
            told = first if first not in (Result.UNCONFIRMED, Result.NOT_SENT) else Result.BUSY
            world.end(channel, told, logged=second != 1)
            if second is not None:
                world.run(lambda keeper: keeper.ended(channel, told), second, None)
        case "talk" if world.live:
            next(iter(world.live.values())).talking = True
        case "serve":
            world.transact(partial(store.cancel_served, sealer=SEALER, number=first, served_at=world.now, now=world.now))
        case "sends":
            world.sends = first
        case "link":
            world.up = first


@settings(max_examples=20, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_r31_whatever_happens_nobody_is_called_twice_at_once_or_out_of_hours_and_nothing_is_lost(steps: list[tuple[str, Any, Any]]) -> None:
    world = World()
    for step in steps:
        act(world, *step)
        world.check()
    # The trouble is over. Every promise comes to an end by itself, without a further word.
    world.sends, world.up = "accepted", True
    for channel in list(world.live):
        world.end(channel, Result.NO_ANSWER, logged=False)
    for _ in range(200):
        if all(row.state in FINAL for row in world.rows()):
            break
        world.run(Keeper.tick, 0, None)
        world.check()
        world.wait(1200)
    assert all(row.state in FINAL for row in world.rows()), [(row.state, row.due_at, row.expires_at) for row in world.rows()]
    assert {row.id for row in world.rows()} == set(world.given)


def test_a_death_at_every_single_step_costs_no_promise_and_dials_at_most_once_at_a_time() -> None:
    for fuse in range(13):
        world = World()
        promised = world.promise(NUMBERS[0])
        world.run(Keeper.tick, 0, fuse)
        world.run(Keeper.tick, 1, None)
        world.run(Keeper.tick, 0, None)
        assert len(world.dialled) <= 1, f"dialled twice after a death at step {fuse}"
        world.check()
        for _ in range(16):
            world.wait(400)
            world.run(Keeper.tick, 1, None)
            world.check()
        row = world.row(promised)
        assert row.state in FINAL, fuse
        assert len(world.dialled) >= POLICY.most_attempts - 1, f"an attempt more than one was lost by a death at step {fuse}"


def test_a_living_call_is_adopted_and_settled_when_it_talks() -> None:
    world = World()
    promised = world.promise(NUMBERS[0])
    world.run(Keeper.tick, 0, None)
    (channel,) = world.live
    world.keepers[0] = world.new_keeper()
    world.run(Keeper.tick, 0, None)
    assert world.row(promised).state == State.DIALLING
    world.live[channel].talking = True
    world.wait(1000)  # he listens to the music for a while
    world.run(Keeper.tick, 0, None)
    assert (world.row(promised).state, world.row(promised).last_result) == (State.DONE, Result.BRIDGED)


def test_what_asterisk_wrote_down_settles_a_call_that_ended_while_nobody_listened() -> None:
    world = World()
    promised = world.promise(NUMBERS[0])
    world.run(Keeper.tick, 0, None)
    world.end(next(iter(world.live)), Result.BUSY, logged=True)
    world.keepers = [world.new_keeper(), world.new_keeper()]
    world.run(Keeper.tick, 0, None)
    row = world.row(promised)
    assert (row.state, row.last_result, row.attempts) == (State.DUE, Result.BUSY, 1)


def test_he_left_the_queue_but_had_talked_while_the_link_was_down() -> None:
    world = World()
    promised = world.promise(NUMBERS[0])
    world.run(Keeper.tick, 0, None)
    (channel,) = world.live
    world.logged[channel] = Result.BRIDGED
    world.run(lambda keeper: keeper.ended(channel, Result.REACHED), 0, None)
    assert world.row(promised).state == State.DONE


def test_an_unconfirmed_dial_is_waited_for_by_a_clock_that_cannot_jump() -> None:
    world = World(sends="never sent")
    promised = world.promise(NUMBERS[0])
    world.run(Keeper.tick, 0, None)
    world.now += timedelta(days=1)
    world.run(Keeper.tick, 0, None)
    assert world.row(promised).state == State.DIALLING
    world.wait(76)
    world.run(Keeper.tick, 0, None)
    assert world.row(promised).last_result == Result.UNCONFIRMED


def test_what_was_never_sent_costs_no_attempt_and_no_channel_id_comes_twice() -> None:
    world = World(sends="refused")
    promised = world.promise(NUMBERS[0])
    for _ in range(5):
        world.run(Keeper.tick, 0, None)
        assert (world.row(promised).state, world.row(promised).attempts) == (State.DUE, 0)
        world.wait(16 * 60)
    world.sends = "accepted"
    world.run(Keeper.tick, 0, None)
    assert [channel for channel, _, _ in world.dialled] == [f"cb-{promised}-6"]
    assert world.row(promised).attempts == 1


def test_r31_who_is_served_while_we_dial_him_is_not_dialled_again() -> None:
    world = World()
    promised, other = world.promise(NUMBERS[0]), world.promise(NUMBERS[1], Reason.FOLLOW_UP)
    world.run(Keeper.tick, 0, None)
    assert len(world.live) == 2
    for number in NUMBERS[:2]:
        contact = ContactRow(
            id=number, call=number, sip_call_id="", caller="", caller_index=SEALER.index(number), caller_name="", dialled="", language="zh",
            flow_version="", served_by="flow", started_at=world.now, answered_at=world.now + timedelta(seconds=9), ended_at=world.now,
            path=[], visits=[], progress={},
        )  # fmt: skip
        world.transact(lambda session, contact=contact: session.add(contact))
    for channel in list(world.live):
        world.end(channel, Result.NO_ANSWER, logged=False)
        world.run(lambda keeper, channel=channel: keeper.ended(channel, Result.NO_ANSWER), 0, None)
    world.run(Keeper.tick, 0, None)
    assert (world.row(promised).state, world.row(promised).last_result) == (State.CANCELLED, "served")
    assert world.row(other).state is not State.CANCELLED, "a follow-up is our question: another call doesn't answer it"


def test_a_promise_outlives_a_week_of_holidays() -> None:
    world = World(now=NOON.replace(hour=21))
    promised = world.promise(NUMBERS[0])
    world.opens_at = lambda line, at: NOON + timedelta(days=8)  # type: ignore[method-assign]
    world.run(Keeper.tick, 0, None)
    world.now = NOON + timedelta(days=8, minutes=1)
    world.run(Keeper.tick, 0, None)
    assert world.row(promised).state == State.DIALLING


def test_what_he_asks_for_himself_takes_the_place_of_what_only_waits() -> None:
    world = World()
    gave_up = world.promise(NUMBERS[0], Reason.ABANDONED)
    world.run(Keeper.tick, 0, None)
    (channel,) = world.live
    world.end(channel, Result.NO_ANSWER, logged=False)
    world.run(lambda keeper: keeper.ended(channel, Result.NO_ANSWER), 0, None)  # due again in a quarter of an hour
    new = NewPromise("asked", Reason.REQUESTED, NUMBERS[0], "product", "en", world.now, world.now + EXPIRES_AFTER, "caller", "product")
    assert world.transact(partial(store.promise, sealer=SEALER, new=new, now=world.now)) == gave_up
    row = world.row(gave_up)
    assert (row.reason, row.queue, row.line, row.language, row.due_at) == ("requested", "product", "product", "en", world.now)
    assert row.attempts == 1


def test_outside_the_hours_the_promise_waits_for_the_opening() -> None:
    world = World(now=NOON.replace(hour=22))
    promised = world.promise(NUMBERS[0])
    world.run(Keeper.tick, 0, None)
    row = world.row(promised)
    assert (row.state, row.due_at.replace(tzinfo=UTC), world.dialled) == (State.DUE, NOON.replace(hour=8) + timedelta(days=1), [])


def test_a_number_that_is_no_longer_allowed_is_given_up() -> None:
    world = World()
    promised = world.promise("+442079460000")
    world.run(Keeper.tick, 0, None)
    row = world.row(promised)
    assert (row.state, row.last_result, world.dialled) == (State.FAILED, Result.FORBIDDEN, [])


def test_whoever_is_on_the_line_is_called_when_he_has_left() -> None:
    world = World()
    world.promise(NUMBERS[0])
    contact = ContactRow(
        id="7.1", call="7.1", sip_call_id="", caller="", caller_index=SEALER.index(NUMBERS[0]), caller_name="", dialled="", language="zh",
        flow_version="", served_by="flow", started_at=world.now, path=[], visits=[], progress={},
    )  # fmt: skip
    world.transact(lambda session: session.add(contact))
    world.run(Keeper.tick, 0, None)
    assert world.dialled == []

    def leave(session: Session) -> None:
        session.get_one(ContactRow, "7.1").ended_at = world.now

    world.transact(leave)
    world.run(Keeper.tick, 0, None)
    assert len(world.dialled) == 1


def test_a_number_has_its_attempts_of_the_day_whoever_promised_them() -> None:
    world = World()
    world.promise(NUMBERS[0])
    world.promise(NUMBERS[0], Reason.FOLLOW_UP)
    for _ in range(40):
        world.run(Keeper.tick, 0, None)
        world.wait(300)
    assert len(world.dialled) == POLICY.a_number_a_day


def test_no_more_than_the_cap_are_live_at_once() -> None:
    world = World()
    for number in NUMBERS:
        world.promise(number)
    world.run(Keeper.tick, 0, None)
    world.run(Keeper.tick, 1, None)
    assert len(world.live) == POLICY.concurrent
