"""Options of estimators that bring types of their own: what skops saves, our trusted list loads."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import loguniform
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import BisectingKMeans, FeatureAgglomeration, KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 (its import is the switch)
from sklearn.feature_selection import (
    RFECV,
    SelectKBest,
    chi2,
    f_classif,
    f_regression,
    mutual_info_classif,
    mutual_info_regression,
    r_regression,
)
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    RANSACRegressor,
    Ridge,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.metrics import fbeta_score, get_scorer_names, make_scorer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC

from modelregistry.formats.runtime import FormatError
from modelregistry.formats.skops_format import load_estimator, save_estimator

pytestmark = pytest.mark.filterwarnings("ignore")  # what fitting so little says does not matter

CHOSEN = np.random.default_rng(0).permutation(150)[:60]
ROWS, KINDS = (array[CHOSEN] for array in load_iris(return_X_y=True))
POSITIVE, WIDTH = KINDS > 0, ROWS[:, 0]
METRICS = ("manhattan", "chebyshev", "minkowski", "canberra", "braycurtis", "hamming", "cosine")
OF_CLUSTERS = (
    "adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score",
    "fowlkes_mallows_score", "homogeneity_score", "mutual_info_score",
    "normalized_mutual_info_score", "rand_score", "v_measure_score",
)  # fmt: skip
OF_NUMBERS = ("r2", "explained", "neg_mean", "neg_root", "neg_median", "neg_max", "d2_abs")
SPLITS = (
    KFold(3), StratifiedKFold(3, shuffle=True, random_state=0), ShuffleSplit(2),
    StratifiedShuffleSplit(2), TimeSeriesSplit(2), LeaveOneOut(), PredefinedSplit(KINDS),
    RepeatedKFold(n_splits=2, n_repeats=2), RepeatedStratifiedKFold(n_splits=2, n_repeats=2),
)  # fmt: skip


def loads(estimator: BaseEstimator, targets: object = KINDS, rows: object = ROWS) -> None:
    fitted = estimator.fit(rows, targets)
    loaded = load_estimator(save_estimator(fitted))
    answer = "predict" if hasattr(fitted, "predict") else "transform"
    expected, found = getattr(fitted, answer)(rows), getattr(loaded, answer)(rows)
    dense = (each.toarray() if hasattr(each, "toarray") else each for each in (expected, found))
    np.testing.assert_array_equal(*dense)


@pytest.mark.parametrize(
    "estimator",
    [
        *(KNeighborsClassifier(metric=metric) for metric in METRICS),
        KNeighborsClassifier(p=3, metric_params={"w": np.ones(4)}, algorithm="ball_tree"),
        KNeighborsClassifier(
            metric="seuclidean", metric_params={"V": np.ones(4)}, algorithm="ball_tree"
        ),
        LocalOutlierFactor(novelty=True),
        *(MLPClassifier(solver=solver, max_iter=5) for solver in ("sgd", "adam", "lbfgs")),
        *(CalibratedClassifierCV(SVC(), method=how) for how in ("isotonic", "temperature")),
        *(SelectKBest(function, k=2) for function in (chi2, f_classif, mutual_info_classif)),
        *(KMeans(3, algorithm=algorithm) for algorithm in ("lloyd", "elkan")),
        *(BisectingKMeans(3, algorithm=algorithm) for algorithm in ("lloyd", "elkan")),
        *(FeatureAgglomeration(pooling_func=each) for each in (np.mean, np.median, np.max)),
        *(KBinsDiscretizer(strategy=how) for how in ("uniform", "quantile", "kmeans")),
        *(SplineTransformer(extrapolation=how) for how in ("linear", "periodic", "continue")),
        *(GaussianMixture(2, covariance_type=how) for how in ("tied", "diag", "spherical")),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2, dtype=np.float32),
        OrdinalEncoder(dtype=np.int64),
        PowerTransformer(),
        KNNImputer(add_indicator=True),
        IterativeImputer(RandomForestRegressor(3), max_iter=2),
        HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]),
        GradientBoostingClassifier(n_estimators=3, init=LogisticRegression()),
        RandomForestClassifier(3, oob_score=True, random_state=np.random.RandomState(0)),
        RFECV(LogisticRegression(), scoring="accuracy"),
        LogisticRegressionCV(scoring="neg_log_loss", Cs=2),
        ColumnTransformer([("a", StandardScaler(), slice(0, 2))], remainder="passthrough"),
        make_pipeline(FunctionTransformer(np.log1p, inverse_func=np.expm1), LogisticRegression()),
        GaussianProcessClassifier(multi_class="one_vs_one"),
        GridSearchCV(
            LogisticRegression(),
            {"C": [1]},
            scoring=make_scorer(fbeta_score, beta=2, average="macro"),
        ),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_options_of_classifiers_and_transformers(estimator: BaseEstimator) -> None:
    loads(estimator)


@pytest.mark.parametrize(
    "loss", ["hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "huber"]
)
def test_losses_of_stochastic_classifiers(loss: str) -> None:
    loads(SGDClassifier(loss=loss))


@pytest.mark.parametrize(
    "estimator",
    [
        *(
            HistGradientBoostingRegressor(loss=loss, max_iter=3, quantile=0.5)
            for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile")
        ),
        *(
            GradientBoostingRegressor(loss=loss, n_estimators=3)
            for loss in ("squared_error", "absolute_error", "huber", "quantile")
        ),
        *(TweedieRegressor(power=1.5, link=link) for link in ("identity", "log")),
        SGDRegressor(loss="epsilon_insensitive", early_stopping=True),
        MLPRegressor(loss="poisson", max_iter=5),
        RidgeCV(scoring="r2"),
        RANSACRegressor(loss="squared_error"),
        TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
        *(SelectKBest(each, k=2) for each in (f_regression, mutual_info_regression, r_regression)),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_options_of_regressors(estimator: BaseEstimator) -> None:
    loads(estimator, WIDTH)


@pytest.mark.parametrize(
    "kernel",
    [
        kernels.ConstantKernel() * kernels.RBF() + kernels.WhiteKernel(),
        kernels.Matern(),
        kernels.RationalQuadratic(),
        kernels.ExpSineSquared(),
        kernels.DotProduct(),
        kernels.RBF() ** 2,
        kernels.PairwiseKernel(),
    ],
    ids=str,
)
def test_kernels_of_gaussian_processes(kernel: kernels.Kernel) -> None:
    loads(GaussianProcessRegressor(kernel, optimizer=None, alpha=10.0), WIDTH)


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: type(split).__name__)
def test_the_ways_a_search_splits_its_rows(split: object) -> None:
    loads(GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=split))


@pytest.mark.parametrize("scoring", sorted(set(get_scorer_names()) - set(OF_CLUSTERS)))
def test_what_a_search_measures_by(scoring: str) -> None:
    of_numbers = scoring.startswith(OF_NUMBERS)
    model = Ridge() if of_numbers else LogisticRegression()
    targets = WIDTH if of_numbers else POSITIVE.astype(int)
    loads(GridSearchCV(model, {"fit_intercept": [True]}, scoring=scoring, cv=2), targets)


def test_a_threshold_that_was_tuned() -> None:
    loads(TunedThresholdClassifierCV(LogisticRegression(), scoring="f1"), POSITIVE)


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), SVC(), KNeighborsClassifier(), RandomForestClassifier(3)]
)
def test_models_that_were_fitted_on_sparse_rows(estimator: BaseEstimator) -> None:
    loads(estimator, rows=csr_matrix(ROWS))


def test_a_random_search_over_distributions_is_refused_and_its_best_model_is_taken() -> None:
    """Distributions of scipy.stats write code from what they hold, and run it."""
    search = RandomizedSearchCV(LogisticRegression(), {"C": loguniform(0.1, 1)}, n_iter=2)
    fitted = search.fit(ROWS, KINDS)
    with pytest.raises(FormatError, match=r"not trusted: scipy\.stats"):
        load_estimator(save_estimator(fitted))
    load_estimator(save_estimator(fitted.best_estimator_))
