"""The hotline's flows as somebody edits them: every way leads by a node of the new version's own, so that a path tells which it was.

Pure. For ``test_flow_reload``.
"""

from __future__ import annotations

from callflows import loader

# What is said stays as it is: an edit like these needs no new prompts.
_EDITS = (
    ("    next: caller\n", "    next: {mark}\n"),
    ("keys: {{1: hr, 2: course, 3: product,", "keys: {{1: {mark}_hr, 2: course, 3: product,"),
    ("served: survey, key: callback,", "served: {mark}_served, key: {mark}_key,"),
    ("ends: {{taken: goodbye, _: goodbye}}", "ends: {{taken: {mark}_message, _: goodbye}}"),
)
_NODES = """
  {mark}: {{set: {{edition: {mark}}}, next: caller}}
  {mark}_hr: {{set: {{edition: {mark}}}, next: hr}}
  {mark}_served: {{set: {{edition: {mark}}}, next: survey}}
  {mark}_key: {{set: {{edition: {mark}}}, next: callback}}
  {mark}_message: {{set: {{edition: {mark}}}, next: goodbye}}
"""


def shipped() -> dict[str, str]:
    """File name → text of the flows as they are shipped."""
    return {file.rpartition("/")[2]: text for file, text in loader.read_folder(loader.SHIPPED_FLOWS).items()}


def edited(mark: str) -> dict[str, str]:
    """The shipped flows with nodes that are called by ``mark``."""
    files = shipped()
    text = files["hotline.yaml"]
    for old, new in _EDITS:
        before, after = old.format(mark=mark), new.format(mark=mark)
        assert before in text, f"the shipped flow is another one than these edits are of: {before!r} isn't in it"
        text = text.replace(before, after)
    return {**files, "hotline.yaml": text.rstrip("\n") + _NODES.format(mark=mark)}


def broken() -> tuple[dict[str, str], int]:
    """Flows that lead to a node that isn't there, and the line where they do."""
    files = shipped()
    text = files["hotline.yaml"].replace("    next: caller\n", "    next: nowhere\n")
    line = text[: text.index("next: nowhere")].count("\n") + 1
    return {**files, "hotline.yaml": text}, line
