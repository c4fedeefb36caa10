"""Classical heads: what tells perceived gender from numbers of a face that a frozen network, or its pixels, give.

features (N, P) and labels -> a scikit-learn estimator -> p_female (M,), and how long both took

The heads are those of table 1 in "ArcFace knows the gender, too!" (Farzaneh 2021, arXiv:2112.10101). Their names are
of presets of MATLAB's Classification Learner, so each is that preset, in scikit-learn's terms:

- features are standardised for support vectors, neighbours and neural networks, as the app does; a discriminant and
  trees are the same without;
- a kernel's scale s divides the features. Here it is sqrt(P) ("medium"; "fine" is a quarter of that), so that
  scikit-learn's gamma is 1/P. The app seeks a scale by heuristics for its linear and polynomial kernels;
- ensembles have 30 learners; boosted trees at most 20 splits and a rate of 0.1; a subspace is half the features.
  Splits of bagged trees, which grow to the end, look at a quarter of the features each, where the app's look at all:
  on 9,800 faces and 512 features that is 50 seconds in the place of 440;
- the app's logistic regression has no penalty, scikit-learn's an L2 penalty of its usual weight, without which it need
  not converge. Neural networks learn by Adam until a tenth of the faces, held back, gains no more (at most 200 epochs),
  where the app goes on by L-BFGS for at most 1,000 steps.

Support vectors give distances, which ``1 / (1 + exp(-d))`` brings into 0..1: that keeps their order and the side of the
border, but says nothing of confidence. Other heads give the probability that scikit-learn states: of neighbours and
trees the share of women among those asked. Where both are equally many, 0.5 counts as a woman, as everywhere here.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from gfpipe import extras
from gfpipe.errors import UsageError

Features = NDArray[np.float32]

_SEED: Final = 0
_LEARNERS: Final = 30
_RATE: Final = 0.1
_SHARE: Final = 0.25


@dataclass(frozen=True)
class Head:
    """One line of the table.

    Attributes:
        name: what users write and read.
        family: of heads that are drawn in one picture.
        make: P features -> an estimator of scikit-learn that was not fitted yet.
        published: the accuracy that the paper states, on Kaggle's gender classification data set; None where we could
            not read it: of the table only its abstract's figure is at hand.
    """

    name: str
    family: str
    make: Callable[[int], Any]
    published: float | None = None


@dataclass(frozen=True)
class Asked:
    """What a head said of M faces.

    Attributes:
        p_female: (M,) in 0..1; NaN where a face had no features.
        fit_seconds: to fit the head; of processor time, which other work on the machine does not lengthen.
        ask_seconds: the same, to ask it about all of them.
    """

    p_female: NDArray[np.float64]
    fit_seconds: float
    ask_seconds: float


def fit_and_ask(head: Head, features: Features, female: NDArray[np.bool_], asked: Features) -> Asked:
    """Fit a head and ask it.

    Args:
        head: which.
        features: (N, P) of the faces to learn from; rows with NaN (no face was found) are left out.
        female: (N,) their labels.
        asked: (M, P) of the faces to ask about; rows with NaN have no answer.

    Raises:
        UsageError: there are not both perceived genders, or not faces enough for the head.
    """
    known, there = (np.isfinite(rows).all(axis=1) for rows in (features, asked))
    if len(np.unique(female[known])) < 2:
        raise UsageError(f"{head.name}: {known.sum()} faces to learn from, not of both perceived genders")
    p_female = np.full(len(asked), np.nan)
    start = time.process_time()
    try:
        estimator = head.make(features.shape[1]).fit(features[known], female[known])
        fitted = time.process_time()
        if there.any():
            p_female[there] = ask(estimator, asked[there])
    except ValueError as exc:  # such as more neighbours than faces
        raise UsageError(f"{head.name} cannot learn from {known.sum()} faces: {exc}") from exc
    return Asked(p_female, fitted - start, time.process_time() - fitted)


def ask(estimator: Any, features: Features) -> NDArray[np.float64]:
    """(M,) p_female of (M, P) finite features, by a fitted estimator."""
    if hasattr(estimator, "predict_proba"):
        p_female = estimator.predict_proba(features)[:, list(estimator.classes_).index(True)]
    else:
        p_female = expit(estimator.decision_function(features))
    return np.asarray(p_female, np.float64)


def named(names: Sequence[str]) -> tuple[Head, ...]:
    """Heads by name, or by a family's; all for none.

    Raises:
        UsageError: there is no such head.
    """
    if unknown := [name for name in names if name not in {*BY_NAME, *FAMILIES}]:
        raise UsageError(
            f"there is no head {unknown[0]!r}: choose from {', '.join(BY_NAME)}, or the families {', '.join(FAMILIES)}"
        )
    return tuple(head for head in HEADS if not names or {head.name, head.family} & set(names))


def _svm(**kernel: Any) -> Any:
    return make_pipeline(StandardScaler(), SVC(**kernel))


def _polynomial(features: int, degree: int) -> Any:
    return _svm(kernel="poly", degree=degree, gamma=1 / features, coef0=1)


def _neighbours(count: int, **how: Any) -> Any:
    return make_pipeline(StandardScaler(), KNeighborsClassifier(count, **how))


def _inverse_square(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of neighbours, of the app's weighted preset; a face met again counts for all others."""
    weights: NDArray[np.float64] = 1 / np.maximum(distances, 1e-6) ** 2
    return weights


def _layers(*sizes: int) -> Any:
    return make_pipeline(StandardScaler(), MLPClassifier(sizes, alpha=0, early_stopping=True, random_state=_SEED))


def _tree(splits: int | None = None, share: float | None = None) -> Any:
    """A tree of so many splits has one leaf more; each split may look at a share of the features, drawn anew."""
    return DecisionTreeClassifier(max_leaf_nodes=splits and splits + 1, max_features=share, random_state=_SEED)


def _subspaces() -> Any:
    """Discriminants that see a random half of the features each (Ho 1998)."""
    discriminant = LinearDiscriminantAnalysis(solver="lsqr")
    return BaggingClassifier(discriminant, _LEARNERS, max_features=0.5, bootstrap=False, random_state=_SEED)


def _bagged() -> Any:
    return BaggingClassifier(_tree(share=_SHARE), _LEARNERS, random_state=_SEED)


def _boosted() -> Any:
    return AdaBoostClassifier(_tree(20), n_estimators=_LEARNERS, learning_rate=_RATE, random_state=_SEED)


def _rus_boosted() -> Any:
    with extras.needed_for("rusboosted-trees"):
        from imblearn.ensemble import RUSBoostClassifier  # noqa: PLC0415 - optional
    return RUSBoostClassifier(_tree(20), n_estimators=_LEARNERS, learning_rate=_RATE, random_state=_SEED)


LOGISTIC: Final = Head("logistic-regression", "linear", lambda _: LogisticRegression(max_iter=2000))
_SVM, _LINEAR, _KNN, _MLP, _ENSEMBLES, _OTHERS = FAMILIES = ("svm", "linear", "knn", "mlp", "ensembles", "bayes-trees")
HEADS: Final = (
    Head("svm-gaussian", _SVM, lambda p: _svm(gamma=1 / p), published=0.964),
    Head("svm-fine-gaussian", _SVM, lambda p: _svm(gamma=16 / p)),
    Head("svm-quadratic", _SVM, lambda p: _polynomial(p, 2)),
    Head("svm-cubic", _SVM, lambda p: _polynomial(p, 3)),
    Head("svm-linear", _SVM, lambda p: _svm(kernel="linear", C=1 / p)),
    LOGISTIC,
    Head("linear-discriminant", _LINEAR, lambda _: LinearDiscriminantAnalysis()),
    Head("knn-cosine-1", _KNN, lambda _: _neighbours(1, metric="cosine")),
    Head("knn-10", _KNN, lambda _: _neighbours(10)),
    Head("knn-weighted-10", _KNN, lambda _: _neighbours(10, weights=_inverse_square)),
    Head("knn-100", _KNN, lambda _: _neighbours(100)),
    Head("mlp-1000", _MLP, lambda _: _layers(1000)),
    Head("mlp-10-10-10", _MLP, lambda _: _layers(10, 10, 10)),
    Head("mlp-10", _MLP, lambda _: _layers(10)),
    Head("mlp-10-10", _MLP, lambda _: _layers(10, 10)),
    Head("mlp-100", _MLP, lambda _: _layers(100)),
    Head("subspace-discriminant", _ENSEMBLES, lambda _: _subspaces()),
    Head("bagged-trees", _ENSEMBLES, lambda _: _bagged()),
    Head("boosted-trees", _ENSEMBLES, lambda _: _boosted()),
    Head("rusboosted-trees", _ENSEMBLES, lambda _: _rus_boosted()),
    Head("naive-bayes", _OTHERS, lambda _: GaussianNB()),
    Head("tree-100", _OTHERS, lambda _: _tree(100)),
    Head("tree-20", _OTHERS, lambda _: _tree(20)),
    Head("tree-4", _OTHERS, lambda _: _tree(4)),
)
BY_NAME: Final = {head.name: head for head in HEADS}
