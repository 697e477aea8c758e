"""Processes that work: results, errors, deaths, and that nothing is left of them."""

import json
import math
import os
import signal
from collections import deque
from itertools import count, islice

import pytest

from graders.workers import Failed, Processes, Task, WorkerDied, work_off


@pytest.fixture
def crew():
    crew = Processes(2)
    yield crew
    crew.close()


def all_of(crew, tasks):
    """The results, by what the task is about."""
    results = {}
    work_off(crew, iter(tasks), lambda task, result: results.update({task.about: result}))
    return results


def test_every_task_has_its_result(crew):
    results = all_of(crew, (Task(math.sqrt, n * n, n) for n in range(50)))
    assert results == {n: float(n) for n in range(50)}


def test_what_a_task_raises_is_its_result(crew):
    results = all_of(crew, [Task(json.loads, "[", "bad"), Task(json.loads, "[]", "good")])
    assert results["good"] == [] and isinstance(results["bad"], Failed)
    assert isinstance(results["bad"].error, json.JSONDecodeError)


def test_what_cannot_be_sent_back_is_an_error_too(crew):
    results = all_of(crew, [Task(memoryview, b"a view", "view"), Task(len, "four", "len")])
    assert results["len"] == 4 and "pickle" in str(results["view"].error)


def test_a_task_that_ends_its_process_is_tried_once_more_and_costs_no_other(crew):
    tasks = [Task(math.sqrt, n * n, n) for n in range(20)]
    tasks.insert(5, Task(os._exit, 3, "deadly"))
    results = all_of(crew, tasks)
    assert isinstance(results["deadly"].error, WorkerDied) and tasks[5].tries == 2
    assert {n: results[n] for n in range(20)} == {n: float(n) for n in range(20)}


@pytest.mark.parametrize("which", [0, 1])
def test_a_process_that_is_killed_from_outside_loses_nothing(crew, which):
    """Killed while it waits or while it works: the task in its hands, if any, is done by another one."""

    def then_kill(task, result):
        results[task.about] = result
        if len(results) == 3:
            worker = crew._workers[which]
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.join()  # not seen by the crew, which has still to find out
            killed.append(worker)

    results, killed = {}, []
    work_off(crew, (Task(math.sqrt, n * n, n) for n in range(30)), then_kill)
    assert results == {n: float(n) for n in range(30)}
    assert len(killed) == 1 and killed[0] not in crew._workers


def test_tasks_are_taken_as_they_are_needed(crew):
    """A class of a hundred thousand is never in memory all at once."""
    taken = []

    def endless():
        for number in count():
            taken.append(number)
            yield Task(abs, -number, number)

    done = []
    work_off(crew, islice(endless(), 100), lambda task, result: done.append(len(taken)))
    assert all(ahead - behind <= crew.room + 1 for behind, ahead in enumerate(done))


class InOrder:
    """A crew that does one task after the other, in the order in which it got them."""

    room, elsewhere = 4, False

    def __init__(self):
        self.waiting = deque()

    def submit(self, task):
        self.waiting.append(task)

    def next(self):
        task = self.waiting.popleft()
        return task, task.function(task.argument)

    def close(self):
        pass


def test_what_follows_from_a_task_comes_before_new_ones():
    order = []

    def done(task, result):
        order.append(task.about)
        return [Task(abs, -1, ("follows", task.about))] if task.about in (0, 7) else None

    work_off(InOrder(), iter([Task(abs, n, n) for n in range(12)]), done)
    # four are under way when 0 is done; what follows from it is the next to be handed over
    assert order[:6] == [0, 1, 2, 3, ("follows", 0), 4]
    assert order[-4:] == [9, 10, ("follows", 7), 11] and len(order) == 14


def test_nothing_is_left_when_it_is_closed():
    crew = Processes(2)
    assert all_of(crew, [Task(abs, -1, 1), Task(abs, -2, 2)]) == {1: 1, 2: 2}
    processes = [worker.process for worker in crew._workers]
    assert processes and all(process.is_alive() for process in processes)
    crew.close()
    assert not any(process.is_alive() for process in processes)


def test_a_process_is_replaced_after_so_many_tasks(crew, monkeypatch):
    monkeypatch.setattr("graders.workers.JOBS", 3)
    seen = set()

    def done(task, result):
        seen.update(worker.process.pid for worker in crew._workers)

    work_off(crew, (Task(abs, -n, n) for n in range(20)), done)
    assert len(seen) >= 6


def test_a_crew_that_was_given_nothing_says_so(crew):
    with pytest.raises(LookupError):
        crew.next()
