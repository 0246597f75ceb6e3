"""Names that are not there: one sentence, with the names that are."""

import pytest

from metarl.core.checks import MetaRLError
from metarl.core.names import Named, did_you_mean, unknown_name


def test_the_error_lists_the_names_and_guesses_the_closest():
    error = unknown_name("criterion", "secnd", ["first", "second"])
    assert str(error) == (
        "no criterion is named 'secnd'; did you mean 'second'? There are first, second"
    )
    assert isinstance(error, MetaRLError)
    assert isinstance(error, KeyError)


def test_where_no_name_is_close_none_is_guessed():
    error = unknown_name("table", "zzz", ["first"])
    assert str(error) == "no table is named 'zzz'; there are first"
    assert (
        str(unknown_name("table", "a", [])) == "no table is named 'a'; there are none"
    )
    assert did_you_mean("zzz", ["first"]) == ""


def test_a_named_dictionary_says_which_names_there_are():
    tests = Named("test", {"short": 1})
    assert tests == {"short": 1}
    assert tests["short"] == 1
    assert "shrt" not in tests
    assert tests.get("shrt") is None
    with pytest.raises(MetaRLError, match="no test is named 'shrt'; did you mean 'sho"):
        tests["shrt"]
