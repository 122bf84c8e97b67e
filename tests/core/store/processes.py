"""Doing something in several processes at once, as sessions of a master do."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any


def in_processes(number: int, work: Callable[..., Any], *arguments: object) -> list[Any]:
    """What `work` returns in each of these processes, which get their number as its first argument and start together.

    They must open stores of their own.
    """
    ready, start = os.pipe()
    children = [_started(ready, start, work, index, *arguments) for index in range(number)]
    os.close(ready)
    os.close(start)  # all wait for this end of file
    results = []
    for process, answers in children:
        with os.fdopen(answers, "rb") as stream:
            answer = stream.read()
        os.waitpid(process, 0)
        assert answer, "the process has died"
        well, result = pickle.loads(answer)
        assert well, result
        results.append(result)
    return results


def _started(ready: int, start: int, work: Callable[..., Any], *arguments: object) -> tuple[int, int]:
    answers, told = os.pipe()
    process = os.fork()
    if process:
        os.close(told)
        return process, answers
    os.close(start)
    os.read(ready, 1)
    try:
        answer = (True, work(*arguments))
    except BaseException:
        answer = (False, traceback.format_exc())
    with os.fdopen(told, "wb") as stream:
        stream.write(pickle.dumps(answer))
    os._exit(0)
