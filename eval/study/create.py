"""`mgv study create`: a study out of a rate-distortion run."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table

from ...codec import OutputError
from . import schema
from .errors import StudyError
from .matching import MatchedRate, Matching, match_rates
from .pairings import Contestant, Entry, possible_pairs
from .render import Frame, Rendering, even, render, spoil
from .run_reader import RunClip, RunPoint, RunReader
from .settings import Settings
from .store import is_url, make_tables, new_id, new_key, write_facts

Progress = Callable[[int, int], None]


def create_study(
    run: RunReader, target: str | Path, settings: Settings, *, progress: Progress | None = None
) -> Matching:
    """Make a study of a run: choose what to compare, render it, list the pairs.

    An SQLite file appears under its name when it is whole; a PostgreSQL study is written in one transaction.

    Args:
        run: with two or more codecs.
        target: path of an SQLite file, or URL of a database that holds no study.
        settings: kept in the study.
        progress: called with stimuli done and expected.

    Raises:
        StudyError: nothing can be compared, or decoded frames are not what the run says.
        OutputError: the target exists or can't be written.
    """
    if is_url(target):
        matching = match_rates(run, settings.selection)
        _fill(run, target, settings, matching, progress)
        return matching
    path = Path(target)
    part = path.with_name(path.name + ".part")
    if path.exists():
        raise OutputError(f"{path}: exists already; give another name, or remove it with all its votes")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no such folder")
    matching = match_rates(run, settings.selection)
    for leftover in _files_of(part):
        leftover.unlink(missing_ok=True)
    try:
        _fill(run, str(part), settings, matching, progress)
        os.link(part, path)  # unlike a rename, never replaces a study that appeared meanwhile
    except FileExistsError as error:
        raise OutputError(f"{path}: appeared while the study was being made; it was left as it is") from error
    finally:
        for file in _files_of(part):
            file.unlink(missing_ok=True)
    return matching


def _files_of(path: Path) -> Iterator[Path]:
    for ending in ("", "-wal", "-shm"):
        yield path.with_name(path.name + ending)


def _fill(
    run: RunReader, target: str | Path, settings: Settings, matching: Matching, progress: Progress | None
) -> None:
    engine = make_tables(target)
    try:
        with engine.connect() as plain:
            connection = plain.execution_options(mgv_writes=True)
            with connection.begin():
                _Writer(connection, run, settings, progress).write(matching)
    finally:
        engine.dispose()


class _Writer:
    """Writes one study."""

    def __init__(
        self, connection: Connection, run: RunReader, settings: Settings, progress: Progress | None
    ) -> None:
        self._connection = connection
        self._run = run
        self._settings = settings
        self._progress = progress or (lambda done, expected: None)
        self._num_done = 0
        self._num_expected = 0

    def write(self, matching: Matching) -> None:
        """Write everything, clip by clip."""
        clips = {clip.name: clip for clip in self._run.clips}
        names = sorted({group.clip for group in matching.groups})
        with_golden = self._settings.questions.golden_every > 0 or self._settings.questions.training > 0
        num_points = sum(len(group.points) for group in matching.groups)
        self._num_expected = num_points + (2 * len(names) if with_golden else 0)
        facts = {
            "tolerance": self._settings.selection.tolerance,
            "spreads": [
                {"clip": g.clip, "rate": g.rate, "codecs": [p.codec for p in g.points], "spread": g.spread}
                for g in matching.groups
            ],
            "left_out": list(matching.left_out),
        }
        write_facts(self._connection, self._settings, matching.rates_bpp, facts)
        for name in names:
            self._write_clip(clips[name], [g for g in matching.groups if g.clip == name], with_golden)

    def _write_clip(self, clip: RunClip, groups: list[MatchedRate], with_golden: bool) -> None:
        clip_id = self._insert(
            schema.clip,
            name=clip.name,
            width=clip.width,
            height=clip.height,
            shown_width=clip.width // 2 * 2,
            shown_height=clip.height // 2 * 2,
            num_frames=clip.num_frames,
            frame_rate=str(clip.frame_rate),
            sha256=clip.sha256,
        )
        entries = [
            Entry(self._write_point(clip, clip_id, point), clip_id, Contestant(point.codec, group.rate))
            for group in groups
            for point in group.points
        ]
        self._write_pairings(clip_id, entries)
        if with_golden or self._settings.questions.allow_reference:
            source = list(even(self._run.source_frames(clip)))
            source_id = self._write_stimulus(clip, clip_id, source, role="source")
            if with_golden:
                spoiled_id = self._write_stimulus(clip, clip_id, list(spoil(source)), role="spoiled")
                self._insert(
                    schema.pairing, kind="golden", clip_id=clip_id, first_id=source_id, second_id=spoiled_id
                )

    def _write_pairings(self, clip_id: int, entries: list[Entry]) -> None:
        across = self._settings.selection.across_rates_share > 0
        for one, other in possible_pairs(entries, across_rates=across):
            self._insert(
                schema.pairing,
                kind="rated",
                clip_id=clip_id,
                first_id=one.stimulus_id,
                second_id=other.stimulus_id,
                first_rate=one.contestant.rate,
                second_rate=other.contestant.rate,
            )

    def _write_point(self, clip: RunClip, clip_id: int, point: RunPoint) -> int:
        return self._write_stimulus(
            clip,
            clip_id,
            list(even(self._run.frames(point))),
            role="rated",
            codec=point.codec,
            label=point.label,
            num_bytes=point.num_bytes,
            bpp=point.bpp,
        )

    def _write_stimulus(self, clip: RunClip, clip_id: int, frames: list[Frame], **facts: Any) -> int:
        name = f"{clip.name}, {facts.get('codec') or facts['role']} {facts.get('label', '')}".rstrip()
        _check_frames(frames, clip, name)
        playback = self._settings.playback
        rendering: Rendering = render(
            frames,
            clip.frame_rate,
            lossless=playback.rendering == "lossless",
            min_psnr_db=playback.min_render_psnr_db,
            name=name,
        )
        stimulus_id = self._insert(
            schema.stimulus,
            key=new_key(),
            clip_id=clip_id,
            media_bytes=len(rendering.data),
            render_psnr_y_db=rendering.psnr_y_db,
            render_crf=rendering.crf,
            **facts,
        )
        self._connection.execute(schema.media.insert().values(stimulus_id=stimulus_id, data=rendering.data))
        self._num_done += 1
        self._progress(self._num_done, self._num_expected)
        return stimulus_id

    def _insert(self, table: Table, **values: Any) -> int:
        return new_id(self._connection, table, **values)


def _check_frames(frames: list[Frame], clip: RunClip, name: str) -> None:
    expected = (clip.height // 2 * 2, clip.width // 2 * 2, 3)
    if len(frames) != clip.num_frames:
        raise StudyError(
            f"{name}: decodes to {len(frames)} frames, its clip has {clip.num_frames}; both sides must agree"
        )
    wrong = [frame.shape for frame in frames if frame.shape != expected]
    if wrong:
        raise StudyError(f"{name}: has a frame of {wrong[0]}, expected {expected}; both sides must agree")
