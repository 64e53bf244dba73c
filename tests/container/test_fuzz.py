"""Random damage under CRCs that fit: nothing but FormatError comes out, whatever is read in whatever way."""

import io
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from mgv.container import FormatError, Reader, repair, verify

changes = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 200), st.integers(0, 3), st.binary(max_size=9)),
    min_size=1,
    max_size=3,
)
FORMAT_ERRORS = (FormatError, IndexError)


def uses(data):
    """Every way to read a file."""
    yield lambda: list(Reader(io.BytesIO(data)).events())
    yield lambda: list(Reader(io.BytesIO(data), list().append).items())
    yield lambda: verify(io.BytesIO(data))
    yield lambda: repair(io.BytesIO(data), io.BytesIO())
    yield lambda: Reader(io.BytesIO(data), list().append).index()
    for segment in range(3):
        yield lambda segment=segment: Reader(io.BytesIO(data), list().append).read_segment(segment)


def only_format_errors(data):
    outcomes = []
    for use in uses(data):
        try:
            outcomes.append(use())
        except FORMAT_ERRORS as error:
            outcomes.append(error)
    return outcomes


@settings(max_examples=150)
@given(changes)
def test_changed_payloads(files, golden, edits):
    chunks = files.split(golden)
    for number, place, num_lost, added in edits:
        payload = chunks[number].payload
        place %= len(payload) + 1
        payload = payload[:place] + added + payload[place + num_lost :]
        chunks[number] = chunks[number]._replace(payload=payload)
    assert only_format_errors(files.join(chunks))


@settings(max_examples=50)
@given(st.lists(st.integers(0, 9), max_size=14))
def test_chunks_shuffled(files, golden, order):
    chunks = files.split(golden)
    outcomes = only_format_errors(files.join([chunks[number] for number in order]))
    if order != list(range(10)):
        assert isinstance(outcomes[0], FormatError)


@settings(max_examples=50)
@given(st.binary(max_size=300), st.booleans())
def test_random_bytes(files, data, has_signature):
    outcomes = only_format_errors(files.SIGNATURE * has_signature + data)
    assert all(isinstance(outcome, FORMAT_ERRORS) for outcome in itertools.islice(outcomes, 4))
