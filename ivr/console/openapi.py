"""The API's routes, and their description as OpenAPI 3.1, from one table: what is described is what answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ivr.console import agents_pages, api, events, hours_pages, pages, recordings, reports_pages

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PREFIX = "/api/v1"
_FILES = frozenset({"audio/wav", "application/octet-stream"})
_LIST = {"state": "Only in this state.", "limit": "How many at most, 1 to 500."}


@dataclass(frozen=True, slots=True)
class Operation:
    """``path`` is below PREFIX, as OpenAPI writes it; ``patterns`` narrow its places; ``body`` and ``query`` say what their texts are."""

    method: str
    path: str
    handler: Handler
    summary: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    success: int = 200
    media: str = "application/json"
    refusals: tuple[int, ...] = (401, 403)
    patterns: Mapping[str, str] = field(default_factory=dict)

    @property
    def route(self) -> str:
        """As aiohttp writes it."""
        return PREFIX + re.sub(r"\{(\w+)\}", lambda m: f"{{{m[1]}:{self.patterns[m[1]]}}}" if m[1] in self.patterns else m[0], self.path)


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/me", pages.me, "Who is logged in"),
    Operation("GET", "/board", api.board, "The live board: queues now, today's figures, running calls, lost callers"),
    Operation(
        "GET",
        "/events",
        events.events,
        "The live board as server-sent events named board",
        media="text/event-stream",
        refusals=(401, 403, 503),
    ),
    Operation(
        "GET",
        "/calls",
        api.calls,
        "Service records, the newest first",
        query={
            "line": "Only this line's.",
            "outcome": "Only with this outcome.",
            "number": "Only from this number.",
            "before": "Started before this moment, ISO 8601 with offset.",
            "limit": _LIST["limit"],
        },
        refusals=(400, 401, 403),
    ),
    Operation("GET", "/calls/{id}", api.call, "One service record", refusals=(401, 403, 404)),
    Operation("GET", "/complaints", api.complaints, "The complaint register, the newest first", query=_LIST, refusals=(400, 401, 403)),
    Operation("GET", "/complaints/{number}", api.complaint, "One complaint with the events of its handling", refusals=(401, 403, 404)),
    Operation(
        "POST",
        "/complaints/{number}/steps",
        api.add_step,
        "Take a case one step on",
        body={
            "step": "verify, solve, inform, close or reopen.",
            "note": "What was found, done or said.",
            "finding": "With verify: unfounded, ordinary or serious.",
            "seen": "How many events it had when you looked; refused with reason meanwhile if it has more.",
        },
        required=("step",),
        refusals=(400, 401, 403, 404, 409),
    ),
    Operation("GET", "/callbacks", api.callbacks, "Promised calls, the newest first", query=_LIST, refusals=(400, 401, 403)),
    Operation(
        "POST",
        "/callbacks",
        api.add_callback,
        "Promise the caller of a call that he is called back",
        body={"contact": "The call's id."},
        required=("contact",),
        success=201,
        refusals=(400, 401, 403, 404, 409),
    ),
    Operation(
        "POST", "/callbacks/{id}/cancel", api.cancel_callback, "Cancel a promise that isn't dialling yet", refusals=(401, 403, 404, 409)
    ),
    Operation("GET", "/agents", agents_pages.agents_json, "Each agent's state now and today's figures", refusals=(401, 403, 404)),
    Operation(
        "GET",
        "/agents/events",
        agents_pages.agents_events,
        "The same as server-sent events named agents",
        media="text/event-stream",
        refusals=(401, 403, 404, 503),
    ),
    Operation(
        "GET",
        "/agents/report",
        agents_pages.report_json,
        "Agents' figures of a period, and everybody's together",
        query={"from": "Beginning, ISO 8601.", "to": "End, not included."},
        refusals=(400, 401, 403, 404),
    ),
    Operation("GET", "/hours", hours_pages.hours_json, "Each line's state now, and what is set by hand", refusals=(401, 403, 404)),
    Operation(
        "GET",
        "/hours/changes",
        hours_pages.changes_json,
        "Every change of routing from now on",
        query={"days": "How many days, 1 to 400; 30 without it."},
        refusals=(400, 401, 403, 404),
    ),
    Operation(
        "POST",
        "/hours/overrides",
        hours_pages.set_json,
        "Open or close a line, or declare an emergency, until a time",
        body={
            "line": "A line's name, or * for every line.",
            "state": "open, closed or emergency.",
            "until": "ISO 8601, in the hotline's zone without an offset.",
            "from": "At once without it.",
            "reason": "Why; everybody sees it.",
        },
        required=("line", "state", "until", "reason"),
        success=201,
        refusals=(400, 401, 403, 404, 409),
    ),
    Operation(
        "POST",
        "/hours/overrides/{override}/withdraw",
        hours_pages.withdraw_json,
        "Take back what was set, before its time",
        refusals=(401, 403, 404, 409),
        patterns={"override": "[0-9]{1,9}"},
    ),
    Operation(
        "GET",
        "/reports",
        reports_pages.reports_json,
        "The reports that were made, the newest first, with where their files are and whether they were sent",
        query={"kind": "day, week or month.", "limit": _LIST["limit"]},
        refusals=(400, 401, 403),
    ),
    Operation(
        "GET",
        "/reports/{kind}/{first}/{file}",
        reports_pages.report,
        "One file of a report: zh or en, and html, xlsx or csv, as zh.xlsx",
        media="application/octet-stream",
        refusals=(401, 403, 404),
        patterns=reports_pages.PATTERNS,
    ),
    Operation(
        "GET",
        "/recordings/{number}",
        recordings.of_complaint,
        "A complaint's recording, whole or by Range; with a log-in or a signed link",
        query={"token": "Of a signed link."},
        media="audio/wav",
        refusals=(401, 403, 404, 416),
    ),
    Operation(
        "GET",
        "/messages/{message}/recording",
        recordings.of_message,
        "A message's recording, whole or by Range",
        media="audio/wav",
        refusals=(401, 403, 404, 416),
        patterns={"message": "[0-9]{1,12}"},
    ),
)


def description() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ivrd",
            "version": "1",
            "description": "Times are ISO 8601 with offset, durations seconds, shares from 0 to 1, telephone numbers masked.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "ivrd_session"}},
            "parameters": {
                "csrf": {
                    "name": "X-CSRF-Token",
                    "in": "header",
                    "required": True,
                    "description": "The token in the meta element csrf of any page of this log-in.",
                    "schema": {"type": "string"},
                }
            },
            "responses": {
                "error": {
                    "description": "What is wrong, in a sentence",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["error"],
                                "properties": {
                                    "error": {
                                        "type": "object",
                                        "required": ["code", "message"],
                                        "properties": {
                                            "code": {"type": "string"},
                                            "message": {"type": "string"},
                                            "reason": {"type": "string", "description": "With 409: what a service refused, as a code."},
                                        },
                                    }
                                },
                            }
                        }
                    },
                }
            },
        },
        "security": [{"session": []}],
    }


def _described(operation: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    parameters += [
        {"name": name, "in": "query", "description": words, "schema": {"type": "string"}} for name, words in operation.query.items()
    ]
    if operation.method != "GET":
        parameters.append({"$ref": "#/components/parameters/csrf"})
    schema = {"type": "string"} if operation.media == "text/event-stream" else {"type": "object"}
    content = {operation.media: {} if operation.media in _FILES else {"schema": schema}}
    responses: dict[str, Any] = {str(operation.success): {"description": operation.summary, "content": content}}
    responses |= {str(status): {"$ref": "#/components/responses/error"} for status in operation.refusals}
    found: dict[str, Any] = {"summary": operation.summary, "parameters": parameters, "responses": responses}
    if operation.body:
        properties = {name: {"type": "string", "description": words} for name, words in operation.body.items()}
        body = {"type": "object", "required": list(operation.required), "properties": properties}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found
