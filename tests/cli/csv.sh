#!/bin/bash
# csv.sh - the two CSV files of a report mean the same to Python, SQLite and LibreOffice, whatever the
# names hold, and nothing in them is a formula.  LibreOffice is asked where there is one.
. tests/cli/lib.sh
command -v sqlite3 > /dev/null || { echo "no sqlite3 here"; exit 77; }
command -v python3 > /dev/null || { echo "no python3 here"; exit 77; }
db=$T/m.db
expect 0 "3 of 3 variants" "$ASSAY" run --backend mock --scenario none --bootstrap 100 --tasks smoke \
    --precision fp32,int8,int4 --db "$db"
sqlite3 "$db" "UPDATE run_variant SET name = '=1+1' WHERE position = 0;
  UPDATE run_variant SET name = '-2, \"quoted\"' || char(10) || '@next line' WHERE position = 1;
  UPDATE run_variant SET name = char(9) || '+3' || char(233) || char(8238) || ' 007 ' WHERE position = 2;
  UPDATE machine SET name = '@SUM(A1:A9)'"
expect 0 "items.csv" "$ASSAY" report --db "$db" --csv "$T/csv"

cat > "$T/same.py" << 'P'
"""same.py FILE.csv SQLITE.json [FLAT.fods]: every reader has the rows and fields that Python has."""
import csv, json, re, sys
import xml.etree.ElementTree as xml
raw = open(sys.argv[1], "rb").read()
assert raw.endswith(b"\r\n"), "the last line has no end"
assert not re.search(rb'(?<!\r)\n', re.sub(rb'"[^"]*"', b"", raw)), "a line ends without CR"
rows = list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8"), strict=True))
assert len(rows) > 20 and all(len(r) == len(rows[0]) for r in rows), "rows of different lengths"
for r in rows:
    for x in r:
        number = re.fullmatch(r"-?[0-9.]+(e[-+]?[0-9]+)?", x)
        assert number or x[:1] not in tuple("=+-@\t\r"), "a formula: " + x
names = {r[rows[0].index("variant")] for r in rows[1:]}
want = {"'=1+1", "'-2, \"quoted\"\n@next line", "'\t+3\u00e9\u202e 007 "}
assert want <= names, names
got = [rows[0]] + json.load(open(sys.argv[2]))
assert got == rows, next((a, b) for a, b in zip(got, rows) if a != b)
if len(sys.argv) > 3:
    table, office, text = ("{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}" % n for n in ("table", "office", "text"))
    sheet = xml.parse(sys.argv[3]).getroot().find(".//" + table + "table")
    lines = []
    for row in sheet.iter(table + "table-row"):
        cells = []
        for c in row.findall(table + "table-cell"):
            assert not c.get(table + "formula"), "a formula: " + c.get(table + "formula")
            value = c.get(office + "value")
            for tag in c.iter(text + "tab"):
                tag.text = "\t"
            for tag in c.iter(text + "s"):
                tag.text = " " * int(tag.get(text + "c", "1"))
            if value is None:
                value = "\n".join("".join(p.itertext()) for p in c.findall(text + "p"))
            cells += [value] * min(int(c.get(table + "number-columns-repeated", "1")), 64)
        if any(cells):
            lines += [cells] * int(row.get(table + "number-rows-repeated", "1"))
    assert len(lines) == len(rows), (len(lines), len(rows))
    for mine, its in zip(rows, lines):
        its += [""] * len(mine)
        for a, b in zip(mine, its):
            if a != b and not (a and b and abs(float(a) - float(b)) <= 1e-12 * abs(float(a))):
                raise AssertionError((a, b))
print("same")
P
for f in report items; do
    sqlite3 :memory: ".mode csv" ".import '$T/csv/$f.csv' t" ".mode list" \
        "SELECT json_group_array(json(x)) FROM (SELECT json_array($(head -1 "$T/csv/$f.csv" | tr -d '\r')) AS x FROM t)" > "$T/$f.json" ||
        fail "SQLite does not read $f.csv"
    expect 0 "^same$" python3 "$T/same.py" "$T/csv/$f.csv" "$T/$f.json"
done
command -v soffice > /dev/null || { [ "$failures" = 0 ] && echo "no soffice here: LibreOffice was not asked"; done_testing; }
timeout 300 soffice "-env:UserInstallation=file://$T/office" --headless --infilter="CSV:44,34,76,1,,1033,true,false" \
    --convert-to fods --outdir "$T/office-read" "$T/csv/report.csv" "$T/csv/items.csv" > "$T/.out" 2>&1 ||
    fail "LibreOffice does not read the files"
for f in report items; do
    expect 0 "^same$" python3 "$T/same.py" "$T/csv/$f.csv" "$T/$f.json" "$T/office-read/$f.fods"
done
done_testing
