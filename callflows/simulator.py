"""Plays a call through a flow without Asterisk: the same walk as the live one, with a caller and surroundings that are set.

Pure. Used by ``ivrd flow simulate`` and by the flows' tests. Time is counted, never waited for: digit timing is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from callflows.caller_steps import Step
from callflows.effects import (
    CALL_EFFECTS,
    Ask,
    AskWebhook,
    AwaitStored,
    CheckHours,
    CheckPin,
    Dial,
    Effect,
    EnterLine,
    EnterNode,
    FileComplaint,
    HangUp,
    KeepRating,
    LookAtQueue,
    LookUpCustomer,
    OverrideHours,
    Queue,
    Record,
    RememberChoice,
    RequestCallback,
    Say,
    TakeMessage,
)
from callflows.flow import FlowBook
from callflows.late_terminator import LateTerminator
from callflows.outcomes import (
    CallerHungUp,
    DialEnd,
    DialLeft,
    Digits,
    Done,
    NoInput,
    NothingRecorded,
    Outcome,
    PinAccepted,
    PinRefused,
    QueueEnd,
    QueueLeft,
    Recorded,
    WebhookFailed,
)
from callflows.scripted_caller import Act, Caller, CameBack, Gone, Heard, Key, Kind, Scene, ScriptedCaller, Talking
from callflows.simulated_call import SimulatedCall
from callflows.simulated_keeping import keep
from callflows.speech import Speech
from callflows.surroundings import Surroundings, written
from callflows.walk import FlowStuckError, Walk

EXIT_KEY = "1"  # leaves a queue, as the dialplan has it
# Less than this is a cough or the beep's echo, not a message.
SHORTEST_RECORDING_S = 1.0
# Nobody waits longer; also how far a caller is asked ahead where nothing else ends the wait.
LONGEST_WAIT_S = 3600.0
# A call that doesn't end is a fault of the flow, not patience of ours.
LONGEST_CALL_S = 4 * 3600


def simulate(book: FlowBook, flow: str, script: Iterable[Step], house: Surroundings, *, language: str) -> SimulatedCall:
    """Walk one call by a script.

    Raises ChoiceError when the script chooses what isn't offered, FlowStuckError for a flow and KeyError for a calendar that isn't there.
    """
    caller = ScriptedCaller(script)
    call = play(book, flow, caller, house, language=language)
    call.unused = [str(step) for step in caller.left]
    call.performed = caller.performed
    return call


def play(book: FlowBook, flow: str, caller: Caller, house: Surroundings, *, language: str) -> SimulatedCall:
    """Walk one call with any caller, e.g. a person at a terminal. Raises what the caller's ``act`` raises."""
    walk = Walk.begin(book, flow, language, {"contact_number": house.caller} if house.caller else {})
    run = _Run(book, caller, house, walk)
    came_back: QueueLeft | DialLeft | None = None
    try:
        while (came_back := run.leg(came_back)) is not None:
            # As the live one: nothing but the position is kept while the caller is out of the daemon's hands.
            run.walk = Walk(book, run.walk.position)
    except FlowStuckError as error:
        run.call.ending, run.call.error = "error", str(error)
    run.call.language = run.walk.call.language
    return run.call


class _Run:
    def __init__(self, book: FlowBook, caller: Caller, house: Surroundings, walk: Walk) -> None:
        self.call = SimulatedCall()
        self.walk = walk
        self._book = book
        self._caller = caller
        self._house = house
        self._queue_ends = list(house.queue_ends)
        self._dial_ends = list(house.dial_ends)
        self._terminator = LateTerminator()
        self._ahead = ""  # the key that cut something short: the first of the next answer
        self._asked = 0  # questions and recordings so far
        self._recordings: dict[str, float] = {}
        self._gone = False  # he hung up while we looked something up

    @property
    def now(self) -> float:
        return self.call.seconds

    @now.setter
    def now(self, seconds: float) -> None:
        self.call.seconds = seconds

    def leg(self, came_back: QueueLeft | DialLeft | None) -> QueueLeft | DialLeft | None:
        """To the end of the call, or until the caller comes back from a queue or telephone. Raises FlowStuckError."""
        self.call.ending = "hangup"
        steps = self.walk.run(came_back)
        try:
            effect = next(steps)
            while True:
                if self.now > LONGEST_CALL_S:
                    raise FlowStuckError("the call never ends")
                try:
                    if isinstance(effect, CALL_EFFECTS) and (self.walk.hung_up or self._gone):
                        raise CallerHungUp
                    self.call.effects.append(effect)
                    if isinstance(effect, Queue):
                        return self._queue(effect)
                    if isinstance(effect, Dial):
                        return self._dial(effect)
                    if isinstance(effect, HangUp):
                        return None
                    outcome = self._perform(effect)
                except CallerHungUp as gone:
                    self.call.ending = "caller_hung_up"
                    effect = steps.throw(gone)
                else:
                    effect = steps.send(outcome)
        except StopIteration:
            return None
        finally:
            steps.close()

    def _perform(self, effect: Effect) -> Outcome:
        match effect:
            case EnterNode():
                self._enter(effect.node)
            case EnterLine(line=line):
                self.call.line = line
            case Say(speech=speech, barge_in=barge_in):
                self._say(speech, barge_in)
            case Ask():
                return self._ask(effect)
            case Record():
                return self._record(effect)
            case CheckHours(calendar=name):
                return self._house.hours(name, self._house.at + timedelta(seconds=self.now))
            case LookAtQueue(queue=queue):
                return self._house.outlook(queue)
            case LookUpCustomer():
                return self._house.customer
            case AskWebhook(webhook=name):
                self._work(self._house.webhook_s)
                return self._house.webhooks.get(name, WebhookFailed())
            case CheckPin(pin=pin):
                who = self._house.pins.get(pin)
                return PinAccepted(who) if who else PinRefused()
            case FileComplaint() | TakeMessage() | RequestCallback() | AwaitStored() | KeepRating() | RememberChoice() | OverrideHours():
                return keep(effect, self.call, self._house)
            case _:  # SetLanguage, which the walk itself knows; OfferRating, which is told by the effects
                pass
        return Done()

    def _enter(self, name: str) -> None:
        frame = self.walk.position.frames[-1]
        self.call.entered.add((frame.flow, frame.node))
        if self.walk.left:
            self.call.exits.add(self.walk.left)
        if not self.walk.hung_up:
            self.call.path.append(name)
            self.call.came_at.append(self.now)
            self._caller.entered(name, self.now)

    # ------------------------------------------------------------------------------------------- with the caller

    def _act(self, until: float, scene: Scene) -> Act | None:
        """What the caller does before ``until``; the clock then stands there. Raises CallerHungUp."""
        act = self._caller.act(self.now, until, scene)
        self.now = max(self.now, act.at) if act else until
        if isinstance(act, Gone):
            raise CallerHungUp
        return act

    def _scene(self, kind: Kind, **more: Any) -> Scene:
        frame = self.walk.position.frames[-1]
        return Scene(kind, self._book.flow(frame.flow).nodes[frame.node], self.walk.call.language, **more)

    def _work(self, seconds: float) -> None:
        """Nothing is heard, and keys are lost; of a hang-up we learn when there is something to say again."""
        until, scene = self.now + seconds, self._scene(Kind.WORK)
        try:
            while self._act(until, scene):
                pass
        except CallerHungUp:
            self._gone = True

    def _speak(self, speech: Speech, scene: Scene, seconds: float) -> Key | None:
        """Say it, to its end or to the key that cuts it short."""
        began, until = self.now, self.now + seconds
        text = written(speech, scene.language)
        key: Act | None = None
        if text:
            self._caller.hears(began, text, seconds)
        try:
            while (key := self._act(until, scene)) and not (isinstance(key, Key) and scene.barge_in):
                pass
        finally:
            if text:
                self.call.heard.append(Heard(began, self.now - began, text, self.walk.node, scene.language))
        return key if isinstance(key, Key) else None

    def _seconds(self, speech: Speech) -> float:
        return self._house.saying(speech, self.walk.call.language)

    def _say(self, speech: Speech, barge_in: bool) -> None:
        if barge_in and self._ahead:
            return
        while key := self._speak(speech, self._scene(Kind.SPEECH, barge_in=barge_in), self._seconds(speech)):
            if not self._terminator.swallows(key.key, self.now):
                self._ahead += key.key
                return

    def _ask(self, question: Ask) -> Outcome:
        self._asked += 1
        keys, self._ahead = self._ahead if question.barge_in else "", ""
        if not keys:
            seconds = self._seconds(question.speech)
            scene = self._scene(
                Kind.QUESTION, number=self._asked, heard_at=self.now + seconds, barge_in=question.barge_in
            )  # fmt: skip
            key = self._speak(question.speech, scene, seconds) or self._key(self.now + question.first_digit_s, scene)
            keys = key.key if key else ""
            if self._terminator.swallows(keys, self.now):
                self._caller.passed(self._asked, self.now)
                return self._ask(question)
        keys = self._complete(question, keys)
        self._terminator.answered(question, keys, self.now)
        keys = keys.removesuffix("#") if len(keys) > 1 else keys
        self._caller.passed(self._asked, self.now)
        return Digits(keys) if keys else NoInput()

    def _complete(self, question: Ask, keys: str) -> str:
        """The rest of an answer that has begun. ``#`` alone stands for itself."""
        latest = self.now + question.overall_s if question.overall_s is not None else float("inf")
        scene = self._scene(Kind.QUESTION, number=self._asked, heard_at=self.now, begun=True)
        while keys and len(keys) < question.longest and not keys.endswith("#"):
            key = self._key(min(self.now + question.inter_digit_s, latest), scene)
            if key is None:
                break
            keys += key.key
        return keys

    def _key(self, until: float, scene: Scene) -> Key | None:
        while act := self._act(until, scene):
            if isinstance(act, Key):
                return act
        return None

    def _record(self, effect: Record) -> Outcome:
        self._asked += 1
        self._ahead = ""
        scene = self._scene(Kind.RECORDING, number=self._asked)
        began = quiet_from = self.now
        latest = began + effect.longest_s
        try:
            while act := self._act(min(quiet_from + effect.silence_s, latest), scene):
                if isinstance(act, Talking):
                    self.now = quiet_from = min(act.at + act.seconds, latest)
                elif isinstance(act, Key) and act.key == "#":
                    break
        except CallerHungUp:
            raise CallerHungUp(self._recorded(quiet_from - began)) from None
        finally:
            self._caller.passed(self._asked, self.now)
        return self._recorded(quiet_from - began) or NothingRecorded()

    def _recorded(self, seconds: float) -> Recorded | None:
        if seconds < SHORTEST_RECORDING_S:
            return None
        reference = f"recording-{len(self._recordings) + 1}"
        self._recordings[reference] = seconds
        return Recorded(reference, round(seconds, 3))

    # ------------------------------------------------------------------------------------------- out of our hands

    def _queue(self, effect: Queue) -> QueueLeft | None:
        """A caller who hangs up in a queue isn't the walk's any more: the daemon hears of it from Asterisk alone."""
        self.call.ending, self.call.queue = "queue", effect.queue
        ends = self._queue_ends
        end = self._away(self._house.queue_wait_s if ends else None, Kind.QUEUE)
        if end is None and ends and self.call.ending == "queue":
            end = ends.pop(0)
        return QueueLeft(end) if isinstance(end, QueueEnd) else None

    def _dial(self, effect: Dial) -> DialLeft | None:
        self.call.ending, self.call.phone = "dial", effect.phone
        ends = self._dial_ends
        end = self._away(self._house.ring_s if ends else None, Kind.DIAL)
        if end is None and ends and self.call.ending == "dial":
            end = ends.pop(0)
        return DialLeft(end) if isinstance(end, DialEnd) else None

    def _away(self, seconds: float | None, kind: Kind) -> QueueEnd | DialEnd | None:
        """How he himself ends the wait. ``seconds`` None: nobody else does."""
        began, scene = self.now, self._scene(kind)
        try:
            while act := self._act(began + (LONGEST_WAIT_S if seconds is None else seconds), scene):
                if isinstance(act, CameBack):
                    return act.end
                if isinstance(act, Key) and act.key == EXIT_KEY and kind is Kind.QUEUE:
                    return QueueEnd.KEY
        except CallerHungUp:
            self.call.ending = "caller_hung_up"
            return None
        if seconds is None:
            self.now = began
        return None
