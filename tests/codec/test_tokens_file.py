"""Tokens as `.npz`: what a wrong archive is answered with."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.codec import OptionError, export_tokens, import_tokens
from mgv.container import FormatError
from mgv.tokenizer import WeightsError

ClipMaker = Callable[..., Path]
Arrays = dict[str, np.ndarray]


@pytest.fixture
def arrays(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> Arrays:
    """What `export_tokens` writes for 5 frames."""
    coded, archive = tmp_path / "in.mgv", tmp_path / "in.npz"
    mgv.encode(make_clip(num_frames=5), coded, model=tiny_model, coder="raw")
    report = export_tokens(coded, archive, model=tiny_model)
    assert (report.num_segments, report.num_frames, report.warnings) == (1, 5, ())
    with np.load(archive) as loaded:
        return dict(loaded)


def without(name: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.pop(name, None)


def without_all(arrays: Arrays) -> None:
    for name in ("ids_0", "pts_0", "bit_depth_0"):
        del arrays[name]


def changed(name: str, value: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name] = value(arrays[name])

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("header"), "'header' is missing"),
        (without("pts_0"), "'pts_0' is missing"),
        (without("bit_depth_0"), "'bit_depth_0' is missing"),
        (changed("header", lambda _: np.array("{}")), "not what `mgv tokens` writes"),
        (changed("header", lambda _: np.array("[")), "not what `mgv tokens` writes"),
        (changed("header", lambda a: np.array(str(a).replace('"1/1000"', '"0"'))), "time_base"),
        (changed("header", lambda a: np.array(str(a).replace('"1/1000"', '"1e999999999"'))), "not what"),
        (changed("header", lambda a: np.array(str(a).replace('"1/1000"', "7"))), "not what"),
        (changed("header", lambda _: np.array("[" * 99999)), "not what"),
        (changed("ids_0", lambda a: a + (1 << 20)), "ids of 20 bits"),
        (changed("ids_0", lambda a: -a - 1), "ids of 20 bits"),
        (changed("ids_0", lambda a: a[0]), r"expected ids \[t, h, w\]"),
        (changed("ids_0", lambda a: a[:, :1]), "latent_shape|token grid"),
        (changed("bit_depth_0", lambda a: a - 1), "bit depth is 19"),
        (changed("pts_0", lambda a: a[::-1].copy()), "rise|last_duration"),
        (changed("bit_depth_0", lambda _: np.array("x")), "whole numbers"),
        (changed("ids_0", lambda a: a.astype(np.float64)), "whole numbers"),
        (without("ids_0"), "segment 0 is missing"),
        (without_all, "segment 0 is missing"),
        (lambda arrays: arrays.update(pts_2=arrays["pts_0"]), "segment 1 is missing"),
    ],
)
def test_a_wrong_archive_is_refused(
    change: Callable[[Arrays], None], message: str, arrays: Arrays, tiny_model: Path, tmp_path: Path
) -> None:
    change(arrays)
    np.savez(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(FormatError, match=message):
        import_tokens(tmp_path / "wrong.npz", tmp_path / "out.mgv", model=tiny_model)
    assert not list(tmp_path.glob("out.mgv*"))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"], ids=["empty", "text", "cut"])
def test_what_is_no_archive_is_refused(content: bytes, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.npz").write_bytes(content)
    with pytest.raises(FormatError, match=r"no \.npz file"):
        import_tokens(tmp_path / "wrong.npz", tmp_path / "out.mgv", model=tiny_model)


def test_damage_inside_of_an_archive_is_refused(arrays: Arrays, tiny_model: Path, tmp_path: Path) -> None:
    arrays["more"] = arrays["ids_0"].repeat(9999)  # so long that its header is read before its CRC
    arrays = {name: arrays[name] for name in ("more", *arrays)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "whole.npz", **{"ids_0": arrays["more"], "header": arrays["header"]})
        data = (tmp_path / "whole.npz").read_bytes()
        directory = data.index(b"PK\x01\x02")
        for place in (*range(30, 200), *range(directory, len(data))):
            for bit in range(8):
                wrong = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
                (tmp_path / "wrong.npz").write_bytes(wrong)
                with pytest.raises((FormatError, WeightsError)):
                    import_tokens(tmp_path / "wrong.npz", tmp_path / "out.mgv", model=tiny_model, force=True)


def test_latents_that_do_not_fit_the_frames_are_no_frames_lost(
    arrays: Arrays, tiny_model: Path, tmp_path: Path
) -> None:
    """Eight frames of two latent ones, as of a tokenizer that takes the first with others: five were decoded."""
    arrays["pts_0"] = np.arange(9, dtype=np.int64) * 40
    np.savez(tmp_path / "in.npz", **arrays)
    import_tokens(tmp_path / "in.npz", tmp_path / "out.mgv", model=tiny_model, coder="raw")
    with pytest.raises(
        FormatError, match=r"segment at frame 0 \(0\.00 s\): 2 latent frames for 8 frames.*makes 3"
    ):
        mgv.decode(tmp_path / "out.mgv", tmp_path / "out.y4m", model=tiny_model)
    assert not list(tmp_path.glob("out.y4m*"))


def test_there_is_no_such_coder(arrays: Arrays, tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="coder is 'morse'"):
        import_tokens(tmp_path / "in.npz", tmp_path / "out.mgv", model=tiny_model, coder="morse")
