"""docs/flows.md, followed as it stands: its blocks are pasted into copies of the shipped files, its commands run, their output compared.

What needs an Asterisk (blocks marked ``live``) isn't run; of ``make run`` what the daemon does with the flows at its start is done.
"""

from __future__ import annotations

import filecmp
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from select import select

import pytest
from typer.testing import CliRunner

from ivr.cli import app

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/flows.md"
ADD = re.compile(r"\*\*(?:At the end of `(?P<end>[^`]+)`|In `(?P<file>[^`]+)`, below the line `(?P<below>[^`]+)`), add:\*\*$")
FIND = re.compile(r"\*\*In `(?P<file>[^`]+)`, find:\*\*$")
INSTEAD = "**and write instead:**"
DEADLINE_S = 120.0
# What the person at the terminal does once he has seen this: key 1, the rest of a prompt skipped, "s" for served, Ctrl-C.
AT_THE_TERMINAL = (("[greeting]", b"1"), ("[hr_connect]", b" "), ("how does it end", b"s"), ("[survey]", b"\x03"))


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: ``language`` and ``mark`` of its info string, the last line of text ``before`` it, its ``line`` in the page."""

    language: str
    mark: str
    text: str
    before: str
    line: int


def blocks() -> Iterator[Block]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    before, opened = "", 0
    for number, line in enumerate(lines, start=1):
        if opened and line == "```":
            language, _, mark = lines[opened - 1][3:].partition(" ")
            yield Block(language, mark, "".join(f"{text}\n" for text in lines[opened : number - 1]), before, opened)
            before, opened = "", 0
        elif not opened and line.startswith("```"):
            opened = number
        elif not opened and line.strip():
            before = line


@dataclass(slots=True)
class Reader:
    """Somebody who does what the page says, in a folder with the shipped files and a shell that remembers its exports."""

    folder: Path
    environment: dict[str, str]
    exports: str = ""
    said: str = ""
    to_replace: tuple[str, str] = ("", "")  # in this file, this text

    def follow(self) -> None:
        """All blocks in their order. Asserts that each says what is shown."""
        for block in blocks():
            self.take(block)

    def take(self, block: Block) -> None:
        match block.language, block.mark:
            case "mermaid", _:
                pass
            case "sh", "live":
                if block.text == "make run\n":
                    self.make_run()
            case "text", "live":
                pass
            case "sh", "terminal":
                self.said = self.at_the_terminal(block.text)
            case "sh", "":
                self.said = self.run(block)
            case "text", "":
                assert agrees(self.here(block.text), self.said), f"line {block.line} of the page shows\n{block.text}\nit was\n{self.said}"
            case "toml" | "yaml", "":
                self.paste(block)
            case other:
                raise AssertionError(f"line {block.line} of the page: nobody knows what to do with {other}")

    def paste(self, block: Block) -> None:
        if found := FIND.search(block.before):
            self.to_replace = (found["file"], block.text)
            times = (self.folder / found["file"]).read_text(encoding="utf-8").count(block.text)
            assert times == 1, f"line {block.line}: that is {times} times in {found['file']}"
            return
        if block.before == INSTEAD:
            name, old = self.to_replace
            file = self.folder / name
            file.write_text(file.read_text(encoding="utf-8").replace(old, block.text), encoding="utf-8")
            return
        added = ADD.search(block.before)
        assert added, f"line {block.line}: it isn't said where this belongs"
        file = self.folder / (added["end"] or added["file"])
        text = file.read_text(encoding="utf-8")
        if added["end"]:
            file.write_text(text + block.text, encoding="utf-8")
        else:
            assert text.count(f"{added['below']}\n") == 1
            file.write_text(text.replace(f"{added['below']}\n", f"{added['below']}\n{block.text}"), encoding="utf-8")

    def run(self, block: Block) -> str:
        """All its commands in one shell; what they said on both streams, as somebody at a terminal sees it."""
        script = f"set -e\n{self.exports}{self.here(block.text)}"
        self.exports += "".join(f"{line}\n" for line in block.text.splitlines() if line.startswith(("export ", "source ")))
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return done.stdout

    def here(self, text: str) -> str:
        """Asterisk's configuration folder is not this machine's."""
        return text.replace("/etc/asterisk", str(self.folder / "etc"))

    def make_run(self) -> None:
        """The daemon's first steps: its database, and the flow folder in service if it was edited."""
        prompts = self.run(Block("sh", "", "ivrd prompts build\n", "", 0))
        assert "rendered" in prompts
        script = (
            "import asyncio, ivr.settings\n"
            "from ivr.flow_fitness import Fitness\n"
            "from ivr.flow_versions import FlowShelf\n"
            "from ivr.store.database import Database\n"
            "settings = ivr.settings.load()\n"
            "settings.paths.root.mkdir(exist_ok=True)\n"
            "database = Database(settings.store_url)\n"
            "database.upgrade()\n"
            "asyncio.run(FlowShelf(database, Fitness.of(settings)).open())\n"
            "database.close()\n"
        )
        said = self.run(Block("sh", "", f"python - <<'END'\n{script}END\n", "", 0))
        assert "flows in service" in said, said

    def at_the_terminal(self, command: str) -> str:
        ours, theirs = pty.openpty()
        script = f"{self.exports}{command}"
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=self.folder, env=self.environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        seen, todo, deadline = b"", list(AT_THE_TERMINAL), time.monotonic() + DEADLINE_S
        try:
            while time.monotonic() < deadline:
                if not select([ours], [], [], 1.0)[0]:
                    continue
                try:
                    more = os.read(ours, 4096)
                except OSError:  # EIO: the other side of the terminal is closed
                    break
                seen += more
                if todo and todo[0][0] in seen.decode(errors="ignore"):
                    os.write(ours, todo.pop(0)[1])
        finally:
            process.kill()
            process.wait()
            os.close(ours)
        assert not todo, f"never seen: {todo[0][0]}"
        return seen.decode().replace("\r\n", "\n")


def agrees(shown: str, said: str) -> bool:
    """``…`` alone in a line is any lines, within one any text. Blanks that fill up a column aren't seen."""
    said = "".join(f"{line.rstrip()}\n" for line in said.splitlines())
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else ".*".join(re.escape(part) for part in line.split("…")) + "\n" for line in shown.splitlines()
    )
    return re.fullmatch(pattern, said) is not None


@pytest.fixture
def reader() -> Iterator[Reader]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    # Not pytest's folder: its name is as long as the test's and grows with every run, and a control socket's path has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ivrd-page-") as name:
        folder = Path(name)
        shutil.copytree(ROOT / "config", folder / "config")
        shutil.copytree(ROOT / "callflows/flows", folder / "callflows/flows")
        (folder / ".venv").symlink_to(sys.prefix)
        # As wide as a terminal mostly is, whoever runs the test.
        yield Reader(folder, {**kept, "COLUMNS": "100", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"})


def test_followed_from_top_to_bottom_it_is_as_the_page_says(reader: Reader) -> None:
    reader.follow()
    assert "[partners]" in (reader.folder / "etc/queues.conf").read_text(encoding="utf-8")
    for shipped in ("config", "callflows/flows"):
        changed = filecmp.dircmp(ROOT / shipped, reader.folder / shipped)
        assert (changed.diff_files, changed.left_only, changed.right_only) == ([], [], []), "the shipped files stay as they are"


@pytest.mark.parametrize(
    ("left_out", "sentence"),
    [
        ("[lines.partners]", "the settings have no line 'partners'"),
        ("  weekdays:", "lines.partners.hours names 'partners', which is not here"),
        ("  # 5 Partners", "5 leads to 'partners', which is no node"),
    ],
)
def test_a_block_left_out_is_told_as_the_page_says(reader: Reader, left_out: str, sentence: str) -> None:
    end = PAGE.read_text(encoding="utf-8").splitlines().index("### 4. Its tests") + 1
    for block in blocks():
        pasted = block.language in ("toml", "yaml") and left_out not in block.text
        if block.line < end and (pasted or block.text.startswith(("source ", "ivrd flow lint"))):
            reader.take(block)
    assert sentence in reader.said
    assert sentence in PAGE.read_text(encoding="utf-8")


def test_every_link_leads_to_a_file() -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / target).is_file(), target


def test_every_command_named_in_passing_is_one() -> None:
    for command in sorted(set(re.findall(r"`ivrd ([a-z]+(?: [a-z]+)?)", PAGE.read_text(encoding="utf-8")))):
        assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0, command
