"""A model file that would open the files its rows name is refused."""

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from modelregistry.formats.runtime import FormatError
from modelregistry.formats.skops_format import load_estimator, save_estimator


@pytest.mark.parametrize("kind", ["filename", "file"])
def test_a_vectoriser_that_reads_files_is_refused(kind: str) -> None:
    words = CountVectorizer().fit(["aa bb", "bb cc"])
    model = LogisticRegression().fit(words.transform(["aa", "bb"]), [0, 1])
    words.input = kind
    with pytest.raises(FormatError, match="reads files"):
        load_estimator(save_estimator(Pipeline([("words", words), ("model", model)])))
