"""Does requirements.lock still agree with pyproject.toml? Looks at both files and the environment, not at the network."""

from __future__ import annotations

import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docker"))

from runtime_requirements import PIN, canonical, closure, entries  # noqa: E402 - the images read the lock the same way


def faults() -> list[str]:
    """A sentence for each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = entries((ROOT / "requirements.lock").read_text())
    versions = {name: lines[0].removesuffix("\\").split("==")[1].strip() for name, lines in locked.items() if PIN.match(lines[0])}
    wanted = [Requirement(text) for text in project["dependencies"]]
    wanted += [Requirement(text) for extra in project["optional-dependencies"].values() for text in extra]
    found = []
    for requirement in wanted:
        pinned = versions.get(canonical(requirement.name))
        if pinned is None:
            found.append(f"pyproject.toml wants {requirement}, and the lock has no {requirement.name}")
        elif pinned not in requirement.specifier:
            found.append(f"pyproject.toml wants {requirement}, and the lock has {pinned}")
    reached = closure({canonical(requirement.name) for requirement in wanted}, locked)
    found += [f"the lock has {name}, which nothing needs" for name in sorted(locked.keys() - reached)]
    found += [f"{name} has no hash" for name, lines in sorted(locked.items()) if not any("--hash=sha256:" in line for line in lines)]
    for name, version in sorted(versions.items()):
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            found.append(f"{name} is locked and not installed; run `make setup`")
            continue
        if installed != version:
            found.append(f"{name} is installed as {installed} and locked as {version}; run `make setup`")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(faults()) or 0)
