"""Plain Python functions that kernels of the tests call, in a module of their own and without a decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

clamp_to = lambda x, limit=5: x if x < limit else limit  # noqa: E731 - a lambda at the top of a module


def first_multiple(x, most):
    for k in range(10):
        if x * k > most:
            return k
    return -5


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def power(x, n):
    if n == 0:
        return 1
    return x * power(x, n - 1)


def find(A, start, n):
    for r in range(n):
        for c in range(n):
            if A[start + r] + A[c] > 9:
                return r * 10 + c
    return -1


def find_pair(x, n):
    for k in range(n):
        if x * k > 10:
            return k, x
    return -1, 0


def reduce_by_three(x):
    while True:
        if x <= 0:
            return x
        x = x - 3


def store_small(i, Out, x):
    if x > 2:
        return
    Out[i] = x


def log_calls(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) + 1

    return wrapper


@log_calls
def logged(x):
    if x > 1:
        return x
    return -x


@functools.lru_cache
def cached(n):
    return n * 2


class Scale:
    """Methods of every kind."""

    def __init__(self, factor):
        self.factor = factor if factor > 0 else -factor
        self.__secret = 7

    def of(self, x):
        if x > self.factor:
            return x - self.factor
        return x * self.factor

    def __call__(self, x):
        if x > 3:
            return 1
        else:
            return 2

    @staticmethod
    def positive(x):
        return x if x > 0 else 0

    @classmethod
    def triple(cls, x):
        return cls.positive(x) * 3

    def hidden(self, x):
        if x > self.__secret:
            return 1
        return self.__secret
