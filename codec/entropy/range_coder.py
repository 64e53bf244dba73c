"""Binary range coder: 32-bit range, 16-bit probabilities, carries resolved in the bytes already written.

`encode_bit` and `decode_bit` are the coder itself; `push` and `pull` take whole arrays. All arithmetic is on int64 with
values below 2**49. FORMAT.md states it in words.
"""

import numpy as np
from numpy.typing import NDArray

from ...container import CorruptError
from .compiled import compiled_for, index, inlined

LOW, RANGE, POSITION = 0, 1, 2
"""Places in the state, int64 `[3]`. A decoder keeps its code value in the place of LOW."""

TOP = 1 << 32
BOTTOM = 1 << 24
"""The range is in [BOTTOM, TOP) between bits."""

MAX_BYTES_PER_BIT = 2
NUM_TAIL_BYTES = 4


@compiled_for("void(uint8[::1], int64)")
def carry(out, position):  # type: ignore[no-untyped-def]
    """Add one to the number that the bytes before `position` spell."""
    place = position - 1
    while out[place] == 255:
        out[place] = 0
        place -= 1
    out[place] += 1


@inlined
def push_bit(low, size, position, out, bit, probability):  # type: ignore[no-untyped-def]
    """Push one bit whose probability of being 1 is probability / 65536, in [1, 65535]; inverse: `pull_bit`.

    Returns:
        The state after it: (low, size, position).
    """
    bound = (size * probability) >> 16
    low += 0 if bit else bound
    size = bound if bit else size - bound
    if low >= TOP:
        low -= TOP
        carry(out, position)
    while size < BOTTOM:
        out[index(position)] = low >> 24
        position += 1
        low = (low << 8) & (TOP - 1)
        size <<= 8
    return low, size, position


@inlined
def pull_bit(code, size, position, data, probability):  # type: ignore[no-untyped-def]
    """Pull one bit; zeros follow the last byte of `data`; inverse: `push_bit`.

    Returns:
        (bit, and the state after it: code, size, position).
    """
    bound = (size * probability) >> 16
    bit = 1 if code < bound else 0
    code -= 0 if bit else bound
    size = bound if bit else size - bound
    while size < BOTTOM:
        code = (code << 8) & (TOP - 1)
        if position < data.size:
            code |= np.int64(data[index(position)])
        position += 1
        size <<= 8
    return bit, code, size, position


@compiled_for("void(int64[::1], uint8[::1], uint8[::1], uint16[::1])")
def _push(state, out, bits, probabilities):  # type: ignore[no-untyped-def]
    low, size, position = state[LOW], state[RANGE], state[POSITION]
    for number in range(bits.size):
        low, size, position = push_bit(
            low, size, position, out, np.int64(bits[number]), np.int64(probabilities[number])
        )
    state[LOW], state[RANGE], state[POSITION] = low, size, position


@compiled_for("void(int64[::1], uint8[::1], uint8[::1], uint16[::1])")
def _pull(state, data, bits, probabilities):  # type: ignore[no-untyped-def]
    code, size, position = state[LOW], state[RANGE], state[POSITION]
    for number in range(bits.size):
        bits[number], code, size, position = pull_bit(
            code, size, position, data, np.int64(probabilities[number])
        )
    state[LOW], state[RANGE], state[POSITION] = code, size, position


def new_encoder_state() -> NDArray[np.int64]:
    """Make the state before the first bit: low 0, range 2**32 - 1, no byte written."""
    return np.array([0, TOP - 1, 0], np.int64)


def finish_encoder(state: NDArray[np.int64], out: NDArray[np.uint8]) -> bytes:
    """Write the shortest tail that decodes right, given that zeros follow a payload, and return the payload.

    Args:
        state: as the last `encode_bit` left it.
        out: the bytes written so far, with room for four more.
    """
    low, size, position = (int(word) for word in state)
    for num_bytes in range(NUM_TAIL_BYTES + 1):
        step = 1 << (32 - 8 * num_bytes)
        tail = -(-low // step) * step
        if tail < low + size:
            break
    if tail >= TOP:
        carry(out, position)
    out[position : position + 4] = np.frombuffer((tail % TOP).to_bytes(4, "big"), np.uint8)
    return out[: position + num_bytes].tobytes().rstrip(b"\0")


def new_decoder_state(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Make the state before the first bit: the first four bytes (zeros after the end) as a big-endian code value."""
    code = int.from_bytes(data[:NUM_TAIL_BYTES].tobytes().ljust(NUM_TAIL_BYTES, b"\0"), "big")
    return np.array([code, TOP - 1, NUM_TAIL_BYTES], np.int64)


def finish_decoder(state: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
    """Check, after the last `decode_bit`, that the payload holds no more than what was coded.

    Raises:
        CorruptError: it holds bytes that no bit needed.
    """
    if data.size > state[POSITION]:
        raise CorruptError(
            f"a range-coded payload has {data.size} bytes, expected at most {int(state[POSITION])}, "
            "all that its bits need"
        )


class RangeEncoder:
    """Codes bits under given probabilities; `finish` gives the payload that `RangeDecoder` reads."""

    def __init__(self) -> None:
        self._state = new_encoder_state()
        self._out = np.zeros(1 << 12, np.uint8)

    def push(self, bits: NDArray[np.uint8], probabilities: NDArray[np.uint16]) -> None:
        """Code bits in order; inverse: `RangeDecoder.pull`.

        Args:
            bits: uint8 `[n]`, each 0 or 1.
            probabilities: uint16 `[n]` of a 1, in units of 1/65536, each in [1, 65535].

        Raises:
            ValueError: the lengths differ, or a probability is 0.
        """
        bits, probabilities = np.ascontiguousarray(bits, np.uint8), _checked(probabilities)
        if bits.shape != probabilities.shape:
            raise ValueError(f"got {bits.size} bits and {probabilities.size} probabilities, expected as many")
        needed = int(self._state[POSITION]) + MAX_BYTES_PER_BIT * bits.size + NUM_TAIL_BYTES
        if needed > self._out.size:
            self._out = np.concatenate([self._out, np.zeros(max(needed, self._out.size), np.uint8)])
        _push(self._state, self._out, bits, probabilities)

    def finish(self) -> bytes:
        """Return the payload; the encoder takes no more bits."""
        return finish_encoder(self._state, self._out)


class RangeDecoder:
    """Reads what `RangeEncoder` made. Any bytes decode to some bits; only a check outside can tell right from wrong."""

    def __init__(self, payload: bytes) -> None:
        self._data = np.frombuffer(payload, np.uint8).copy()
        self._state = new_decoder_state(self._data)

    def pull(self, probabilities: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Decode as many bits as there are probabilities; inverse: `RangeEncoder.push`.

        Args:
            probabilities: uint16 `[n]` of a 1, as the encoder had them.

        Returns:
            uint8 `[n]`, each 0 or 1.

        Raises:
            ValueError: a probability is 0.
        """
        probabilities = _checked(probabilities)
        bits = np.empty(probabilities.size, np.uint8)
        _pull(self._state, self._data, bits, probabilities)
        return bits

    def finish(self) -> None:
        """Check that nothing is left.

        Raises:
            CorruptError: the payload holds bytes that no bit needed.
        """
        finish_decoder(self._state, self._data)


def _checked(probabilities: NDArray[np.uint16]) -> NDArray[np.uint16]:
    array = np.ascontiguousarray(probabilities, np.uint16)
    if array.ndim != 1 or (array.size and int(array.min()) < 1):
        raise ValueError("probabilities are one row of numbers in [1, 65535]")
    return array
