"""Delimited text of every kind that laboratories write."""

import numpy as np
import pandas as pd
import pytest
from own_tables import HEADER, refusal, two_step

ROWS = ("A,0,0,1,common", "A,1,1,0,rare", "A,2,,0,", "B,0,1,0.5,common")


def values(data):
    return data.trials[["choice", "reward"]].astype(float).to_numpy()


@pytest.fixture
def plain_values(written):
    return values(two_step(written("plain.csv", *ROWS)))


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("name", ["own.csv", "own.txt", "own.tsv"])
def test_separators_are_found(written, plain_values, separator, name):
    lines = [row.replace(",", separator) for row in ROWS]
    path = written(name, *lines, header=HEADER.replace(",", separator))
    np.testing.assert_array_equal(values(two_step(path)), plain_values)


def test_columns_may_be_apart_by_blanks(written):
    path = written("own.txt", "A 0  0 1   common", "A 1  1 0 rare",
                   header="subject trial  choice reward transition")  # fmt: skip
    assert values(two_step(path)).tolist() == [[0, 1], [1, 0]]


def test_decimal_commas_are_read_and_reported(written, plain_values):
    lines = [row.replace(",", ";").replace(".", ",") for row in ROWS]
    data = two_step(written("own.csv", *lines, header=HEADER.replace(",", ";")))
    np.testing.assert_array_equal(values(data), plain_values)
    assert data.notes == ("decimal commas were read in column reward of own.csv",)


def test_a_comma_that_may_stand_between_thousands_is_refused(written):
    lines = ('A,"1,000",0,1,common', 'A,"1,001",0,1,common')
    assert refusal(written("own.csv", *lines)) == (
        "own.csv: column trial must hold numbers with a decimal point, got '1,000' in "
        "row 2, which may be thousands or a decimal; write it without a comma"
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_found(written, plain_values, encoding):
    path = written("own.csv", *ROWS, encoding=encoding)
    np.testing.assert_array_equal(values(two_step(path)), plain_values)


def test_a_text_of_windows_keeps_its_letters(written):
    data = two_step(written("own.csv", "Jürgen,0,0,1,common", encoding="cp1252"))
    assert data.names == ("Jürgen",)
    assert "Windows-1252" in data.notes[0]


def test_line_ends_of_windows_and_blank_lines_do_not_matter(written, plain_values):
    path = written("own.csv")
    text = "\r\n\r\n".join([HEADER, *ROWS]) + "\r\n\r\n"
    path.write_bytes(text.encode())
    np.testing.assert_array_equal(values(two_step(path)), plain_values)


def test_rows_are_counted_as_a_spreadsheet_does(written):
    path = written("own.csv", ROWS[0], "", "A,1,7,0,rare")
    assert "got 7 in row 4;" in refusal(path)
    path = written(
        "own.csv", "# made today", HEADER, ROWS[0], "A,1,7,0,rare", header=""
    )
    assert "got 7 in row 4;" in refusal(path, skip_rows=1)


def test_a_file_without_a_header_needs_names(written):
    path = written("own.csv", *ROWS, header="")
    assert refusal(path) == (
        "own.csv has no header: its row 1 holds values, where the names of the columns "
        "must be; name them with --names, as --names subject,trial,choice,reward"
    )
    data = two_step(path, names=tuple(HEADER.split(",")))
    assert data.names == ("A", "B")
    assert len(data.trials) == 4
    assert "--names must name the 5 columns of own.csv, got 2 names" in refusal(
        path, names=("subject", "trial")
    )


def test_lines_above_the_table_are_named_without_a_line_of_it(written):
    path = written("own.csv", "Smith,1", "Smith,2", *ROWS, header="")
    sentence = refusal(path)
    assert sentence.endswith("leave out the first lines with --skip-rows 2")
    assert "Smith" not in sentence


def test_row_names_of_r_are_no_column(written, plain_values):
    lines = [f'"{k}",{row}' for k, row in enumerate(ROWS, start=1)]
    for header in (HEADER, f'"",{HEADER}'):
        path = written("own.csv", *lines, header=header)
        np.testing.assert_array_equal(values(two_step(path)), plain_values)


def test_row_names_of_r_are_known_though_a_first_row_ends_blank(written, plain_values):
    rows = [ROWS[2].replace("A,2", "A,3"), *ROWS]
    lines = [f'"{k}",{row}' for k, row in enumerate(rows, start=1)]
    result = values(two_step(written("own.csv", *lines)))
    np.testing.assert_array_equal(result[1:], plain_values)


def test_a_separator_at_the_end_of_each_row_is_no_column(written, plain_values):
    path = written("own.csv", *[f"{row}," for row in ROWS])
    np.testing.assert_array_equal(values(two_step(path)), plain_values)


def test_a_row_cut_short_is_refused(written):
    path = written("own.csv", *ROWS, "B,1,1")
    assert "got 3 cells in row 6" in refusal(path)
    path = written("own.csv", *ROWS, 'B,1,1,"0",common,x')
    assert "got 6 cells in row 6" in refusal(path)


def test_two_columns_of_one_name_are_refused(written):
    path = written("own.csv", "A,0,0,1,common,1", header=f"{HEADER},choice")
    assert refusal(path).startswith("own.csv has two columns named choice;")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"subject,trial,choice\n"])
def test_a_file_without_trials_is_refused(tmp_path, content):
    path = tmp_path / "own.csv"
    path.write_bytes(content)
    assert refusal(path) == "own.csv must have at least one trial, got none"


def test_another_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(bytes(range(256)) * 4)
    assert "must be text for its ending" in refusal(path)


def test_blanks_are_those_of_every_program(written):
    words = ("", "NA", "n/a", "NaN", "null", "None", "#N/A", ".")
    lines = [f"A,{k},{word},0," for k, word in enumerate(words)]
    data = two_step(written("own.csv", *lines))
    assert data.trials["choice"].isna().all()


def test_truth_values_are_read_as_0_and_1(written):
    path = written("own.csv", "A,0,0,TRUE,common", "A,1,1,FALSE,rare", "A,2,,NA,")
    assert two_step(path).trials["reward"].astype(float)[:2].tolist() == [1, 0]


def test_quoted_cells_may_hold_separators_and_line_ends(written):
    path = written("own.csv", '"A, the first",0,0,1,common', '"B\nb",0,1,0,rare')
    assert two_step(path).names == ("A, the first", "B\nb")


def test_a_million_rows_take_seconds(written):
    rows = 200_000
    trials = pd.DataFrame(
        {"subject": "A", "trial": range(rows), "choice": 0, "reward": 1,
         "transition": "common"}
    )  # fmt: skip
    path = written("own.csv")
    trials.to_csv(path, index=False)
    assert len(two_step(path).trials) == rows


def test_a_log_of_events_is_no_table(written):
    lines = ["", "Block: 2 / Start: 0"]
    for k in range(20):
        lines += [f"{k}.5 :trial-{k}", f"{k}.7 :triggered Up", f"{k}.9 :left"]
    sentence = refusal(written("log.txt", *lines, header=""))
    assert sentence.startswith("log.txt must be a table with one row per trial, got")
    assert sentence.endswith("so that each trial is one row below a header")
    assert "--names" not in sentence
    assert "log of events" in refusal(
        written("log.txt", *lines, header=""), names=("time", "event"), skip_rows=2
    )
