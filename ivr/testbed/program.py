"""Which Asterisk this machine has and how it is run: from PATH, in a Docker container, or out of a root file system.

For the testbed alone; `docker/setup.sh` makes what is found here, in the same order.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk_plan import AsteriskInstallation
from ivr.testbed.errors import TestbedError

OLDEST_MAJOR = 20
SUITE = "forky"
IMAGE = "ivrd-asterisk"
REPOSITORY = Path(__file__).resolve().parents[2]
# What the image is built from; its tag is their hash, so that a changed recipe is a new image. As in docker/setup.sh.
IMAGE_SOURCES = (
    "docker/asterisk.Dockerfile",
    "docker/install-asterisk.sh",
    "docker/runtime_requirements.py",
    "requirements.lock",
)
_VERSION = re.compile(r"Asterisk (?:certified/)?(?P<version>(?P<major>[0-9]+)\.[^\s~+]*)")
_ANSWER_DEADLINE_S = 15.0


@dataclass(frozen=True, slots=True)
class AsteriskProgram:
    """A runnable Asterisk. ``command`` takes Asterisk's own arguments; with ``image`` it runs inside a container."""

    command: tuple[str, ...]
    version: str
    installation: AsteriskInstallation
    origin: str  # for people: where it was found
    image: str | None = None

    def foreground(self, configuration: Path, state: Path, container: str) -> list[str]:
        """The command line that runs it in the foreground; ``container`` names the container where it needs one."""
        arguments = ["-f", "-C", str(configuration / "asterisk.conf")]
        if self.image is None:
            return [*self.command, *arguments]
        # The host's network and the same paths inside as outside: the generated files hold for both. The fallback
        # script is this checkout's own, run by the image's interpreter.
        scripts = REPOSITORY / "ami_bridge"
        run = ["docker", "run", "--rm", "--init", "--name", container, "--network", "host", "--cap-drop", "ALL"]
        run += ["--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{state}:{state}"]
        run += ["--volume", f"{scripts}:{scripts}:ro"]
        return [*run, self.image, *self.command, *arguments]

    def console(self, configuration: Path, command: str, container: str) -> list[str]:
        """The command line that has a running Asterisk carry out one console command."""
        arguments = ["-C", str(configuration / "asterisk.conf"), "-rx", command]
        if self.image is None:
            return [*self.command, *arguments]
        return ["docker", "exec", container, *self.command, *arguments]


def find_asterisk(environment: dict[str, str] | None = None) -> AsteriskProgram:
    """The Asterisk to run. Raises TestbedError when there is none that is new enough.

    ``ASTERISK_ROOTFS`` in the environment goes before all else; then PATH, Docker, and the repository's ``.asterisk/``.
    """
    env = dict(os.environ) if environment is None else environment
    if chosen := env.get("ASTERISK_ROOTFS"):
        return _in_rootfs((REPOSITORY / chosen).resolve())
    if on_path := shutil.which("asterisk", path=env.get("PATH")):
        version, major = _version([on_path])
        if major >= OLDEST_MAJOR:
            return AsteriskProgram((on_path,), version, _installed_at(Path("/"), major), f"{on_path} on PATH")
    if found := _in_docker(env):
        return found
    own = REPOSITORY / ".asterisk" / SUITE
    if not own.exists():
        raise TestbedError(
            f"there is no Asterisk {OLDEST_MAJOR} or newer: none on PATH, no Docker engine, nothing in {own}; run `make setup`."
        )
    return _in_rootfs(own)


def image_tag() -> str:
    """The image's name with the hash of what it is built from."""
    digest = hashlib.sha256()
    for source in IMAGE_SOURCES:
        digest.update((REPOSITORY / source).read_bytes())
    return f"{IMAGE}:{digest.hexdigest()[:12]}"


def _in_rootfs(root: Path) -> AsteriskProgram:
    """Asterisk of a root file system, run without chroot by that system's own loader and libraries.

    So the scripts it starts are ordinary processes of this machine, and nobody has to be root.
    """
    program = root / "usr/sbin/asterisk"
    if not program.exists():
        raise TestbedError(f"{root} holds no Asterisk; run `make setup`, or point ASTERISK_ROOTFS elsewhere.")
    installation = _installed_at(root, 0)
    libraries = installation.modules.parent.parent
    # lib64/ld-linux-x86-64.so.2 on amd64, lib/ld-linux-aarch64.so.1 on arm64
    loaders = [*root.glob("lib64/ld-linux-*.so.*"), *root.glob("lib/ld-linux-*.so.*")]
    if not loaders:
        raise TestbedError(f"{root} has no dynamic loader; remove it and run `make setup` again.")
    search = f"{libraries}:{root / 'lib' / libraries.name}"
    command = (str(loaders[0]), "--library-path", search, str(program))
    version, major = _version(list(command))
    if major < OLDEST_MAJOR:
        raise TestbedError(f"the Asterisk in {root} is {version}, and ivrd needs {OLDEST_MAJOR} or newer.")
    return AsteriskProgram(command, version, _installed_at(root, major), f"root file system {root}")


def _in_docker(env: dict[str, str]) -> AsteriskProgram | None:
    docker = shutil.which("docker", path=env.get("PATH"))
    if not docker or not (REPOSITORY / IMAGE_SOURCES[0]).exists():
        return None
    try:
        answer = subprocess.run([docker, "info"], capture_output=True, timeout=_ANSWER_DEADLINE_S, check=False, stdin=subprocess.DEVNULL)
        if answer.returncode:
            return None
        tag = image_tag()
        version, major = _version([docker, "run", "--rm", tag, "asterisk"])
    except subprocess.TimeoutExpired:
        return None
    library = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu"
    installation = AsteriskInstallation(major, library / "asterisk/modules", Path("/usr/share/asterisk"), Path("/opt/ivrd/bin/python"))
    return AsteriskProgram(("asterisk",), version, installation, f"Docker image {tag}", tag)


def _installed_at(root: Path, major: int) -> AsteriskInstallation:
    modules = [*root.glob("usr/lib/*/asterisk/modules"), *root.glob("usr/lib*/asterisk/modules")]
    if not modules:
        raise TestbedError(f"the Asterisk in {root} has no modules in usr/lib/*/asterisk/modules.")
    # Debian keeps the documentation under /usr/share, Asterisk's own Makefile under /var/lib.
    shares = [root / "usr/share/asterisk", root / "var/lib/asterisk"]
    share = next((path for path in shares if (path / "documentation").is_dir()), shares[0])
    return AsteriskInstallation(major, modules[0], share, python=Path(sys.executable))


def _version(command: list[str]) -> tuple[str, int]:
    try:
        answer = subprocess.run(
            [*command, "-V"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_DEADLINE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise TestbedError(f"{command[-1]} can't be run: {error.strerror}.") from error
    found = _VERSION.search(answer.stdout)
    if not found:
        said = (answer.stderr or answer.stdout).strip().splitlines()
        raise TestbedError(f"{command[-1]} doesn't say its version: {said[-1] if said else 'no answer'}.")
    return found["version"], int(found["major"])
