"""What a label would do: closed forms and refits, over sparse rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB

from . import IMPLS, Pair, without_impl
from ._data import text_pool

MODELS = {
    "multinomial": MultinomialNB(alpha=0.1),
    "complement": ComplementNB(),
    "bernoulli": BernoulliNB(),
    "ridge": RidgeClassifier(),
    "newton": LogisticRegression(C=10),
}
NAMES = ["pool", "model", "impl"]
# The reference refits: 5 candidates, 5 classes.
ERROR_PARAMS = [["csr 1000", "csr 5000"], list(MODELS), IMPLS]
CHANGE_PARAMS = [["csr 1000"], ["multinomial"], IMPLS]


def case(pool: str, model: str) -> tuple[Any, ...]:
    X = text_pool(int(pool.split()[1]))
    if model == "newton":
        # The reference solves for all features.
        X = X[:, :1000]
    y = np.arange(200) % 5
    return MODELS[model].fit(X[:200], y), X, X[:200], y


class ExpectedErrorReduction(Pair):
    param_names = NAMES
    params = ERROR_PARAMS

    def prepare(self, pool: str, model: str) -> Any:
        options = {"candidates": np.arange(5), "method": "newton" if model == "newton" else "auto"}
        return "expected_error_reduction", case(pool, model), options

    def time_expected_error_reduction(self, *case: Any) -> None:
        self.run()

    def peakmem_expected_error_reduction(self, *case: Any) -> None:
        self.run()

    @without_impl(ERROR_PARAMS, NAMES)
    def track_speedup_expected_error_reduction(self, *case: Any) -> float:
        return self.speedup()


class ExpectedModelChange(Pair):
    param_names = NAMES
    params = CHANGE_PARAMS

    def prepare(self, pool: str, model: str) -> Any:
        return "expected_model_change", case(pool, model), {"candidates": np.arange(5)}

    def time_expected_model_change(self, *case: Any) -> None:
        self.run()

    def peakmem_expected_model_change(self, *case: Any) -> None:
        self.run()

    @without_impl(CHANGE_PARAMS, NAMES)
    def track_speedup_expected_model_change(self, *case: Any) -> float:
        return self.speedup()
