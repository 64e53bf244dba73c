"""Threads for the pipelines: each stage runs ahead of the next one, through a bounded queue."""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")


class _AbandonedError(Exception):
    """Nobody wants what the waiting stage makes any more; never leaves this file."""


class _Channel(Generic[Item]):
    """A bounded queue between one producer thread and one consumer, which either side can end."""

    def __init__(self, depth: int) -> None:
        self._items: deque[Item] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._finished = False
        self._abandoned = False
        self._error: BaseException | None = None

    def push(self, item: Item) -> None:
        """Wait for room and hand `item` over."""
        with self._changed:
            self._changed.wait_for(lambda: self._abandoned or len(self._items) < self._depth)
            if self._abandoned:
                raise _AbandonedError
            self._items.append(item)
            self._changed.notify_all()

    def pull(self) -> Iterator[Item]:
        """Yield what is pushed, in order; then raise what ended the producer, if anything did."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._abandoned or self._finished or bool(self._items))
                if self._abandoned:
                    raise _AbandonedError
                if not self._items:
                    if self._error is not None:
                        raise self._error
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def finish(self, error: BaseException | None) -> None:
        """Say that nothing more comes, and why if it ended by an exception."""
        with self._changed:
            self._finished, self._error = True, error
            self._changed.notify_all()

    @property
    def is_abandoned(self) -> bool:
        """Whether nothing more is wanted."""
        return self._abandoned

    def abandon(self) -> None:
        """Say that nothing more is wanted: both sides stop waiting."""
        with self._changed:
            self._abandoned = True
            self._items.clear()
            self._changed.notify_all()


_at_work = threading.local()


def stop_if_unwanted() -> None:
    """End the stage whose thread this is, if nobody wants what it makes any more; for stages that are long at an item.

    Elsewhere it does nothing.
    """
    channel: _Channel[object] | None = getattr(_at_work, "channel", None)
    if channel is not None and channel.is_abandoned:
        raise _AbandonedError


class Pipeline:
    """A chain of stages in threads; leaving the `with` block stops and joins them all.

    So whatever the stages use (a decoder, a file) may be closed after the block, and an exception or Ctrl-C
    in the block ends the stages at their next item, or where they call `stop_if_unwanted`.
    """

    def __init__(self) -> None:
        self._channels: list[_Channel[object]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for channel in self._channels:
            channel.abandon()
        for thread in self._threads:
            thread.join()

    def run_ahead(self, items: Iterable[Item], depth: int, name: str) -> Iterator[Item]:
        """Iterate over `items` in a thread of its own, at most `depth` items ahead of the consumer.

        Args:
            items: any iterable, perhaps one that reads from an earlier stage; only the thread touches it.
            depth: items held in the queue, at least 1; the thread has one more in its hand.
            name: of the thread, for debuggers.

        Returns:
            The same items. An exception of `items` is raised there, after the items before it.
        """
        if depth < 1:
            raise ValueError(f"depth is {depth}, expected at least 1")
        channel: _Channel[Item] = _Channel(depth)
        thread = threading.Thread(target=_produce, args=(items, channel), name=name, daemon=True)
        self._channels.append(channel)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
        return channel.pull()


def _produce(items: Iterable[Item], channel: _Channel[Item]) -> None:
    error: BaseException | None = None
    _at_work.channel = channel
    try:
        for item in items:
            channel.push(item)
    except _AbandonedError:
        pass
    except BaseException as caught:  # noqa: BLE001 - whatever it is belongs to the consumer
        error = caught
    if isinstance(items, Generator):
        try:
            items.close()
        except BaseException as caught:  # noqa: BLE001 - likewise
            error = error or caught
    channel.finish(error)
