"""Classical heads: predict perceived gender from features of a frozen network, or from pixels.

features (N, P) and labels -> a scikit-learn estimator -> p_female (M,), and processor times

The heads of table 1 in "ArcFace knows the gender, too!" (Farzaneh 2021, arXiv:2112.10101): presets of MATLAB's
Classification Learner, in scikit-learn's terms:

- Features are standardised for support vectors, neighbours and neural networks.
- A kernel scale s divides the features: s = sqrt(P) ("medium"; "fine" is a quarter of it), so gamma is 1/P. MATLAB
  estimates s heuristically for linear and polynomial kernels.
- Splits of bagged trees consider a quarter of the features, MATLAB's all: on 9,800 faces and 512 features that takes 50
  seconds instead of 440.
- MATLAB's logistic regression has no penalty; scikit-learn's may not converge without its L2 penalty. Neural networks
  use Adam with early stopping on a tenth of the faces (at most 200 epochs), MATLAB's L-BFGS (at most 1,000 steps).

Distances d of support vectors become ``1 / (1 + exp(-d))``, which is not calibrated.
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

from gfpipe.base import extras
from gfpipe.base.arrays import array_dataclass
from gfpipe.errors import UsageError

Features = NDArray[np.float32]

_SEED: Final = 0
_LEARNERS: Final = 30


@dataclass(frozen=True)
class Head:
    """A classical head.

    Attributes:
        family: heads of one family share a figure.
        make: P features -> an unfitted scikit-learn estimator.
        published: accuracy in the paper, on Kaggle's gender classification data set; None where the abstract does not
            state it.
    """

    name: str
    family: str
    make: Callable[[int], Any]
    published: float | None = None


@array_dataclass
class Fitted:
    """Predictions of a fitted head for M faces.

    Attributes:
        p_female: (M,) in [0, 1]; NaN without features.
        fit_seconds: processor time of fitting.
        predict_seconds: processor time of all predictions.
    """

    p_female: NDArray[np.float64]
    fit_seconds: float
    predict_seconds: float


def fit(head: Head, features: Features, female: NDArray[np.bool_], test: Features) -> Fitted:
    """Fit a head and predict the test faces.

    Args:
        head: the head.
        features: (N, P) of the training faces; rows with NaN (no face detected) are left out.
        female: (N,) their labels.
        test: (M, P) of the test faces; rows with NaN have no prediction.

    Raises:
        UsageError: there are too few training faces, or not of both perceived genders.
    """
    known, detected = (np.isfinite(rows).all(axis=1) for rows in (features, test))
    if len(np.unique(female[known])) < 2:
        raise UsageError(f"{head.name}: {known.sum()} faces to learn from, not of both perceived genders")
    p_female = np.full(len(test), np.nan)
    start = time.process_time()
    try:
        estimator = head.make(features.shape[1]).fit(features[known], female[known])
        end = time.process_time()
        if detected.any():
            p_female[detected] = predict(estimator, test[detected])
    except ValueError as exc:  # such as more neighbours than faces
        raise UsageError(f"{head.name} cannot learn from {known.sum()} faces: {exc}") from exc
    return Fitted(p_female, end - start, time.process_time() - end)


def predict(estimator: Any, features: Features) -> NDArray[np.float64]:
    """(M,) p_female of (M, P) finite features, by a fitted estimator."""
    if hasattr(estimator, "predict_proba"):
        p_female = estimator.predict_proba(features)[:, list(estimator.classes_).index(True)]
    else:
        p_female = expit(estimator.decision_function(features))
    return np.asarray(p_female, np.float64)


def named(names: Sequence[str]) -> tuple[Head, ...]:
    """Heads by name or family; all for no name. Raises UsageError for an unknown name."""
    if unknown := [name for name in names if name not in {*BY_NAME, *FAMILIES}]:
        raise UsageError(
            f"there is no head {unknown[0]!r}: choose from {', '.join(BY_NAME)}, or the families {', '.join(FAMILIES)}"
        )
    return tuple(head for head in HEADS if not names or {head.name, head.family} & set(names))


def _svm(**kernel: Any) -> Any:
    return make_pipeline(StandardScaler(), SVC(**kernel))


def _neighbours(count: int, **options: Any) -> Any:
    return make_pipeline(StandardScaler(), KNeighborsClassifier(count, **options))


def _inverse_square(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of MATLAB's weighted preset; an identical neighbour outweighs all others."""
    return np.maximum(distances, 1e-6) ** -2


def _layers(*sizes: int) -> Any:
    return make_pipeline(StandardScaler(), MLPClassifier(sizes, alpha=0, early_stopping=True, random_state=_SEED))


def _tree(splits: int | None = None, share: float | None = None) -> Any:
    """A tree with at most `splits` splits (one leaf more); each considers a random share of the features."""
    return DecisionTreeClassifier(max_leaf_nodes=splits and splits + 1, max_features=share, random_state=_SEED)


def _subspaces() -> Any:
    """Discriminants on a random half of the features each (Ho 1998)."""
    discriminant = LinearDiscriminantAnalysis(solver="lsqr")
    return BaggingClassifier(discriminant, _LEARNERS, max_features=0.5, bootstrap=False, random_state=_SEED)


def _boosted(ensemble: Callable[..., Any] = AdaBoostClassifier) -> Any:
    return ensemble(_tree(20), n_estimators=_LEARNERS, learning_rate=0.1, random_state=_SEED)


def _rus_boosted() -> Any:
    with extras.needed_for("rusboosted-trees"):
        from imblearn.ensemble import RUSBoostClassifier  # noqa: PLC0415 - optional
    return _boosted(RUSBoostClassifier)


LOGISTIC: Final = Head("logistic-regression", "linear", lambda _: LogisticRegression(max_iter=2000))
_SVM, _LINEAR, _KNN, _MLP, _ENSEMBLES, _OTHERS = FAMILIES = ("svm", "linear", "knn", "mlp", "ensembles", "bayes-trees")
HEADS: Final = (
    Head("svm-gaussian", _SVM, lambda p: _svm(gamma=1 / p), published=0.964),
    Head("svm-fine-gaussian", _SVM, lambda p: _svm(gamma=16 / p)),
    Head("svm-quadratic", _SVM, lambda p: _svm(kernel="poly", degree=2, gamma=1 / p, coef0=1)),
    Head("svm-cubic", _SVM, lambda p: _svm(kernel="poly", degree=3, gamma=1 / p, coef0=1)),
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
    Head("bagged-trees", _ENSEMBLES, lambda _: BaggingClassifier(_tree(share=0.25), _LEARNERS, random_state=_SEED)),
    Head("boosted-trees", _ENSEMBLES, lambda _: _boosted()),
    Head("rusboosted-trees", _ENSEMBLES, lambda _: _rus_boosted()),
    Head("naive-bayes", _OTHERS, lambda _: GaussianNB()),
    Head("tree-100", _OTHERS, lambda _: _tree(100)),
    Head("tree-20", _OTHERS, lambda _: _tree(20)),
    Head("tree-4", _OTHERS, lambda _: _tree(4)),
)
BY_NAME: Final = {head.name: head for head in HEADS}
