"""Training sequences out of files: what is drawn, how often, and that it is the same again."""

import re

import numpy as np
import pytest
import torch

import mgv
from mgv.generator.dataset import TokenFolders
from mgv.generator.errors import DataError
from mgv.generator.prefix_lm.batch import SequenceBatch
from mgv.generator.prefix_lm.config import SIZES, PrefixConfig
from mgv.generator.prefix_lm.multitask import Corpus, SequenceBatches, SequenceMixture
from mgv.generator.prefix_lm.places import Part, Place
from mgv.generator.prefix_lm.stages import TwoStages
from mgv.generator.prefix_lm.vocabulary import LABEL_VALUES, TASK_VALUES, TEXT

WINDOW = (3, 4, 4)


@pytest.fixture
def batches(folder, tiny_model):
    tokenizer = mgv.load_tokenizer(tiny_model)
    config = PrefixConfig(
        **SIZES["tiny"],
        window=WINDOW,
        bit_depths=tokenizer.config.bit_depths,
        labels=("cat", "dog"),
        text_width=2,
    )
    corpus = Corpus(TokenFolders([folder], tokenizer), lambda text: np.full((3, 2), len(text), np.float32))

    def make(
        mixture: SequenceMixture, *, num_batches: int = 8, batch_size: int = 8, seed: int = 0, first: int = 0
    ):
        return SequenceBatches(
            corpus,
            config,
            mixture,
            batch_size=batch_size,
            num_batches=num_batches,
            seed=seed,
            first_batch=first,
        )

    return make


def spelled(batches: SequenceBatches, batch: SequenceBatch) -> list[str]:
    vocabulary = batches.config.vocabulary
    return [
        " ".join(map(vocabulary.spell, ids[: int(length)].tolist()))
        for ids, length in zip(batch.ids, batch.lengths, strict=True)
    ]


NO_IMAGES = TwoStages(0, 0, 0)


def test_a_batch_is_a_function_of_seed_and_number(batches) -> None:
    whole, resumed, other = (
        batches(SequenceMixture(), **changed) for changed in ({}, {"first": 3}, {"seed": 1})
    )
    assert (len(whole), len(resumed)) == (8, 5)
    assert torch.equal(whole[5].ids, resumed[2].ids)
    assert torch.equal(whole[5].places, resumed[2].places)
    assert not (whole[5].ids.shape == other[5].ids.shape and torch.equal(whole[5].ids, other[5].ids))


@pytest.mark.parametrize(
    ("task", "pattern"),
    [
        ("video", r"<bos> <task:video> <length:2> <bov_o>( visual){48} <eov_o> <eos>"),
        (
            "future",
            r"<bos> <task:(video|future)> <bov_i>( visual)+ <eov_i> <length:2> <bov_o>( visual)+ <eov_o> <eos>",
        ),
        (
            "painting",
            r"<bos> <task:painting>( <bov_i>.* <eov_i>)? <length:2> <bov_o>( visual)+ <eov_o> <eos>",
        ),
    ],
)
def test_tasks_have_their_layouts(batches, task, pattern) -> None:
    data = batches(SequenceMixture({task: 1.0}, NO_IMAGES, drop_share=1.0))
    found = [text for index in range(3) for text in spelled(data, data[index])]
    assert all(re.fullmatch(pattern, text) for text in found)
    assert (len(set(found)) > 1) == (task != "video")


def test_painting_has_hints_where_a_supervoxel_is_given_in_part(batches) -> None:
    mixture = SequenceMixture({"painting": 1.0}, NO_IMAGES, varied_share=0.0)
    parts = batches(mixture, batch_size=24)[0].places[..., Place.PART]
    assert (parts == Part.HINT).any()
    assert not ((parts == Part.HINT).any(1) & ~(parts == Part.VIDEO_OUT).any(1)).any()


def test_images_come_first_and_video_later(batches) -> None:
    data = batches(SequenceMixture(), num_batches=40, batch_size=10)
    is_image = [int((data[index].places[..., Place.FRAME].amax(1) == 0).sum()) for index in range(40)]
    assert sum(is_image[:10]) / 100 == pytest.approx(0.9, abs=0.1)
    assert sum(is_image[10:]) / 300 == pytest.approx(0.1, abs=0.06)


def test_images_begin_segments(batches) -> None:
    data = batches(SequenceMixture(images=TwoStages(1, 1, 1), drop_share=1.0))
    batch = data[0]
    assert set(spelled(data, batch)) == {"<bos> <task:video> <bov_o>" + " visual" * 16}
    assert (batch.places[..., Place.IS_IMAGE][batch.places[..., Place.PART] == Part.VIDEO_OUT] == 1).all()


def test_labels_and_captions_are_given_or_dropped(batches) -> None:
    data = batches(SequenceMixture({"video": 1.0}, NO_IMAGES, drop_share=0.25), batch_size=200)
    batch = data[0]
    labels = [(batch.ids == LABEL_VALUES.id(number)).any(1) for number in range(2)]
    has_text = (batch.ids == TEXT).any(1)
    assert torch.equal(has_text, labels[1])
    assert float((labels[0] | labels[1]).float().mean()) == pytest.approx(0.75, abs=0.12)
    assert batch.text is not None
    assert batch.text.shape == (3 * int(has_text.sum()), 2)
    assert (batch.text == len("a dog")).all()


def test_depths_are_mixed_and_tokens_cut_to_them(batches) -> None:
    data = batches(SequenceMixture(full_depth_share=0.0), num_batches=12)
    depths = set()
    for index in range(12):
        batch = data[index]
        depths.add(batch.bit_depth)
        visual = batch.ids[(batch.ids >= 256) & (batch.places[..., Place.PART] >= 0)]
        assert int(visual.max()) - 256 < 1 << batch.bit_depth
    assert depths == {5, 10, 20}


def test_first_latent_frame_alone_given_shares_the_task_of_video(batches) -> None:
    batch = batches(SequenceMixture({"future": 1.0}, NO_IMAGES, drop_share=1.0), batch_size=40)[0]
    given = (batch.places[..., Place.PART] == Part.GIVEN).sum(1)
    assert set(given.tolist()) == {16, 32}
    assert torch.equal(batch.ids[:, 1] == TASK_VALUES.id(0), given == 16)


def test_a_window_that_no_file_holds_is_refused(batches, folder, tiny_model) -> None:
    tokenizer = mgv.load_tokenizer(tiny_model)
    config = PrefixConfig(**SIZES["tiny"], window=(3, 9, 4), bit_depths=tokenizer.config.bit_depths)
    with pytest.raises(DataError, match="no file has a segment that holds a window"):
        SequenceBatches(
            Corpus(TokenFolders([folder], tokenizer)),
            config,
            SequenceMixture(),
            batch_size=1,
            num_batches=1,
            seed=0,
        )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"task_weights": {"dreaming": 1.0}}, "task weights are for video, future, painting"),
        ({"task_weights": {"video": 0.0}}, "each above 0"),
        ({"drop_share": 1.5}, "drop_share is 1.5"),
    ],
)
def test_an_impossible_mixture_is_refused(wrong, message) -> None:
    with pytest.raises(ValueError, match=message):
        SequenceMixture(**wrong)
