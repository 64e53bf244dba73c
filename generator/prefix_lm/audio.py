"""Waveforms <-> audio codes: what an audio tokenizer is, and EnCodec."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ...codec import MissingToolError
from .elements import AudioCodes
from .transformers_import import import_transformers, require_weights
from .vocabulary import AUDIO_CODES, AUDIO_LEVELS


class AudioTokenizer(Protocol):
    """Residual quantizer of at most `AUDIO_LEVELS` levels of `AUDIO_CODES`; the thesis's is SoundStream (8.3.1)."""

    sampling_rate: int
    """Samples a second."""
    steps_per_second: float

    def encode(self, waveform: NDArray[np.float32]) -> AudioCodes:
        """Take mono samples `[N]` in [-1, 1] to codes. Inverse: `decode`."""

    def decode(self, audio: AudioCodes) -> NDArray[np.float32]:
        """Take codes to mono samples `[N]`. Inverse: `encode`."""


class EncodecTokenizer:
    """The first four levels of an EnCodec that lies on disk: 3 kb/s of the one for 24 kHz."""

    def __init__(self, folder: Path) -> None:
        """Load it.

        Args:
            folder: as transformers' `save_pretrained` leaves it.

        Raises:
            MissingToolError: transformers or the weights are not there, or it is not an EnCodec of one channel.
        """
        transformers = import_transformers("audio by EnCodec")
        require_weights(folder, "EnCodec")
        self._model = transformers.EncodecModel.from_pretrained(folder, local_files_only=True).eval()
        config = self._model.config
        level_kbps = config.frame_rate * np.log2(config.codebook_size) / 1000
        self._bandwidth = float(AUDIO_LEVELS * level_kbps)
        known = any(np.isclose(self._bandwidth, bandwidth) for bandwidth in config.target_bandwidths)
        if config.audio_channels != 1 or config.codebook_size != AUDIO_CODES or not known:
            raise MissingToolError(
                f"{folder}: this EnCodec has no {AUDIO_LEVELS} levels of {AUDIO_CODES} codes for one channel; "
                "take the one for 24 kHz"
            )
        self.sampling_rate: int = config.sampling_rate
        self.steps_per_second: float = float(config.frame_rate)

    @torch.inference_mode()
    def encode(self, waveform: NDArray[np.float32]) -> AudioCodes:
        """Take mono samples `[N]` in [-1, 1] to codes. Inverse: `decode`."""
        encoded = self._model.encode(torch.from_numpy(waveform)[None, None], bandwidth=self._bandwidth)
        return AudioCodes(encoded.audio_codes[0, 0].numpy())

    @torch.inference_mode()
    def decode(self, audio: AudioCodes) -> NDArray[np.float32]:
        """Take codes to mono samples `[N]`. Inverse: `encode`."""
        decoded = self._model.decode(torch.from_numpy(audio.codes)[None, None], [None])
        waveform: NDArray[np.float32] = decoded.audio_values[0, 0].float().numpy()
        return waveform
