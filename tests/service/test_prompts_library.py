"""The library: builds once, notices what changed, takes people's recordings and gives the voice back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callflows.speech import Prompt
from ivr.prompts import manifest
from ivr.prompts.builder import Builder, Item
from ivr.prompts.errors import PromptsError, VoiceUnavailable
from ivr.prompts.library import PromptLibrary
from ivr.prompts.loudness import loudness_lufs, peak_dbfs, sounding
from ivr.prompts.sound import parse_wav
from ivr.prompts.voice import EspeakVoice

ONE = Prompt("number-1", "zh", "一")
SEVEN = Prompt("number-7", "en", "seven")
GREETING = Prompt.of_text("hotline-greeting", "zh", "您好，欢迎致电客户服务热线。")
WANTED = (ONE, SEVEN, GREETING)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("prompts")
    PromptLibrary(directory).build(WANTED)
    return directory


@pytest.fixture
def directory(built: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "prompts"
    shutil.copytree(built, copy)
    return copy


def sound_of(directory: Path, prompt: Prompt) -> Path:
    return directory / prompt.language / "ivrd" / f"{prompt.name}.wav"


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def record(directory: Path, name: str, seconds: float = 1.0, amplitude: float = 0.1, rate: int = 44100) -> Path:
    path = directory / "custom" / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = amplitude * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.column_stack([sound, sound]), rate)
    return path


def test_a_first_build_makes_prompts_beeps_and_music(built: Path) -> None:
    files = set(contents(built))
    assert {"zh/beep.wav", "en/beep.wav", "moh/hold.wav", "manifest.json", "zh/ivrd/number-1.wav"} <= files
    assert not [name for name in files if name.endswith(".tmp")]


def test_two_builds_are_byte_identical(built: Path, tmp_path: Path) -> None:
    PromptLibrary(tmp_path).build(reversed(WANTED))
    assert contents(tmp_path) == contents(built)


def test_a_second_build_does_nothing(directory: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*.*") if path.is_file()}
    report = PromptLibrary(directory).build(WANTED)
    assert (report.made, report.kept) == (0, 6)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("prompt", WANTED, ids=lambda prompt: prompt.name)
def test_every_prompt_has_the_level_and_the_silence_of_its_kind(built: Path, prompt: Prompt) -> None:
    signal = parse_wav(sound_of(built, prompt).read_bytes())
    assert loudness_lufs(signal) == pytest.approx(-19.0, abs=1.0)
    assert peak_dbfs(signal) <= -3.0
    where = sounding(signal, 8000, below_db=46.0)
    assert where is not None
    head, tail = (0.06, 0.15) if prompt is GREETING else (0.04, 0.04)
    assert where.start / 8000 == pytest.approx(head, abs=0.012)
    assert (len(signal) - where.stop) / 8000 == pytest.approx(tail, abs=0.012)


def test_seconds_come_from_the_manifest(built: Path) -> None:
    library = PromptLibrary(built)
    assert library.seconds("number-1", "zh") == pytest.approx(soundfile.info(sound_of(built, ONE)).duration, abs=0.001)
    assert library.seconds("number-1", "en") is None


def test_has_notices_deleted_and_added_files(directory: Path) -> None:
    now = 100.0
    library = PromptLibrary(directory, monotonic=lambda: now)
    assert library.has("number-1", "zh")
    assert not library.has("number-1", "en")
    assert not library.has("number-1", "fr")

    data = sound_of(directory, ONE).read_bytes()
    sound_of(directory, ONE).unlink()
    now += 5.0
    assert not library.has("number-1", "zh")
    sound_of(directory, ONE).write_bytes(data[:44])  # a header without sound
    now += 5.0
    assert not library.has("number-1", "zh")
    sound_of(directory, ONE).write_bytes(data)
    now += 5.0
    assert library.has("number-1", "zh")


def test_a_build_is_seen_at_once(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path)
    assert not library.has("number-1", "zh")
    assert library.seconds("number-1", "zh") is None
    library.build([ONE])
    assert library.has("number-1", "zh")
    assert library.seconds("number-1", "zh") is not None


def test_progress_counts_what_is_rendered(directory: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    sound_of(directory, ONE).unlink()
    PromptLibrary(directory).build(WANTED, progress=lambda done, total, prompt: seen.append((done, total, prompt.name)))
    assert seen == [(1, 1, "number-1")]


def test_a_recording_replaces_the_voice_and_gives_it_back(directory: Path, built: Path) -> None:
    original = record(directory, "zh/number-1")
    library = PromptLibrary(directory)
    assert [problem.code for problem in library.check(WANTED)] == ["stale"]

    report = library.build(WANTED)

    assert (report.recordings, report.rendered, report.problems) == (1, 0, ())
    signal = parse_wav(sound_of(directory, ONE).read_bytes())
    assert len(signal) / 8000 == pytest.approx(1.08, abs=0.02)
    assert loudness_lufs(signal) == pytest.approx(-19.0, abs=1.0)
    entry = manifest.read(directory / "manifest.json")["zh/ivrd/number-1"]
    assert (entry.source, entry.original) == ("recording", "custom/zh/number-1.wav")
    assert library.check(WANTED) == []
    assert library.build(WANTED).made == 0

    original.unlink()
    assert [problem.code for problem in library.check(WANTED)] == ["stale"]
    assert library.build(WANTED).rendered == 1
    assert contents(directory) == contents(built)


def test_a_changed_recording_is_installed_anew(directory: Path) -> None:
    library = PromptLibrary(directory)
    record(directory, "zh/number-1", seconds=1.0)
    library.build(WANTED)
    record(directory, "zh/number-1", seconds=2.0)
    assert library.build(WANTED).recordings == 1
    assert library.seconds("number-1", "zh") == pytest.approx(2.08, abs=0.02)


def test_people_can_bring_their_own_hold_music_and_beep(directory: Path) -> None:
    record(directory, "moh/hold", seconds=3.0)
    record(directory, "zh/beep", seconds=0.3)
    library = PromptLibrary(directory)
    assert library.build(WANTED).recordings == 2
    assert loudness_lufs(parse_wav((directory / "moh/hold.wav").read_bytes())) == pytest.approx(-24.0, abs=1.0)
    assert library.check(WANTED) == []


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"these are words", "unreadable", "can't be read as sound"),
        (b"", "unreadable", "can't be read as sound"),
        (None, "empty", "silence"),
    ],
)
def test_a_broken_recording_is_told_and_the_voice_stays(directory: Path, built: Path, content: bytes | None, code: str, says: str) -> None:
    path = record(directory, "zh/number-1", amplitude=0.0)
    if content is not None:
        path.write_bytes(content)
    report = PromptLibrary(directory).build(WANTED)
    assert [problem.code for problem in report.problems] == [code]
    assert says in report.problems[0].message
    assert str(path) in report.problems[0].message
    assert sound_of(directory, ONE).read_bytes() == sound_of(built, ONE).read_bytes()


def test_a_recording_nobody_plays_is_a_warning(directory: Path) -> None:
    record(directory, "zh/number-seven")
    (problem,) = PromptLibrary(directory).check(WANTED)
    assert (problem.code, problem.severity, problem.name) == ("unused-recording", "warning", "number-seven")


@pytest.mark.parametrize(
    "damage", [b"", b"{not json", b'{"format": 1, "files": {"zh/ivrd/number-1": 7}}', b"[]", b'{"format": 99, "files": {}}']
)
def test_a_damaged_manifest_is_made_anew(directory: Path, built: Path, damage: bytes) -> None:
    (directory / "manifest.json").write_bytes(damage)
    library = PromptLibrary(directory)
    assert library.seconds("number-1", "zh") is None
    library.build(WANTED)
    assert contents(directory) == contents(built)


def test_check_tells_each_fault_by_its_name(directory: Path) -> None:
    library = PromptLibrary(directory)
    sound_of(directory, ONE).unlink()
    sound_of(directory, SEVEN).write_bytes(b"RIFFrubbish")
    sound_of(directory, GREETING).write_bytes(sound_of(directory, GREETING).read_bytes()[:44])
    faults = {problem.name: problem for problem in library.check(WANTED)}
    assert {name: problem.code for name, problem in faults.items()} == {
        ONE.name: "missing",
        SEVEN.name: "unreadable",
        GREETING.name: "empty",
    }
    assert all(str(problem.path) in problem.message for problem in faults.values())
    assert library.build(WANTED).rendered == 3
    assert library.check(WANTED) == []


@pytest.mark.parametrize(("gain", "codes"), [(1.4, ["too-loud", "stale"]), (0.5, ["too-quiet", "stale"]), (0.0, ["empty"])])
def test_check_measures_a_file_changed_by_hand(directory: Path, gain: float, codes: list[str]) -> None:
    path = sound_of(directory, GREETING)
    soundfile.write(path, parse_wav(path.read_bytes()) * gain, 8000, subtype="PCM_16")
    assert [problem.code for problem in PromptLibrary(directory).check(WANTED)] == codes


def test_changed_words_of_a_fixed_name_are_stale(directory: Path) -> None:
    changed = Prompt(ONE.name, "zh", "幺")
    library = PromptLibrary(directory)
    assert [problem.code for problem in library.check([changed])] == ["stale"]
    assert library.build([changed]).rendered == 1


def test_without_an_engine_what_is_there_is_kept_and_what_is_missing_told(directory: Path, tmp_path: Path) -> None:
    refusing = tmp_path / "worker.py"
    refusing.write_text("import sys; sys.stdout.buffer.write(bytes([1, 0, 0, 0, 6]) + b'no lib')")
    with EspeakVoice(refusing) as voice:
        builder = Builder(directory, manifest.read(directory / "manifest.json"), {}, voice)
        item = Item("zh/ivrd/number-1", "zh/number-1", "number-1", "zh", ONE)
        builder.run([item], None)
        assert builder.counts["kept"] == 1

        sound_of(directory, ONE).unlink()
        with pytest.raises(VoiceUnavailable, match="no lib"):
            builder.run([item], None)


def test_a_failing_build_leaves_whole_files_only(directory: Path) -> None:
    voiceless = Prompt("in-french", "fr", "bonjour")
    new = Prompt("number-2", "zh", "二")
    with pytest.raises(VoiceUnavailable, match=r"in-french.*'fr'"):
        PromptLibrary(directory).build([new, voiceless])
    assert not [name for name in contents(directory) if name.endswith(".tmp")]
    assert not (directory / "fr").exists()
    assert json.loads((directory / "manifest.json").read_bytes())["format"] == 1


def test_a_failing_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sound.wav"
    manifest.replace_file(path, b"old")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        manifest.replace_file(path, b"new")
    assert contents(tmp_path) == {"sound.wav": b"old"}


def test_what_a_killed_build_left_is_swept(directory: Path, built: Path) -> None:
    (directory / "zh/ivrd/.number-1.wav.999.tmp").write_bytes(b"half")
    PromptLibrary(directory).build(WANTED)
    assert contents(directory) == contents(built)


def test_unwanted_files_are_listed_and_pruned_but_never_recordings(directory: Path) -> None:
    record(directory, "en/number-7")
    library = PromptLibrary(directory)
    library.build(WANTED)
    states = {row.key: row.state for row in library.status([ONE, Prompt("number-3", "zh", "三")])}
    assert states["zh/ivrd/number-1"] == "ready"
    assert states["zh/ivrd/number-3"] == "missing"
    assert states[f"zh/ivrd/{GREETING.name}"] == "unused"

    report = library.build([ONE], prune=True)

    assert report.pruned == (sound_of(directory, GREETING),)
    assert not sound_of(directory, GREETING).exists()
    assert sound_of(directory, SEVEN).exists()
    assert (directory / "custom/en/number-7.wav").exists()


@pytest.mark.parametrize("name", ["../../etc/x", "a b", "", ".hidden", "zh/x"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PromptsError, match="use a-z"):
        PromptLibrary(tmp_path).build([Prompt(name, "zh", "一")])


def test_one_name_with_two_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptsError, match="two different texts"):
        PromptLibrary(tmp_path).build([ONE, Prompt("number-1", "zh", "二")])


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("a file where the folder should be")
    with pytest.raises(PromptsError, match="can't be written"):
        PromptLibrary(tmp_path / "prompts").build([ONE])
