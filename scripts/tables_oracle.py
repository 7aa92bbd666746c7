#!/usr/bin/env python3
"""Makes jobs/tests/data/tables.jsonl: a thousand seeded tables, and what Python's csv reads in them.

Run it to make the file anew; the tests need no Python. `--peers` also asks pandas and DuckDB (pip install pandas duckdb),
and prints how often each agrees with Python, and in which sort of table it does not.
"""

import argparse
import collections
import csv
import io
import json
import pathlib
import random

SEED = 20260
TABLES = 1000
PLACE = pathlib.Path(__file__).parent.parent / "jobs/tests/data/tables.jsonl"
TEXTS = ["", "a", "b c", " x ", "6'2\"", "5'10\"", "\"", "ä", "\u2028", "a\"b\"", "1,5", "x;y", "t\tt", "null", "'", "\\", "a\\\"b"]
ENDS = ["\n", "\r\n", "\r"]


def cell(random, delimiter):
    """A cell as it stands in a file: a number, text, or something in quotes."""
    sort = random.randrange(10)
    if sort < 4:
        return str(random.randrange(-1000, 1000))
    if sort < 6:
        text = random.choice(TEXTS)
        # What would be read otherwise than it was meant is as good a case.
        return text
    inside = "".join(random.choice(["a", "1", " ", delimiter, "\n", "\r", "\r\n", '""', "'"]) for _ in range(random.randrange(6)))
    behind = random.choice(["", "", "", "", "x", " ", 'y"']) if sort == 9 else ""
    return f'"{inside}"{behind}'


def table(random):
    """A table's text and its delimiter."""
    delimiter = random.choice([",", ",", ",", ";", "\t", "|"])
    columns = random.randrange(1, 5)
    ends = [random.choice(ENDS)] if random.random() < 0.7 else ENDS
    text = "\ufeff" if random.random() < 0.1 else ""
    for _ in range(random.randrange(0, 8)):
        ragged = random.random() < 0.05
        row = [cell(random, delimiter) for _ in range(random.randrange(1, 5) if ragged else columns)]
        text += delimiter.join(row) + random.choice(ends)
        if random.random() < 0.1:
            text += random.choice(ends)
    if random.random() < 0.3:
        text = text.rstrip("\r\n")
    if random.random() < 0.05:
        text += '"open' + random.choice(ENDS)
    return text, delimiter


def leaves_a_quote_open(text, delimiter):
    """Python closes it without a word; strict, it says so, but refuses text behind a quote as well."""
    # A line more is a row more, unless it falls into a quoted cell.
    rows = read(text, delimiter)
    return len(read(text + "\nend", delimiter)) != len(rows) + 1


def read(text, delimiter):
    text = text.removeprefix("\ufeff")
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]


def pandas_reads(text, delimiter):
    import pandas
    try:
        frame = pandas.read_csv(io.BytesIO(text.encode()), header=None, dtype=str, keep_default_na=False, sep=delimiter, engine="c", encoding="utf-8-sig")
    except pandas.errors.EmptyDataError:
        return []
    except (pandas.errors.ParserError, ValueError):
        return None
    return frame.values.tolist()


def duckdb_reads(text, delimiter, folder, columns):
    import duckdb
    path = folder / "t.csv"
    path.write_bytes(text.encode())
    names = {f"c{number}": "VARCHAR" for number in range(columns)}
    try:
        rows = duckdb.execute(
            "SELECT * FROM read_csv(?, header = false, delim = ?, quote = '\"', escape = '\"', auto_detect = false, columns = ?, "
            "strict_mode = false, null_padding = false, nullstr = ['\\0'])", [str(path), delimiter, names]).fetchall()
    except duckdb.Error:
        return None
    return [["" if cell is None else cell for cell in row] for row in rows]


def compare(cases):
    import pathlib, tempfile
    agreed = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            rows = case["rows"]
            for name in ["pandas", "duckdb"]:
                columns = len(rows[0]) if rows else 1
                got = (pandas_reads(case["text"], case["delimiter"]) if name == "pandas"
                       else duckdb_reads(case["text"], case["delimiter"], pathlib.Path(folder), columns))
                verdict = "agrees" if got == rows else "refuses" if got is None else "differs"
                sort = ("an open quote" if rows is None else "ragged rows" if len({len(row) for row in rows}) > 1
                        else "mixed or lone line ends" if "\r" in case["text"] else "a usual table")
                agreed[name, sort, verdict] += 1
    for (name, sort, verdict), count in sorted(agreed.items()):
        print(f"{name:7} {sort:24} {verdict:8} {count}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="also ask pandas and DuckDB")
    options = parser.parse_args()
    source = random.Random(SEED)
    cases = []
    for _ in range(TABLES):
        text, delimiter = table(source)
        rows = None if leaves_a_quote_open(text, delimiter) else read(text, delimiter)
        cases.append({"text": text, "delimiter": delimiter, "rows": rows})
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    PLACE.write_text("".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n" for case in cases), encoding="utf-8")
    print(f"{len(cases)} tables, of which {sum(case['rows'] is None for case in cases)} leave a quote open")
    if options.peers:
        compare(cases)


if __name__ == "__main__":
    main()
