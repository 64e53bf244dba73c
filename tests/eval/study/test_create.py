"""`create_study`: everything in it, nothing half made, nothing that tells what is what."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mgv.codec import OutputError
from mgv.eval.study import Settings, StudyError, schema
from mgv.eval.study.create import create_study
from mgv.eval.study.settings import Selection
from mgv.eval.study.simulation.synthetic_run import SyntheticRun
from mgv.eval.study.store import Store


def count(store: Store, table: object, **values: object) -> int:
    query = select(func.count()).select_from(table)
    for name, value in values.items():
        query = query.where(table.c[name] == value)
    with store.reading() as connection:
        return connection.execute(query).scalar_one()


def test_every_clip_codec_and_rate_is_in_it(store: Store) -> None:
    assert count(store, schema.clip) == 3
    assert count(store, schema.stimulus, role="rated") == 3 * 3 * 2
    assert count(store, schema.stimulus, role="source") == count(store, schema.stimulus, role="spoiled") == 3
    assert count(store, schema.media) == 3 * 3 * 2 + 6
    same_rate, neighbours = 2 * 3, 3 * 3
    assert count(store, schema.pairing, kind="rated") == 3 * (same_rate + neighbours)
    assert count(store, schema.pairing, kind="golden") == 3
    assert store.facts.rates_bpp == (0.2, 0.4)
    assert store.settings == store.facts.settings


def test_keys_are_opaque_and_bytes_are_real(store: Store, small_run: SyntheticRun) -> None:
    with store.reading() as connection:
        rows = connection.execute(select(schema.stimulus).where(schema.stimulus.c.role == "rated")).all()
    assert len({row.key for row in rows}) == len(rows)
    assert all(len(row.key) == 32 and int(row.key, 16) >= 0 for row in rows)
    assert sorted(row.num_bytes for row in rows) == sorted(point.num_bytes for point in small_run.points)
    spread = store.facts.matching["spreads"][0]
    assert 0 <= spread["spread"] <= store.facts.matching["tolerance"]


def test_without_neighbouring_rates(tmp_path: Path, small_run: SyntheticRun) -> None:
    from mgv.eval.study.store import open_study

    selection = Selection(rates_bpp=(0.2, 0.4), across_rates_share=0, clips=("clip1",))
    create_study(small_run, tmp_path / "s.db", replace(Settings(), selection=selection))
    store = open_study(tmp_path / "s.db")
    assert count(store, schema.pairing, kind="rated") == 6
    store.close()


def test_an_existing_file_is_left_alone(study_path: Path, small_run: SyntheticRun) -> None:
    before = study_path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        create_study(small_run, study_path, Settings())
    assert study_path.read_bytes() == before


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    class Short(SyntheticRun):
        def frames(self, point):  # type: ignore[no-untyped-def]
            yield from list(super().frames(point))[:-1]

    run = Short(num_clips=1, codecs=("a", "b"), rates_bpp=(0.2,), size=(34, 24), num_frames=4)
    with pytest.raises(StudyError, match=r"clip0, a r0: decodes to 3 frames, its clip has 4"):
        create_study(run, tmp_path / "s.db", Settings())
    assert list(tmp_path.iterdir()) == []


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    class Cropped(SyntheticRun):
        def frames(self, point):  # type: ignore[no-untyped-def]
            for frame in super().frames(point):
                yield frame[:, :-2]

    run = Cropped(num_clips=1, codecs=("a", "b"), rates_bpp=(0.2,), size=(34, 24), num_frames=2)
    with pytest.raises(StudyError, match=r"has a frame of \(24, 32, 3\), expected \(24, 34, 3\)"):
        create_study(run, tmp_path / "s.db", Settings())


def test_a_missing_folder_is_an_output_error(tmp_path: Path, small_run: SyntheticRun) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        create_study(small_run, tmp_path / "no" / "s.db", Settings())
