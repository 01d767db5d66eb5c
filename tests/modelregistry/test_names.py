"""Columns that could not be asked for by name are refused at registration, in plain words."""

import pytest

from modelregistry import services
from modelregistry.errors import RefusedFile
from modelregistry.intake.names import check_names
from modelregistry.intake.tables import read_csv
from modelregistry.models import ModelVersion
from tests.modelregistry.onnx_files import doubling
from tests.modelregistry.trained import ROWS, tree_file


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("a,b,a,d", "The columns 1 and 3 have the same name."),
        ("a,b,,d", "The name of column 3 is empty."),
        ('a,b,"""c""",d', "The name of column 3 has a quotation mark, a backslash"),
        ("a,b,c\\d,d", "The name of column 3 has a quotation mark, a backslash"),
        ("a,b,c\x01,d", "The name of column 3 has a quotation mark, a backslash"),
        (f"a,b,{'c' * 201},d", "The name of column 3 has more than 200 characters."),
    ],
)
@pytest.mark.django_db
def test_a_csv_header_with_names_that_cannot_be_asked_by_is_refused(header: str, said: str) -> None:
    lines = [header, *(",".join(map(str, row)) for row in ROWS[:5].tolist())]
    with pytest.raises(RefusedFile) as refused:
        services.register_version(
            model_name="plants",
            data=tree_file(),
            samples=read_csv("\n".join(lines).encode()),
            create_missing=True,
        )
    assert str(refused.value).startswith(said)
    assert not ModelVersion.objects.exists()


@pytest.mark.django_db
def test_an_onnx_file_with_such_names_is_refused() -> None:
    with pytest.raises(RefusedFile, match="The name of input 1 has a quotation mark"):
        services.register_version(
            model_name="m", data=doubling(**{'a"b': ["n", 2]}), create_missing=True
        )
    with pytest.raises(RefusedFile, match="The columns 1 and 3 have the same name"):
        services.register_version(
            model_name="m", data=doubling(A=["n", 2], a=["n", 2]), create_missing=True
        )


@pytest.mark.parametrize("name", ["sepal length (cm)", "größe", "数量", "a'b", "x" * 200, "a/b&c"])
def test_ordinary_names_pass_whatever_their_language(name: str) -> None:
    check_names("column", [name, "other"])


@pytest.mark.parametrize("name", ["", "  ", "\ud800", "a\u2028b", "a\x7fb", "a\tb"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(RefusedFile):
        check_names("column", [name])
