"""Pixels <-> tokens: networks, quantizers, losses, training, presets and weights."""

from .config import MagvitNetwork, MgvSNetwork, TokenizerConfig
from .errors import ShardError, WeightsError
from .latent_search import MAX_SEARCH_STEPS, LatentSearch
from .model import Tokenizer, Tokens
from .presets import PRESETS
from .stream import DecoderStream, EncoderStream
from .weights import DEFAULT_MODEL, list_models, load_tokenizer, model_folder, read_card, save_tokenizer

__all__ = [
    "DEFAULT_MODEL",
    "MAX_SEARCH_STEPS",
    "PRESETS",
    "DecoderStream",
    "EncoderStream",
    "LatentSearch",
    "MagvitNetwork",
    "MgvSNetwork",
    "ShardError",
    "Tokenizer",
    "TokenizerConfig",
    "Tokens",
    "WeightsError",
    "list_models",
    "load_tokenizer",
    "model_folder",
    "read_card",
    "save_tokenizer",
]
