"""Text, audio, depth and flow from outside: what is missing is said in one line, what is there is called right."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mgv.codec import MissingToolError
from mgv.generator.card import save_generator
from mgv.generator.prefix_lm.audio import EncodecTokenizer
from mgv.generator.prefix_lm.config import PrefixConfig
from mgv.generator.prefix_lm.filler import load_for_text
from mgv.generator.prefix_lm.layout import MAX_TEXT
from mgv.generator.prefix_lm.model import PrefixLM
from mgv.generator.prefix_lm.stylisation import mapped_tokens
from mgv.generator.prefix_lm.text import T5TextEncoder
from mgv.generator.prefix_lm.transformers_import import import_transformers, require_weights
from mgv.tokenizer import WeightsError, load_tokenizer
from mgv.tools.cli import exit_code_of


@pytest.mark.parametrize("make", [T5TextEncoder, EncodecTokenizer])
def test_without_transformers_it_says_how_to_get_it(monkeypatch, tmp_path, make) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingToolError, match=r"needs transformers: pip install 'mgv\[text\]'") as caught:
        make(tmp_path)
    assert exit_code_of(caught.value) == 6


def test_a_folder_without_weights_is_named(tmp_path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MissingToolError, match="there is no T5 in it") as caught:
        require_weights(tmp_path, "T5")
    assert str(tmp_path) in str(caught.value)
    (tmp_path / "model.safetensors").touch()
    require_weights(tmp_path, "T5")


def test_depth_and_flow_go_through_the_tokenizer(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    clip = np.random.default_rng(0).random((5, 16, 16, 3)).astype(np.float32)
    depth = tokenizer.config.bits_per_token
    window = mapped_tokens(clip, lambda pixels: 1 - pixels, tokenizer, depth)
    inverted = mapped_tokens(1 - clip, lambda pixels: pixels, tokenizer, depth)
    assert window.shape == tokenizer.config.latent_shape(5, 16, 16)
    assert np.array_equal(window.ids, inverted.ids)
    assert window.is_image.tolist() == [True] + [False] * (window.shape[0] - 1)
    with pytest.raises(ValueError, match="expected the same"):
        mapped_tokens(clip, lambda pixels: pixels[:1], tokenizer, depth)


@pytest.fixture(scope="module")
def transformers():
    pytest.importorskip("transformers", reason="needs transformers: pip install 'mgv[text]'")
    return import_transformers("this test")


def save_random_t5(transformers, folder: Path) -> None:
    """A T5 that knows three words, its embeddings 16 wide."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "cat": 4, "runs": 5}
    splitter = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    splitter.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=splitter, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    config = transformers.T5Config(vocab_size=6, d_model=16, d_kv=4, d_ff=32, num_layers=1, num_heads=2)
    transformers.T5EncoderModel(config).save_pretrained(folder)


def save_random_prefix_lm(config: PrefixConfig, folder: Path) -> Path:
    card = {
        "kind": "prefix-lm",
        "generator": config.to_dict(),
        "tokenizer": "x",
        "tokenizer_sha256": "0" * 64,
    }
    save_generator(PrefixLM(config), folder, card)
    return folder


def test_a_prompt_without_an_encoder_is_a_missing_tool(config, tmp_path) -> None:
    folder = save_random_prefix_lm(config, tmp_path / "model")
    with pytest.raises(MissingToolError):
        load_for_text(folder, "a cat", tmp_path / "nowhere")


@pytest.mark.slow
def test_a_prompt_conditions_a_filler_whose_model_reads_that_encoder(transformers, config, tmp_path) -> None:
    save_random_t5(transformers, tmp_path)
    fitting = save_random_prefix_lm(replace(config, text_width=16), tmp_path / "fitting")
    filler = load_for_text(fitting, "a cat runs", tmp_path)
    assert np.array_equal(filler.text, T5TextEncoder(tmp_path)("a cat runs"))
    other = save_random_prefix_lm(config, tmp_path / "other")
    with pytest.raises(WeightsError, match=r"of width 6, .* gives 16"):
        load_for_text(other, "a cat runs", tmp_path)


@pytest.mark.slow
def test_a_t5_of_random_weights_embeds(transformers, tmp_path) -> None:
    save_random_t5(transformers, tmp_path)
    encoder = T5TextEncoder(tmp_path)
    assert encoder.width == 16
    embeddings = encoder("a cat runs")
    assert embeddings.shape == (3, 16)
    assert embeddings.dtype == np.float32
    assert not np.allclose(embeddings, encoder("cat a runs"))
    assert encoder("cat " * 100).shape == (MAX_TEXT, 16)


@pytest.mark.slow
def test_an_encodec_of_random_weights_goes_there_and_back(transformers, tmp_path) -> None:
    config = transformers.EncodecConfig(
        num_filters=4, hidden_size=8, codebook_dim=8, num_lstm_layers=1, num_residual_layers=1
    )
    transformers.EncodecModel(config).save_pretrained(tmp_path / "24khz")
    tokenizer = EncodecTokenizer(tmp_path / "24khz")
    assert (tokenizer.sampling_rate, tokenizer.steps_per_second) == (24_000, 75)
    waveform = np.random.default_rng(0).normal(size=24_000).astype(np.float32)
    audio = tokenizer.encode(waveform)
    assert audio.codes.shape == (4, 75)
    assert (audio.codes.dtype, audio.codes.max() < 1024) == (np.int64, True)
    assert tokenizer.decode(audio).shape == (24_000,)


@pytest.mark.slow
def test_an_encodec_of_two_channels_is_refused(transformers, tmp_path) -> None:
    config = transformers.EncodecConfig(
        num_filters=4, hidden_size=8, codebook_dim=8, num_lstm_layers=1, audio_channels=2
    )
    transformers.EncodecModel(config).save_pretrained(tmp_path)
    with pytest.raises(MissingToolError, match="take the one for 24 kHz"):
        EncodecTokenizer(tmp_path)
