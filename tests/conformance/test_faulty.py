"""Faulty files are refused with the error that their list names: one line, the exit code, no output left."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from conformance.recipes.expected import skip_other_zstd
from conformance.recipes.faulty import faults, list_faults

import mgv
from mgv.container import CorruptError, Damage, FormatError, Reader
from mgv.tokenizer import Tokenizer, WeightsError, load_tokenizer
from mgv.tools import cli

HERE = Path(__file__).parent
Facts = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def tokenizer(model: Path) -> Tokenizer:
    return load_tokenizer(model)


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """The errors that end commands, as they come."""
    seen: list[BaseException] = []
    original = cli.exit_code_of

    def note(error: BaseException) -> int | None:
        seen.append(error)
        return original(error)

    monkeypatch.setattr(cli, "exit_code_of", note)
    return seen


def test_decode_refuses_it(
    faulty: Path,
    expected_of_faulty: Facts,
    errors: list[BaseException],
    model: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    facts = expected_of_faulty[faulty.stem]
    code = cli.run(["decode", str(faulty), str(tmp_path / "out.y4m"), "--model", str(model)])
    out, err = capfd.readouterr()
    (error,) = errors
    assert (type(error).__name__, code) == (facts["error"], facts["exit_code"])
    assert facts["words"] in err
    assert re.fullmatch(r"mgv: error: [^\n]+\n", err)
    assert out == ""
    assert not list(tmp_path.iterdir())


def test_concealing_ends_in_an_error_or_a_report(
    faulty: Path, expected_of_faulty: Facts, tokenizer: Tokenizer
) -> None:
    target = io.BytesIO()
    try:
        report = mgv.decode(io.BytesIO(faulty.read_bytes()), target, model=tokenizer, conceal=True)
    except (FormatError, WeightsError):
        assert b"FRAME" not in target.getvalue()
    else:
        assert report.damage
        assert report.num_frames > 0
        assert expected_of_faulty[faulty.stem]["error"] != "WeightsError"


def test_verify_finds_it(faulty: Path, expected_of_faulty: Facts, capfd: pytest.CaptureFixture[str]) -> None:
    if expected_of_faulty[faulty.stem]["is_found_by_decoding"]:
        return  # which verify does only where the models are at hand
    code = cli.run(["verify", str(faulty)])
    out, err = capfd.readouterr()
    assert code == cli.EXIT_DAMAGED
    assert err.startswith("mgv: error: ")
    assert err.count("\n") == 1
    facts = expected_of_faulty[faulty.stem]
    if facts["error"] != "NotMgvError":  # a signature that verify takes for a damaged one
        assert facts["words"] in out + err


def test_those_that_only_a_decoder_finds_have_their_facts_told(
    faulty: Path, expected_of_faulty: Facts, capfd: pytest.CaptureFixture[str]
) -> None:
    if expected_of_faulty[faulty.stem]["is_found_by_decoding"]:
        assert cli.run(["info", str(faulty)]) == 0
        out, err = capfd.readouterr()
        assert out.startswith(f"{faulty}: {faulty.stat().st_size} bytes, ")
        assert err == ""


def test_a_scan_leaves_out_what_is_wrong(faulty: Path) -> None:
    """Without INDX: a segment of no frames, or of frames that no file can have, made the scan itself fail."""
    damages: list[Damage] = []
    try:
        reader = Reader(io.BytesIO(faulty.read_bytes()[:-1]), damages.append)
    except FormatError:
        return  # there is nothing to be had without HEAD
    entries = reader.index().entries
    assert len(entries) <= 4
    assert [entry.first_frame for entry in entries] == sorted({entry.first_frame for entry in entries})


@pytest.mark.parametrize("name", ["index-points-elsewhere", "index-has-other-times"])
def test_a_segment_that_is_not_where_the_index_says_is_refused(name: str) -> None:
    reader = Reader(io.BytesIO((HERE / "faulty" / f"{name}.mgv").read_bytes()))
    with pytest.raises(CorruptError):
        reader.read_segment(1)
    assert reader.read_segment(2).segment.first_frame == 10


@pytest.mark.parametrize("name", ["index-points-behind-itself", "end-points-behind-itself"])
def test_an_index_that_cannot_be_is_not_believed(name: str) -> None:
    reader = Reader(io.BytesIO((HERE / "faulty" / f"{name}.mgv").read_bytes()))
    sound = Reader(io.BytesIO((HERE / "golden" / "fewer-layers-raw.mgv").read_bytes()))
    assert reader.index() == sound.index()


def test_the_list_is_whole(expected_of_faulty: Facts) -> None:
    names = {path.stem for path in (HERE / "faulty").glob("*.mgv")}
    found = faults(HERE / "golden", only_names=True)
    assert names == set(expected_of_faulty) == set(found)
    assert {name: fault.expected for name, fault in found.items()} == expected_of_faulty
    assert (HERE / "faulty" / "README.md").read_text("utf-8") == list_faults(found)


def test_their_recipes_make_them(expected: Facts) -> None:
    """A field's name had changed, after which the recipe for bytes behind the last duration made a sound file."""
    skip_other_zstd(expected["motion-raw"])
    for name, fault in faults(HERE / "golden").items():
        assert fault.data == (HERE / "faulty" / f"{name}.mgv").read_bytes(), name


def test_every_error_a_file_can_cause_is_there(expected_of_faulty: Facts) -> None:
    classes = {error.__name__ for error in FormatError.__subclasses__()}
    assert {facts["error"] for facts in expected_of_faulty.values()} == classes | {"WeightsError"}
