"""How much a label is expected to change the model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._linear import ONE_VS_REST, SOFTMAX, Link, huber, proba_of_link
from fastal._loss import LOSSES
from fastal._matrix_rows import MatrixRows
from fastal._threads import over_blocks
from fastal._validation import check_decision, read_only

__all__ = ["expected_gradient_length"]

_BLOCK = 2**14


def expected_gradient_length(
    decision: ArrayLike, X: Any, loss: str = "softmax", fit_intercept: bool = True
) -> NDArray[np.float64]:
    r"""Length of the gradient of a linear model's loss in each row, expected over its label.

    .. math:: \sum_y P(y \mid x)\, \lVert \nabla \ell(x, y) \rVert_2,
        \qquad \nabla_W\, \ell(x, y) = \ell'(d, y)\, [x; 1]^T

    The gradient is an outer product, hence its length is one of d times one of x.  For softmax,

    .. math:: \Bigl(\sum_y p_y \lVert p - e_y \rVert_2\Bigr) \lVert [x; 1] \rVert_2,
        \qquad \lVert p - e_y \rVert^2 = \sum_{k \ne y} p_k^2 + (1 - p_y)^2

    and for two classes and one vector of weights :math:`2 p (1 - p) \lVert [x; 1] \rVert_2`.

    Parameters
    ----------
    decision : array-like of shape (n_samples,) or (n_samples, n_classes)
        What ``decision_function`` of the fitted model gives for the rows of X.
    X : sparse matrix or array-like of shape (n_samples, n_features)
        The rows, as the linear model gets them.
    loss : str, default "softmax"
        "softmax", the log loss of multinomial logistic regression (of two classes: the logistic
        loss); or, for models of one-vs-rest, where class y is 1 for its own decision value f and
        -1 for the others (u = f or -f), "logistic", log(1 + exp(-u)); "hinge", max(0, 1 - u);
        "squared_hinge"; "modified_huber"; "perceptron", max(0, -u); "squared_error", (1 - u)^2.
    fit_intercept : bool, default True
        Whether the intercept is trained as well: the row has a 1 more then.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        At least 0; higher = query first.

    Raises
    ------
    ValueError
        For a wrong shape, a number that is not finite or whose square is not, or an unknown loss.
    TypeError
        If decision or X holds no numbers, or fit_intercept is not True or False.

    See Also
    --------
    query_pool : ``score="expected_gradient_length"`` reads loss and decision values of the model.
    expected_model_change : The change itself, for any classifier, at the price of many fits.

    Notes
    -----
    The gradient is that of the new row's loss alone, in ``coef_`` and ``intercept_``: a model that
    has been fitted to the end is where those of all other rows, and of the penalty, add up to
    zero.  Where the loss has a corner (hinge, perceptron), it is the subgradient that
    scikit-learn's SGD takes.  P(y | x) is what ``predict_proba`` says: the softmax; for "logistic"
    the logistic functions divided by their sum; for "modified_huber" its own.  The other losses
    come with no probabilities, and the softmax (of two classes: the logistic function) of the
    decision values is taken for them, as everywhere in fastal.

    Long rows score higher than short ones: the usual TF-IDF rows all have length 1.

    References
    ----------
    Settles, Craven & Ray (2008), "Multiple-instance active learning", NIPS 20; Settles (2009),
    "Active learning literature survey", section 3.3.

    Examples
    --------
    >>> import fastal
    >>> fastal.expected_gradient_length([0.0, 3.0], [[3.0], [3.0]], fit_intercept=False).round(3)
    array([1.5  , 0.271])
    """
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
    if not isinstance(fit_intercept, (bool, np.bool_)):
        raise TypeError(f"fit_intercept must be True or False, got {fit_intercept!r}")
    values = check_decision(decision)
    X = X if hasattr(X, "tocsr") else np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"X must have shape (n_samples, n_features), got {X.shape}")
    if X.shape[0] != len(values):
        raise ValueError(f"X has {X.shape[0]} rows, but decision has {len(values)}")
    rows = MatrixRows(X, int(X.shape[1]), "X")
    out = np.empty(len(values))

    def block(share: int, start: int, stop: int) -> None:
        lengths = rows.lengths(start, stop, fit_intercept)
        out[start:stop] = gradient_lengths(values[start:stop], lengths, loss)

    over_blocks(block, len(values), _BLOCK, (values.size + rows.n_entries) >> 16)
    bad = np.flatnonzero(~np.isfinite(out))
    if bad.size:
        row = int(bad[0])
        if not np.isfinite(values[row]).all():
            raise ValueError(f"decision must be finite, but row {row} is not")
        rows.explain(row)
    return out


# How probabilities follow from the decision values of more than two classes.
_LINKS: dict[str, Link] = {"logistic": ONE_VS_REST, "modified_huber": huber}


def gradient_lengths(
    decisions: NDArray[np.float64], lengths: NDArray[np.float64], loss: str
) -> NDArray[np.float64]:
    """Expected lengths for a block of decision values and the lengths of its rows [x; 1].

    Not finite where the decision values, or the squares of the rows, are not.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return _in_decisions(decisions, loss) * lengths


def _in_decisions(decisions: NDArray[np.float64], loss: str) -> NDArray[np.float64]:
    """Expected length of the gradient in the decision values (n, C), or (n, 1) of two classes."""
    from fastal import _kernels_gradient

    out = np.empty(len(decisions))
    n_columns = decisions.shape[1]
    if loss == "softmax":
        _kernels_gradient.softmax_gradient(read_only(decisions), out)
        return out
    link = _LINKS.get(loss, SOFTMAX)
    if n_columns == 1 and not callable(link):
        link = SOFTMAX
    proba = proba_of_link(link, decisions, max(2, n_columns))
    code = LOSSES.index(loss) - 1
    scratch = np.empty(n_columns)
    _kernels_gradient.margin_gradient(read_only(decisions), proba, code, scratch, out)
    return out
