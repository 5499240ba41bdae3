"""Tables that a terminal of any width shows without breaking words: what says nothing is left out, then what matters least."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

NOTHING = "-"  # a cell without a value


def plain_console(*, soft_wrap: bool = False) -> Console:
    """Prints tables whose cells are what they are: a caller named ``[red]`` or a key ``[#]`` is no markup."""
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap)


def print_fitting(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]], *, least: Sequence[str], title: str = "") -> None:
    """``least``: heads in the order in which they give way where the console is too narrow. What isn't shown is named below."""
    shown = [place for place, head in enumerate(heads) if place == 0 or not rows or any(row[place] != NOTHING for row in rows)]
    table = _table(heads, rows, shown, title)
    left_out = []
    unbounded = console.options.update(max_width=10_000)  # or a table measures no wider than the console
    for head in least:
        if Measurement.get(console, unbounded, table).maximum <= console.width:
            break
        if (place := heads.index(head)) in shown:
            shown.remove(place)
            left_out.append(head)
            table = _table(heads, rows, shown, title)
    console.print(table)
    if left_out:
        console.print(f"  not shown at this width: {', '.join(left_out)}")


def print_record(pairs: Iterable[tuple[str, str]]) -> None:
    """One thing's names and values below each other on stdout. Nothing is cut, so that what is shown can be copied."""
    told = list(pairs)
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        first, *further = (value or NOTHING).splitlines()
        print(f"{name:<{width}}  {first}")
        for line in further:
            print(f"{'':<{width}}  {line}")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int], title: str) -> Table:
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place in shown:
        table.add_column(heads[place], no_wrap=True)
    for row in rows:
        table.add_row(*(row[place] for place in shown))
    return table
