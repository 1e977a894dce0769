"""The queue: each key once, never by two workers, with a back-off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from oamkit.runtime.queue import WorkQueue


def play(test: Callable[[WorkQueue[str]], Awaitable[None]]) -> None:
    async def main() -> None:
        queue = WorkQueue[str](first_pause=0.02, longest_pause=0.05)
        async with asyncio.timeout(5):
            await test(queue)
        queue.close()

    asyncio.run(main())


def test_a_key_that_waits_is_not_queued_twice() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        queue.add("a")
        queue.add("a")
        assert len(queue) == 1

    play(test)


def test_a_key_that_is_added_while_it_is_worked_on_comes_again_afterwards() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        queue.add("a")
        assert len(queue) == 0
        queue.done("a")
        assert len(queue) == 1

    play(test)


def test_a_failed_key_comes_again_after_a_pause_that_gets_longer() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        loop = asyncio.get_running_loop()
        queue.add("a")
        pauses = []
        for _ in range(4):
            await queue.get()
            since = loop.time()
            queue.done("a", failed=True)
            while not len(queue):  # noqa: ASYNC110 - it is what is tested
                await asyncio.sleep(0.001)
            pauses.append(loop.time() - since)
        assert 0.01 <= pauses[0] < pauses[1]
        assert pauses[3] < 0.2

    play(test)


def test_news_end_the_pause_of_a_failed_key() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        queue.add("a")
        await queue.get()
        queue.done("a", failed=True)
        queue.add("a")
        assert len(queue) == 1

    play(test)


def test_a_key_that_is_forgotten_does_not_come_again() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        queue.add("a")
        await queue.get()
        queue.done("a", failed=True)
        queue.forget("a")
        await asyncio.sleep(0.1)
        assert len(queue) == 0

    play(test)


def test_many_workers_take_each_key_once_and_none_twice_at_a_time() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        working: set[str] = set()
        taken: list[str] = []

        async def work() -> None:
            while True:
                key = await queue.get()
                assert key not in working
                working.add(key)
                await asyncio.sleep(0)
                taken.append(key)
                working.discard(key)
                queue.done(key)

        workers = [asyncio.create_task(work()) for _ in range(5)]
        for number in range(100):
            queue.add(f"k{number % 20}")
            await asyncio.sleep(0)
        while len(queue) or working:  # noqa: ASYNC110 - it is what is tested
            await asyncio.sleep(0)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        assert set(taken) == {f"k{number}" for number in range(20)}

    play(test)


def test_a_cancelled_worker_takes_no_key_with_it() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        waiting.cancel()
        queue.add("a")
        await asyncio.gather(waiting, return_exceptions=True)
        assert await queue.get() == "a"

    play(test)


def test_what_comes_later_comes_once_and_at_once_if_it_is_added_before() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        queue.add_later("a", 60)
        queue.add_later("a", 0.05)
        queue.add_later("b", 60)
        queue.add("b")
        assert await queue.get() == "b"
        assert await queue.get() == "a"
        assert 0.04 < loop.time() - started < 5

    play(test)


def test_at_the_end_no_key_is_given_out_and_those_at_work_are_waited_for() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        queue.add("a")
        queue.add("b")
        assert await queue.get() == "a"
        waiting = asyncio.create_task(queue.get())
        assert await waiting == "b"
        queue.add("c")
        end = asyncio.create_task(queue.finish())
        late = asyncio.create_task(queue.get())
        queue.done("a")
        await asyncio.sleep(0.05)
        assert not end.done()
        queue.done("b")
        await end
        assert not late.done()
        late.cancel()
        await asyncio.gather(late, return_exceptions=True)

    play(test)
