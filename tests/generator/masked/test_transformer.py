import pytest
import torch

from mgv.generator.masked.config import SIZES, MaskedConfig
from mgv.generator.masked.guess import nearest_seen
from mgv.generator.masked.transformer import MaskedTransformer

WINDOW = 3, 4, 5


def config_of(**changes: object) -> MaskedConfig:
    fields = {"window": WINDOW, "bit_depths": (5, 9, 14), "labels": ("cat", "dog"), "dropout": 0.0}
    return MaskedConfig(**{**SIZES["tiny"], **fields, **changes})


def inputs(config: MaskedConfig, shape: tuple[int, int, int] = WINDOW, batch: int = 2) -> dict[str, object]:
    random = torch.Generator().manual_seed(0)
    words = torch.stack(
        [torch.randint(size, (batch, *shape), generator=random) for size in config.vocabularies.sizes], -1
    )
    return {
        "words": words,
        "masked": torch.rand((batch, *shape), generator=random) < 0.5,
        "is_image": torch.arange(shape[0]).expand(batch, -1) == 0,
        "num_known": len(config.vocabularies.bits),
        "task": torch.arange(batch),
        "label": torch.zeros(batch, dtype=torch.int64),
    }


@pytest.mark.parametrize(("size", "millions"), [("B", 87), ("L", 305), ("H", 634)])
def test_the_sizes_of_table_6_1(size: str, millions: int) -> None:
    with torch.device("meta"):
        model = MaskedTransformer(MaskedConfig(**SIZES[size], window=(5, 16, 16), bit_depths=(18,)))
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize(
    "extras", [{}, {"heads": "chained", "local_mixing": True, "guesses": True, "copies": True}]
)
def test_what_is_masked_is_not_seen(extras: dict[str, object]) -> None:
    torch.manual_seed(0)
    config = config_of(**extras)
    model = MaskedTransformer(config).eval()
    given = inputs(config)
    hidden = model(**given)
    assert hidden.shape == (2, *WINDOW, config.width)
    changed = given["words"].clone()
    changed[given["masked"]] = 0
    assert torch.equal(model(**{**given, "words": changed}), hidden)
    changed = given["words"].clone()
    changed[~given["masked"]] = 0
    assert not torch.allclose(model(**{**given, "words": changed}), hidden)


@pytest.mark.parametrize("name", ["task", "label", "is_image"])
def test_every_part_of_the_prompt_counts(name: str) -> None:
    torch.manual_seed(0)
    config = config_of()
    model = MaskedTransformer(config).eval()
    torch.nn.init.normal_(model.image_latent)
    given = inputs(config)
    other = ~given[name] if name == "is_image" else given[name] + 1
    assert not torch.allclose(model(**{**given, name: other}), model(**given))


def test_bits_that_a_file_lacks_are_not_seen() -> None:
    torch.manual_seed(0)
    config = config_of()
    model = MaskedTransformer(config).eval()
    given = {**inputs(config), "num_known": 1}
    changed = given["words"].clone()
    changed[..., 1:] = 0
    assert torch.equal(model(**{**given, "words": changed}), model(**given))
    assert not torch.allclose(model(**{**given, "num_known": 2}), model(**given))


def test_smaller_windows_are_taken() -> None:
    config = config_of(local_mixing=True, guesses=True, copies=True)
    assert MaskedTransformer(config).eval()(**inputs(config, (1, 2, 5))).shape == (2, 1, 2, 5, config.width)


def test_samples_of_a_batch_do_not_meet() -> None:
    torch.manual_seed(0)
    config = config_of(heads="chained", local_mixing=True, guesses=True, copies=True)
    model = MaskedTransformer(config).eval()
    given = inputs(config)
    alone = model(**{name: v[1:] if isinstance(v, torch.Tensor) else v for name, v in given.items()})
    assert torch.allclose(model(**given)[1:], alone, atol=1e-5)


def test_the_nearest_token_that_is_seen() -> None:
    masked = torch.ones(2, 2, 1, 4, dtype=torch.bool)
    masked[0, 0, 0, 0] = False
    places, offsets = nearest_seen(masked)
    assert places[0].tolist() == [0] * 8
    assert offsets[0, 1, 0, 3].tolist() == [-1, 0, -3]
    assert places[1].tolist() == list(range(8))  # nothing is seen
    assert not offsets[1].any()


def test_time_is_nearer_than_space() -> None:
    masked = torch.ones(1, 2, 1, 3, dtype=torch.bool)
    masked[0, 0] = False
    masked[0, 1, 0, 0] = False
    _, offsets = nearest_seen(masked)
    assert offsets[0, 1, 0, 1].tolist() == [-1, 0, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": "many"}, "independent or chained"),
        ({"num_heads": 5}, "does not divide"),
        ({"window": (0, 1, 1)}, "least one token"),
    ],
)
def test_an_impossible_configuration_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config_of(**changes)


def test_a_configuration_survives_json() -> None:
    config = config_of(heads="chained")
    assert MaskedConfig.from_dict(config.to_dict()) == config
