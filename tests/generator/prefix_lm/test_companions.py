"""Depth, flow and audio beside an `.mgv`: read, checked, cut to windows, and trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.generator.dataset import TokenFile, TokenFolders
from mgv.generator.errors import DataError
from mgv.generator.prefix_lm.companions import Companion, read_companion, write_companion
from mgv.generator.prefix_lm.config import SIZES, PrefixConfig
from mgv.generator.prefix_lm.multitask import Corpus, SequenceBatches, SequenceMixture
from mgv.generator.prefix_lm.places import Part, Place
from mgv.generator.prefix_lm.stages import TwoStages
from mgv.generator.window import TokenWindow

GRID = (11, 6, 8)


def make_companion() -> Companion:
    """Every depth token tells its latent frame, row and column; every code of audio its step."""
    t, h, w = np.indices(GRID)
    starts = np.arange(12) * 4
    audio = np.tile(np.arange(44), (2, 1))
    return Companion((t << 8) + (h << 4) + w, (t << 8) + (h << 4) + w + (1 << 12), audio, starts)


@pytest.fixture
def file(tmp_path) -> TokenFile:
    return TokenFile(tmp_path / "a.mgv", GRID[1:], (9, 2), None, None)


def test_parts_survive(file) -> None:
    companion = make_companion()
    write_companion(file.path.with_suffix(".npz"), companion)
    found = read_companion(file)
    for name in vars(companion):
        assert np.array_equal(getattr(found, name), getattr(companion, name))


def test_a_file_without_one_has_an_empty_one(file) -> None:
    assert read_companion(file) == Companion()
    assert Companion().longest_sound(3) == 0
    with pytest.raises(ValueError, match="no audio"):
        Companion().sound(0, 1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"depth": np.zeros((9, 6, 8), np.int64)}, r"depth is \(9, 6, 8\), expected \(11, 6, 8\)"),
        ({"audio": None}, "audio and audio_starts go together"),
        ({"audio_starts": np.arange(10)}, r"expected \(levels, steps\) and \(12,\)"),
        ({"audio_starts": np.arange(12)[::-1].copy()}, "must rise"),
        ({"audio_starts": np.arange(12) * 5}, "at most the 44 steps"),
    ],
)
def test_what_does_not_fit_the_file_is_refused(file, changed, message) -> None:
    write_companion(file.path.with_suffix(".npz"), replace(make_companion(), **changed))
    with pytest.raises(DataError, match=message):
        read_companion(file)


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_what_is_no_archive_is_refused(file, content) -> None:
    file.path.with_suffix(".npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a.npz: is no companion of a.mgv"):
        read_companion(file)


def test_floats_and_strangers_are_refused(file) -> None:
    for parts in ({"depth": np.zeros(GRID)}, {"height": np.zeros(GRID, np.int64)}):
        np.savez(file.path.with_suffix(".npz"), **parts)
        with pytest.raises(DataError, match="is no companion"):
            read_companion(file)


def test_windows_are_cut_out() -> None:
    companion = make_companion()
    like = TokenWindow(np.zeros((2, 3, 4), np.int64), np.array([False, True]), 10)
    picture = companion.picture("depth", (5, 1, 2), like)
    assert picture.ids[0, 0, 0] == ((5 << 8) + (1 << 4) + 2) & 1023
    assert picture.shape == (2, 3, 4)
    assert picture.is_image.tolist() == [False, True]
    audio, first_steps = companion.sound(3, 2)
    assert audio.codes.tolist() == [list(range(12, 20))] * 2
    assert (first_steps, companion.longest_sound(2)) == (4, 8)


@pytest.fixture
def make_batches(folder: Path, tiny_model: Path):
    """Of two files, one of which has a companion."""
    write_companion(folder / "cat__a.npz", make_companion())
    tokenizer = mgv.load_tokenizer(tiny_model)
    corpus = Corpus(TokenFolders([folder], tokenizer))

    def make(task: str, audio_steps: int = 12) -> SequenceBatches:
        config = PrefixConfig(
            **SIZES["tiny"],
            window=(3, 4, 4),
            bit_depths=tokenizer.config.bit_depths,
            labels=("cat", "dog"),
            audio_steps=audio_steps,
        )
        mixture = SequenceMixture({task: 1.0}, TwoStages(0, 0, 0), full_depth_share=1.0, drop_share=0.0)
        return SequenceBatches(corpus, config, mixture, batch_size=6, num_batches=1, seed=0)

    return make


@pytest.mark.parametrize(
    ("task", "inputs", "outputs"),
    [
        ("style", {Part.DEPTH: 48, Part.FLOW: 48}, {Part.VIDEO_OUT: 48}),
        ("video_from_audio", {Part.AUDIO_IN: 24}, {Part.VIDEO_OUT: 48}),
        ("audio_from_video", {Part.GIVEN: 48}, {Part.AUDIO_OUT: 24}),
        ("rest", {Part.GIVEN: 16, Part.AUDIO_IN: 8}, {Part.VIDEO_OUT: 32, Part.AUDIO_OUT: 16}),
    ],
)
def test_tasks_of_chapter_8_are_laid_out(make_batches, task, inputs, outputs) -> None:
    batch = make_batches(task)[0]
    parts = batch.places[..., Place.PART]
    for part in set(Part) - {Part.CONTROL}:
        assert (parts == part).sum(1).tolist() == [{**inputs, **outputs}.get(part, 0)] * 6
    assert (batch.ids == 128).any(1).all()  # the label of the file that has a companion


def test_depth_lies_where_the_video_does(make_batches) -> None:
    batch = make_batches("style")[0]
    depth = batch.ids[0][batch.places[0, :, Place.PART] == Part.DEPTH] - 256
    flow = batch.ids[0][batch.places[0, :, Place.PART] == Part.FLOW] - 256
    frames, rows, columns = depth >> 8, (depth >> 4) & 15, depth & 15
    for found, extent in ((frames, 3), (rows, 4), (columns, 4)):
        assert int(found.max() - found.min()) == extent - 1
    assert (flow == depth + (1 << 12)).all()


def test_audio_begins_with_its_latent_frame(make_batches) -> None:
    batch = make_batches("video_from_audio")[0]
    first = batch.ids[batch.places[..., Place.PART] == Part.AUDIO_IN].view(6, 24)[:, 0]
    assert set(((first - 256 - (1 << 20)) % 4).tolist()) == {0}


def test_tasks_without_data_and_models_without_room_are_refused(make_batches, folder) -> None:
    with pytest.raises(DataError, match="up to 12 steps of audio, the model's audio_steps are 8"):
        make_batches("rest", audio_steps=8)
    (folder / "cat__a.npz").unlink()
    with pytest.raises(DataError, match=r"task style: no .mgv has an .npz .* with depth and flow"):
        make_batches("style")
