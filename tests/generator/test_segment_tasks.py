"""The ten tasks on files: every segment by itself."""

from collections.abc import Callable

import numpy as np
import pytest
from fakes import CopyingFiller

from mgv.codec import OptionError, SegmentTokens
from mgv.generator.segment_tasks import do_task
from mgv.generator.tasks import TASKS, supervoxels

Edited = Callable[..., bytes]
SegmentsOf = Callable[[bytes], list[SegmentTokens]]


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_gives_stays(
    make_file: Callable[..., bytes],
    edited: Edited,
    segments_of: SegmentsOf,
    filler: CopyingFiller,
    name: str,
) -> None:
    source = make_file((9, 6))
    old, new = segments_of(source), segments_of(edited(source, lambda f, p: do_task(f, p, name)))
    assert {task for _, _, task, _, _ in filler.asked} == {name}
    assert all(not window.is_image[1:].any() for window, *_ in filler.asked)
    assert any(condition.hinted.any() for _, condition, *_ in filler.asked) == (
        name not in ("FP", "CFP", "CG")
    )
    for one, other in zip(old, new, strict=True):
        region = TASKS[name].region(len(one.pts), 45, 62)
        kept, _ = supervoxels(region, (4, 8, 8), starts_with_image=True)
        np.testing.assert_array_equal(one.ids[kept], other.ids[kept])
        assert not np.array_equal(one.ids, other.ids)
        assert one.pts == other.pts


def test_a_segment_that_a_task_gives_wholly_is_copied(
    make_file: Callable[..., bytes], edited: Edited, segments_of: SegmentsOf
) -> None:
    source = make_file((1, 5))
    new = segments_of(edited(source, lambda f, p: do_task(f, p, "FP")))
    np.testing.assert_array_equal(new[0].ids, segments_of(source)[0].ids)


def test_there_are_ten(make_file: Callable[..., bytes], edited: Edited) -> None:
    with pytest.raises(OptionError, match="'XX', expected one of FP, FI"):
        edited(make_file(), lambda f, p: do_task(f, p, "XX"))
