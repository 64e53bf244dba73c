"""Opening the models a file needs, tokenizer and entropy coder, checked against the hashes in its header."""

from os import PathLike, fspath
from pathlib import Path

from ..container import NO_HASH, Header, VersionError
from ..tokenizer import Tokenizer, WeightsError, list_models, load_tokenizer
from ..tokenizer.decoder_engine import ENGINE_NAMES, DecoderEngine, EngineName, open_engine
from .entropy import CODER_NAMES, LayerCoder, get_coder
from .options import OptionError

PARAMETERS_FILE = "{coder}.safetensors"
"""In the tokenizer's folder: trained start state of an entropy coder."""

SHORT_HASH = 16
"""Hexadecimal digits of a hash that messages show."""

ModelName = str | PathLike[str] | Tokenizer
"""A tokenizer's name, its folder, or the tokenizer itself."""


def open_tokenizer(model: ModelName) -> Tokenizer:
    """Give the tokenizer of that name or folder; one that is open already is given back."""
    return model if isinstance(model, Tokenizer) else load_tokenizer(fspath(model))


def check_streams(tokenizer: Tokenizer) -> None:
    """Refuse tokenizers that take a whole clip at once: they can't code video as it comes.

    Raises:
        OptionError: it is of another kind than `mgv-s`.
    """
    if tokenizer.config.kind != "mgv-s":
        raise OptionError(
            f"a {tokenizer.config.kind} tokenizer takes a clip as a whole; video is coded and decoded as it comes, by "
            "tokenizers of the kind mgv-s"
        )


def open_coder(name: str | None, tokenizer: Tokenizer) -> LayerCoder:
    """Give an entropy coder, with the parameters that the tokenizer's folder has for it, if any.

    Args:
        name: one of `CODER_NAMES`; None for `prior` where one was trained for the tokenizer, else `adaptive`.
        tokenizer: whose tokens are coded.

    Raises:
        OptionError: there is no such coder.
        WeightsError: its parameter file is no good.
    """
    if name is None:
        name = available_coders(tokenizer)[-1]
    if name not in CODER_NAMES:
        raise OptionError(f"coder is {name!r}, expected one of {', '.join(CODER_NAMES)}")
    return _make_coder(name, tokenizer, _parameters_file(name, tokenizer))


def open_decoder_engine(tokenizer: Tokenizer, name: EngineName | None) -> tuple[DecoderEngine, str | None]:
    """Give what runs the tokenizer's decoder, see `open_engine`, and what the user should know of the choice.

    Raises:
        OptionError: there is no engine of that name.
        WeightsError: it was asked for and cannot run.
    """
    if name not in (None, *ENGINE_NAMES):
        raise OptionError(f"engine is {name!r}, expected {' or '.join(ENGINE_NAMES)}")
    return open_engine(tokenizer, name)


def available_coders(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Name the entropy coders that a tokenizer's tokens can be coded with, best last."""
    return CODER_NAMES if _parameters_file("prior", tokenizer) is not None else CODER_NAMES[:-1]


def open_tokenizer_of(header: Header, model: ModelName | None) -> Tokenizer:
    """Give the tokenizer that a file was made with.

    Args:
        header: of the file.
        model: name, folder or tokenizer to take in place of the one the header names; its hash must fit too.

    Raises:
        WeightsError: it is not at hand, or its weights are not those of the file.
    """
    expected = header.tokenizer_sha256.hex()
    if model is None and header.tokenizer not in list_models():  # never a path: the name comes with the file
        raise WeightsError(
            f"the file was made with the weights {_name(header.tokenizer, expected)}, which do not come with mgv; "
            "give their folder with --model"
        )
    tokenizer = open_tokenizer(header.tokenizer if model is None else model)
    if tokenizer.sha256 != expected:
        raise WeightsError(
            f"the file was made with the weights {_name(header.tokenizer, expected)}, but {_source(model)} "
            f"{_name(tokenizer.config.name, tokenizer.sha256)}; give the folder of the former with --model"
        )
    if tokenizer.config.strides != header.strides or tokenizer.config.bits_per_token != header.bits_per_token:
        raise WeightsError(
            f"the file has strides {header.strides} and {header.bits_per_token} bits a token, "
            f"its tokenizer {tokenizer.config.strides} and {tokenizer.config.bits_per_token}"
        )
    return tokenizer


def open_coder_of(header: Header, tokenizer: Tokenizer) -> LayerCoder:
    """Give the entropy coder that a file was made with.

    Raises:
        VersionError: it is not known here.
        WeightsError: its parameters are not those of the file.
    """
    if header.coder >= len(CODER_NAMES):
        raise VersionError(f"entropy coder {header.coder} is not known to this version of mgv", field="coder")
    name = CODER_NAMES[header.coder]
    parameters = None if header.coder_sha256 == NO_HASH else _parameters_file(name, tokenizer)
    coder = _make_coder(name, tokenizer, parameters)
    if coder.parameters_sha256 != header.coder_sha256:
        raise WeightsError(
            f"the file was coded with the tables {_name(name, header.coder_sha256.hex())}, but the folder of "
            f"{_name(tokenizer.config.name, tokenizer.sha256)} has {_name(name, coder.parameters_sha256.hex())}; "
            "give the folder of the former with --model"
        )
    return coder


def _name(name: str, sha256: str) -> str:
    """Name weights or tables for people: what they are called, and the beginning of their hash."""
    return f"{name} (SHA-256 {'none' if not int(sha256, 16) else sha256[:SHORT_HASH]})"


def _source(model: ModelName | None) -> str:
    return "here that name means" if model is None else "--model gives"


def _parameters_file(coder: str, tokenizer: Tokenizer) -> Path | None:
    if tokenizer.folder is None:
        return None
    path = Path(tokenizer.folder) / PARAMETERS_FILE.format(coder=coder)
    return path if path.is_file() else None


def _make_coder(name: str, tokenizer: Tokenizer, parameters: Path | None) -> LayerCoder:
    try:
        return get_coder(name, tokenizer.config.planes, parameters)
    except ValueError as error:
        raise WeightsError(f"entropy coder {name!r} can't be made: {error}") from error
