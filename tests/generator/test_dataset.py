import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.generator.dataset import SIDECAR, TokenFolders
from mgv.generator.errors import DataError
from mgv.tokenizer import Tokenizer, WeightsError, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_model)


@pytest.fixture(scope="module")
def folders(token_folder: Path, tokenizer: Tokenizer) -> TokenFolders:
    return TokenFolders([token_folder], tokenizer)


def test_all_files_below_are_found_with_their_sizes(folders: TokenFolders) -> None:
    assert [file.path.name for file in folders.files] == ["b.mgv", "still__a.mgv"]
    assert [file.segment_latents for file in folders.files] == [(17, 4), (21,)]
    assert [file.grid for file in folders.files] == [(6, 8), (6, 8)]


def test_a_label_is_what_stands_before_the_underscores(folders: TokenFolders) -> None:
    assert [file.label for file in folders.files] == [None, "still"]
    assert folders.labels == ("still",)


def test_a_window_holds_the_tokens_of_the_file(folders: TokenFolders, tokenizer: Tokenizer) -> None:
    window = folders.read(0, 15, 1, 2, (4, 3, 5))
    with mgv.open(folders.files[0].path, model=tokenizer) as video:
        whole = np.concatenate([video.tokens(0).ids[0].numpy(), video.tokens(1).ids[0].numpy()])
    assert np.array_equal(window.ids, whole[15:19, 1:4, 2:7])
    assert window.is_image.tolist() == [False, False, True, False]
    assert window.bit_depth == 20


def test_windows_that_fit_no_file_are_not_usable(folders: TokenFolders) -> None:
    assert folders.usable((21, 6, 8)) == [0, 1]
    assert folders.usable((22, 6, 8)) == []
    assert folders.usable((1, 7, 8)) == []


def test_no_more_is_held_than_was_allowed(token_folder: Path, tokenizer: Tokenizer) -> None:
    room = 21 * 6 * 8 * 8
    small = TokenFolders([token_folder], tokenizer, cache_bytes=room)
    expected = TokenFolders([token_folder], tokenizer)
    for number, start in ((0, 0), (1, 18), (0, 18), (1, 0), (0, 0)):
        read = small.read(number, start, 0, 0, (2, 6, 8)).ids
        assert np.array_equal(read, expected.read(number, start, 0, 0, (2, 6, 8)).ids)
        assert sum(ids.nbytes for ids, _ in small._cache.values()) <= room


def copy_of(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target))


def test_a_sidecar_names_labels_and_captions(
    token_folder: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = copy_of(token_folder, tmp_path / "copy")
    (folder / SIDECAR).write_text(json.dumps({"deeper/b.mgv": {"label": "waves", "caption": "waves go by"}}))
    found = TokenFolders([folder], tokenizer)
    assert [(file.label, file.caption) for file in found.files] == [("waves", "waves go by"), ("still", None)]


@pytest.mark.parametrize("text", ["{", "[]", '{"a.mgv": "cat"}', '{"a.mgv": {"class": "cat"}}'])
def test_a_bad_sidecar_is_named(token_folder: Path, tokenizer: Tokenizer, tmp_path: Path, text: str) -> None:
    folder = copy_of(token_folder, tmp_path / "copy")
    (folder / SIDECAR).write_text(text)
    with pytest.raises(DataError, match=SIDECAR):
        TokenFolders([folder], tokenizer)


def test_a_missing_folder_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        TokenFolders([tmp_path / "nowhere"], tokenizer)


def test_a_folder_without_files_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.mgv file"):
        TokenFolders([tmp_path], tokenizer)


def test_files_of_another_tokenizer_are_refused(token_folder: Path) -> None:
    with pytest.raises(WeightsError, match="made with the weights tiny"):
        TokenFolders([token_folder], load_tokenizer("mgv-s"))


def test_of_a_cut_file_the_whole_segments_are_used(
    token_folder: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    data = (token_folder / "deeper" / "b.mgv").read_bytes()
    (tmp_path / "cut.mgv").write_bytes(data[:-300])
    assert [file.segment_latents for file in TokenFolders([tmp_path], tokenizer).files] == [(17,)]
    (tmp_path / "cut.mgv").write_bytes(data[:300])
    with pytest.raises(DataError, match=r"cut\.mgv: holds no whole segment"):
        TokenFolders([tmp_path], tokenizer)


def test_a_file_that_is_no_mgv_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "text.mgv").write_text("no")
    with pytest.raises(mgv.FormatError):
        TokenFolders([tmp_path], tokenizer)
