"""Threads of the pipelines: order, bounded run-ahead, errors across threads, early end."""

import threading
from collections.abc import Iterator

import pytest

from mgv.codec.pipeline import Pipeline, stop_if_unwanted


def numbers(count: int, seen: list[int] | None = None) -> Iterator[int]:
    for number in range(count):
        if seen is not None:
            seen.append(number)
        yield number


def test_items_arrive_in_order_through_three_stages() -> None:
    with Pipeline() as pipeline:
        first = pipeline.run_ahead(numbers(50), 2, "first")
        second = pipeline.run_ahead((2 * n for n in first), 1, "second")
        third = pipeline.run_ahead((n + 1 for n in second), 3, "third")
        assert list(third) == [2 * n + 1 for n in range(50)]


def test_a_stage_runs_ahead_by_its_depth_and_one_in_its_hand() -> None:
    seen: list[int] = []
    with Pipeline() as pipeline:
        items = pipeline.run_ahead(numbers(100, seen), 2, "stage")
        assert next(items) == 0
        for _ in range(200):
            if len(seen) == 4:
                break
            threading.Event().wait(0.005)
        threading.Event().wait(0.05)
        assert seen == [0, 1, 2, 3]


def test_a_stage_that_is_long_at_an_item_can_stop() -> None:
    ended = threading.Event()

    def never_done() -> Iterator[int]:
        yield 1
        try:
            while True:
                stop_if_unwanted()
        finally:
            ended.set()

    stop_if_unwanted()  # in no stage
    with Pipeline() as pipeline:
        assert next(pipeline.run_ahead(never_done(), 1, "long")) == 1
        assert not ended.is_set()
    assert ended.is_set()


def test_an_error_arrives_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    with Pipeline() as pipeline:
        items = pipeline.run_ahead((n for n in pipeline.run_ahead(failing(), 1, "a")), 1, "b")
        assert next(items) == 1
        with pytest.raises(KeyError, match="broken"):
            next(items)


def test_leaving_early_stops_every_thread_and_closes_the_source() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    with Pipeline() as pipeline:
        first = pipeline.run_ahead(endless(), 1, "first")
        second = pipeline.run_ahead((n for n in first), 1, "second")
        assert next(second) == 0
    assert closed.is_set()
    assert threading.active_count() == before


def test_an_error_of_the_consumer_stops_the_threads() -> None:
    before = threading.active_count()

    def consume() -> None:
        with Pipeline() as pipeline:
            next(pipeline.run_ahead(numbers(10**9), 1, "stage"))
            raise RuntimeError("consumer")

    with pytest.raises(RuntimeError, match="consumer"):
        consume()
    assert threading.active_count() == before


def test_depth_must_be_positive() -> None:
    with Pipeline() as pipeline, pytest.raises(ValueError, match="depth is 0"):
        pipeline.run_ahead([1], 0, "stage")
