"""A daemon of a few lines that tells the dialplan what a test wants, for contract tests of the dialplan itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass
class ScriptedDaemon:
    """A FastAGI server that answers every leg with the next of ``legs`` and keeps what it was asked.

    A leg is the variables it sets; None: it closes without a word, as a daemon that dies does. With ``answers`` it picks up first.
    """

    answers: bool = False
    legs: list[dict[str, str] | None] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        environment = {}
        while (line := (await reader.readline()).decode("utf-8", "replace").rstrip("\n")) != "":
            key, _, value = line.partition(": ")
            environment[key] = value
        self.environments.append(environment)
        self.asked.append([environment[f"agi_arg_{number}"] for number in range(2, 6) if f"agi_arg_{number}" in environment])
        if self.answers:
            writer.write(b"ANSWER\n")
            await reader.readline()
        leg = self.legs.pop(0) if self.legs else {"IVR_NEXT": "hangup"}
        for name, value in ({**leg, "IVR_DONE": "1"} if leg is not None else {}).items():
            writer.write(f'SET VARIABLE {name} "{value}"\n'.encode())
            await reader.readline()
        writer.close()
