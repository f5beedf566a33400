# SPDX-License-Identifier: MIT
"""Results in the forms that people and platforms read."""

import csv
import html
import json
import urllib.parse
import xml.etree.ElementTree as xml


def printable(text):
    """Without what XML cannot hold."""
    return "".join(c if c in "\n\t" or 32 <= ord(c) < 0xD800 else "?" for c in text)


def as_text(r):
    lines = [f"note: {n}" for n in r["notes"]]
    for t in r["tests"]:
        verdict = "OK" if t["passed"] else "FAIL"
        lines.append(f"== Test {r['lab']}: {t['name']} == {verdict} ({t['seconds']:.1f}s)")
        if not t["passed"]:
            lines += ["    " + line for line in why(t).split("\n")]
    lines.append(f"Score: {r['score']}/{r['points']}")
    return "\n".join(lines) + "\n"


def why(t):
    """A failure in full."""
    parts = [t["why"], f"hint: {t['hint']}" if t["hint"] else "",
             "console:\n" + indent(t["console"]) if t["console"] else "",
             "where it was:\n" + indent(t["trace"]) if t["trace"] else "",
             f"again: {t['again']}"]
    return "\n".join(filter(None, parts))


def indent(text):
    return "\n".join("  " + line for line in text.strip().split("\n"))


def as_json(r):
    return json.dumps(r, indent=1) + "\n"


def as_junit(r):
    suite = xml.Element("testsuite", name=f"quire.{r['lab']}", tests=str(len(r["tests"])),
                        failures=str(sum(not t["passed"] for t in r["tests"])), errors="0")
    for t in r["tests"]:
        case = xml.SubElement(suite, "testcase", classname=r["lab"], name=t["name"],
                              time=f"{t['seconds']:.2f}")
        if not t["passed"]:
            xml.SubElement(case, "failure", message=printable(t["why"])).text = printable(why(t))
    return xml.tostring(suite, encoding="unicode") + "\n"


def as_gradescope(r):
    """https://gradescope-autograders.readthedocs.io: results.json"""
    return json.dumps({
        "score": r["score"], "execution_time": round(sum(t["seconds"] for t in r["tests"]), 1),
        "output": "\n".join(r["notes"]), "visibility": "visible",
        "tests": [{"name": t["name"], "score": t["points"] if t["passed"] else 0,
                   "max_score": t["points"], "status": "passed" if t["passed"] else "failed",
                   "output": "" if t["passed"] else why(t)} for t in r["tests"]],
    }, indent=1) + "\n"


def as_classroom(r):
    """GitHub Classroom's autograding reporter, version 1."""
    return json.dumps({
        "version": 1, "status": "pass" if r["score"] == r["points"] else "fail",
        "max_score": r["points"],
        "tests": [{"name": t["name"], "status": "pass" if t["passed"] else "fail",
                   "score": t["points"] if t["passed"] else 0, "max_score": t["points"],
                   "message": None if t["passed"] else why(t), "test_code": t["again"],
                   "filename": "", "line_no": 0,
                   "execution_time": f"{t['seconds']:.1f}s"} for t in r["tests"]],
    }, indent=1) + "\n"


FORMS = {"report.txt": as_text, "report.json": as_json, "junit.xml": as_junit,
         "results.json": as_gradescope, "classroom.json": as_classroom}


def put(path, text):
    """In UTF-8, with whatever names a stranger's files have."""
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def write(folder, r):
    for name, form in FORMS.items():
        put(folder / name, form(r))


def write_class(folder, results):
    """class.csv and class.html"""
    names = [t["name"] for t in results[0]["tests"]] if results else []
    with open(folder / "class.csv", "w", newline="", encoding="utf-8",
              errors="backslashreplace") as f:
        out = csv.writer(f)
        out.writerow(["name", "score", "points", *names, "notes"])
        for r in results:
            got = [t["points"] if t["passed"] else 0 for t in r["tests"]]
            out.writerow([safe(r["name"]), r["score"], r["points"], *got,
                          safe("; ".join(r["notes"]))])
    put(folder / "class.html", page(results, names))


def safe(text):
    """A spreadsheet takes some first characters for a formula."""
    return "'" + text if text.startswith(tuple("=+-@")) else text


def page(results, names):
    e = html.escape
    head = "".join(f"<th>{e(n)}</th>" for n in names)
    rows = []
    for r in results:
        cells = "".join(
            f'<td class="{"ok" if t["passed"] else "no"}" title="{e(t["why"])}">'
            f'{t["points"] if t["passed"] else 0}</td>' for t in r["tests"])
        link = urllib.parse.quote(r["name"], errors="replace") + "/report.txt"
        rows.append(f'<tr><td><a href="{link}">{e(r["name"])}</a></td>'
                    f'<td>{r["score"]}/{r["points"]}</td>{cells}'
                    f'<td>{e("; ".join(r["notes"]))}</td></tr>')
    lab = e(results[0]["lab"]) if results else ""
    return ("<!DOCTYPE html><meta charset=utf-8><title>Lab " + lab + "</title><style>"
            "body{font-family:sans-serif}td,th{padding:.2em .6em;border:1px solid #ccc}"
            "table{border-collapse:collapse}.ok{background:#dfd}.no{background:#fdd}</style>"
            f"<h1>Lab {lab}</h1><table><tr><th>name</th><th>score</th>{head}<th>notes</th></tr>"
            + "\n".join(rows) + "</table>\n")
