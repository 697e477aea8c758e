"""The tasks of every chapter, found by their id.

A chapter's modules are imported when one of its tasks is asked for, so a check in chapter 01 needs
nothing of the chapters after it."""

from __future__ import annotations

import difflib
import importlib

from graders.tasks.base import Task

CHAPTERS = {
    "00": ("ch00_win", "ch00_turns"),
    "01": ("ch01_rank", "ch01_layout"),
    "02": ("ch02_rules", "ch02_broadcast", "ch02_loss"),
    "03": ("ch03_variable", "ch03_slopes", "ch03_gradients"),
    "04": ("ch04_rules", "ch04_walk", "ch04_trust"),
    "05": ("ch05_tracing", "ch05_once"),
    "06": ("ch06_labels", "ch06_cabinet", "ch06_traces"),
    "07": ("ch07_passes", "ch07_kernels"),
    "08": ("ch08_by_hand", "ch08_stability"),
    "09": ("ch09_keras_way", "ch09_updates"),
}


class NoSuchTask(LookupError):
    """The id names no task; the message names the closest one."""


def chapter(number: str) -> tuple[Task, ...]:
    """The tasks of one chapter, in the order of its exercise."""
    if number not in CHAPTERS:
        raise NoSuchTask(f"chapter {number!r} has no tasks; these have: {', '.join(CHAPTERS)}")
    modules = [importlib.import_module(f"graders.tasks.{name}") for name in CHAPTERS[number]]
    return tuple(task for module in modules for task in module.TASKS)


def all_tasks() -> dict[str, Task]:
    """Every task of the course, by id."""
    return {task.id: task for number in CHAPTERS for task in chapter(number)}


def find(task_id: str) -> Task:
    """The task with this id, as "01.rank.shape_of"."""
    number = str(task_id).split(".")[0]
    tasks = {task.id: task for task in chapter(number)} if number in CHAPTERS else {}
    if task_id in tasks:
        return tasks[task_id]
    close = difflib.get_close_matches(str(task_id), tasks or all_tasks(), n=1, cutoff=0)
    raise NoSuchTask(f"no task is called {task_id!r}; did you mean {close[0]!r}?")
