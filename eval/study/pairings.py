"""Which stimuli may meet: at one rate every two codecs, and, to put rates on one scale, neighbouring rates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, order=True)
class Contestant:
    """What is ranked: a codec at a nominal rate."""

    codec: str
    rate: int


@dataclass(frozen=True)
class Entry:
    """A rated stimulus."""

    stimulus_id: int
    clip_id: int
    contestant: Contestant


def possible_pairs(entries: Sequence[Entry], *, across_rates: bool) -> Iterator[tuple[Entry, Entry]]:
    """List the pairs of stimuli that may be shown together, the smaller contestant first.

    Rates are neighbours where the clip has no rate between them.
    """
    by_clip: dict[int, list[Entry]] = {}
    for entry in entries:
        by_clip.setdefault(entry.clip_id, []).append(entry)
    reach = 1 if across_rates else 0
    for of_clip in by_clip.values():
        rates = sorted({entry.contestant.rate for entry in of_clip})
        places = {rate: place for place, rate in enumerate(rates)}
        for one, other in combinations(sorted(of_clip, key=lambda entry: entry.contestant), 2):
            if abs(places[one.contestant.rate] - places[other.contestant.rate]) <= reach:
                yield one, other
