"""What is to be done with each source of a tree: encode it, keep the file that there is, or ask first."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...container import FormatError, Reader
from ...container.scan import read_index
from ...container.source import ByteSource
from .find import SourceFile
from .journal import Done, FileFacts, Options, Run

TARGET_SUFFIX = ".mgv"


@dataclass
class TreePlan:
    """What a run is to do."""

    to_encode: list[SourceFile] = field(default_factory=list)
    kept: dict[str, FileFacts] = field(default_factory=dict)
    """By path of the source: files that are there as this run would make them."""

    in_the_way: dict[str, str] = field(default_factory=dict)
    """Path of a target -> why it is not simply replaced: it is not known to come from this source and these options."""


def target_of(source: str) -> str:
    """Name the file that a source becomes, relative to the root of each.

    The whole name is kept, so that no two sources of a folder claim one target, whatever comes to be there later.
    """
    return source + TARGET_SUFFIX


def make_plan(
    sources: list[SourceFile], folder: Path, entries: Mapping[str, Done | None], run: Run
) -> TreePlan:
    """Compare sources, targets and journal.

    Args:
        sources: of the tree.
        folder: of the targets.
        entries: of the folder's journal.
        run: what is asked for now.
    """
    plan = TreePlan()
    for source in sources:
        target = folder / target_of(source.path)
        entry = entries.get(source.path)
        if not os.path.exists(target) or (source.path in entries and entry is None):
            plan.to_encode.append(source)
        elif entry is None:
            plan.in_the_way[target_of(source.path)] = "is there, and no run made it"
        else:
            _compare(plan, source, target, entry, run)
    return plan


def _compare(plan: TreePlan, source: SourceFile, target: Path, entry: Done, run: Run) -> None:
    """Decide on a target that an earlier run finished."""
    is_same_source = source == entry.source
    num_frames = _num_frames(target)
    is_as_left = (num_frames, target.stat().st_size) == (entry.facts.num_frames, entry.facts.file_bytes)
    if num_frames is not None and not is_as_left:
        plan.in_the_way[target_of(source.path)] = "was changed since it was made"
    elif entry.run.options != run.options:
        plan.in_the_way[target_of(source.path)] = (
            f"was made with {_differences(entry.run.options, run.options)}"
        )
    elif not is_same_source and entry.run.root != run.root:
        plan.in_the_way[target_of(source.path)] = "was made of another folder's video"
    elif is_same_source and is_as_left:
        plan.kept[source.path] = entry.facts
    else:
        plan.to_encode.append(source)


def _num_frames(target: Path) -> int | None:
    """Count the frames of an `.mgv` by its index; None unless it is whole as far as headers and index tell."""
    try:
        with target.open("rb") as file:
            Reader(file)
            return read_index(ByteSource(file, 0), target.stat().st_size).num_frames
    except (FormatError, OSError):
        return None


def _differences(before: Options, now: Options) -> str:
    """Tell options apart: those that were, then those that are asked for."""
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return ", ".join(
        f"{name} {before.get(name, 'none')} in place of {now.get(name, 'none')}" for name in names
    )
