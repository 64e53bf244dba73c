"""Random damage under CRCs that fit: nothing but FormatError comes out, whatever is read in whatever way.

`tests/fuzz` has what is done with the files; its tests and its fuzz target begin with files that hold real tokens.
"""

from fuzz.exercise import Exerciser
from hypothesis import given, settings
from hypothesis import strategies as st

changes = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 200), st.integers(0, 3), st.binary(max_size=9)),
    min_size=1,
    max_size=3,
)


def is_whole_after_all(data):
    """Read a file in every way, and tell whether it has no fault."""
    exerciser = Exerciser()
    exerciser.run(data)
    return exerciser.num_whole == 1


def test_the_golden_file_is_whole(golden):
    assert is_whole_after_all(golden)


@settings(max_examples=150)
@given(changes)
def test_changed_payloads(files, golden, edits):
    chunks = files.split(golden)
    for number, place, num_lost, added in edits:
        payload = chunks[number].payload
        place %= len(payload) + 1
        payload = payload[:place] + added + payload[place + num_lost :]
        chunks[number] = chunks[number]._replace(payload=payload)
    is_whole_after_all(files.join(chunks))


@settings(max_examples=50)
@given(st.lists(st.integers(0, 9), max_size=14))
def test_chunks_shuffled(files, golden, order):
    chunks = files.split(golden)
    is_whole = is_whole_after_all(files.join([chunks[number] for number in order]))
    assert not is_whole or order == list(range(10))


@settings(max_examples=50)
@given(st.binary(max_size=300), st.booleans())
def test_random_bytes(files, data, has_signature):
    assert not is_whole_after_all(files.SIGNATURE * has_signature + data)
