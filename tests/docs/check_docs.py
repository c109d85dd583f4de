#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The manuals against the programs.

Reference sections are made by `bailiff-engine --offline document NAME`, from
the tables that read the configuration, and stand in the pages between two
comments that name what made them:

    <!-- made by: bailiff-engine --offline document jail -->
    <!-- end -->

    .\\" made by: bailiff-engine --offline document man-jail
    .\\" end

Fails when one has drifted; --write puts the present text in. Also: commands
and options that --help tells are in the manual page and the other way round,
pages are clean for mandoc, local links lead somewhere.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BAILIFF_BUILD", TREE / "build"))
PAGES = sorted(TREE.glob("docs/man/*.[158]"))
TEXTS = sorted([*TREE.glob("*.md"), *TREE.glob("docs/**/*.md"), *TREE.glob("tests/lab/*.md")])
MADE = re.compile(
    r"(?P<head>^(?:<!-- |\.\\\" )made by: bailiff-engine --offline document (?P<what>\S+)(?: -->)?\n)"
    r"(?P<body>.*?)(?P<tail>^(?:<!-- end -->|\.\\\" end)$)", re.M | re.S)

complaints = []


def complain(path, text):
    complaints.append(f"{path.relative_to(TREE)}: {text}")


def run(*argv):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False)


def document(what):
    done = run(BUILD / "bailiff-engine", "--offline", "document", what)
    if done.returncode:
        sys.exit(f"bailiff-engine --offline document {what}: {done.stderr}")
    return done.stdout


def check_made(path, write):
    """The sections between the comments; --write replaces them."""
    text = path.read_text(encoding="utf-8")

    def present(m):
        body = document(m["what"])
        if path.suffix == ".md":
            body = f"\n{body.strip()}\n\n"
        return m["head"] + body + m["tail"]
    now = MADE.sub(present, text)
    if text.count("made by: bailiff-engine") != len(MADE.findall(text)):
        complain(path, "a section 'made by' has no end")
    if now != text and write:
        path.write_text(now, encoding="utf-8")
        print(f"{path.relative_to(TREE)}: written")
    elif now != text:
        old, new = text.splitlines(), now.splitlines()
        first = next(i for i, (a, b) in enumerate(zip(old + [""], new + [""])) if a != b)
        complain(path, f"line {first + 1}: the program says otherwise:\n  - {old[first]}\n  + {new[first]}\n"
                       f"  'tests/docs/check_docs.py --write' puts it in")
    return [m["what"] for m in MADE.finditer(text)]


def plain(path):
    """A manual page as it is read, in long lines and without bold."""
    out = run("mandoc", "-T", "ascii", "-O", "width=900", path).stdout
    return re.sub(".\b", "", out)


def check_lint(path):
    done = run("mandoc", "-T", "lint", "-W", "warning", path)
    for line in done.stdout.splitlines():
        complain(path, line.replace(f"mandoc: {path}:", "mandoc: "))


def check_crossings(path):
    """.Xr to a page of our own that is not there."""
    own = {p.name for p in PAGES}
    for name, section in re.findall(r"^\.Xr (bailiff\S*) (\d)", path.read_text(encoding="utf-8"), re.M):
        if f"{name}.{section}" not in own:
            complain(path, f"{name}({section}) is no page of ours")


def check_command(path):
    """bailiff(1): each command of --help, and each option of each command."""
    told = plain(path)
    text = run(BUILD / "bailiff", "--help").stdout
    commands = re.findall(r"^  ([a-z]+) ", text, re.M)
    written = re.findall(r"^\.It Cm ([a-z]+)\b(.*)$", path.read_text(encoding="utf-8"), re.M)
    for name in commands:
        if name not in [w for w, _ in written]:
            complain(path, f"command {name} is missing")
        for option in re.findall(r"^  (--[a-z-]+)", run(BUILD / "bailiff", name, "--help").stdout, re.M):
            if not re.search(rf"^ *{name}\b.*{option}\b", told, re.M):
                complain(path, f"{name}: option {option} is missing")
    for name, _ in written:
        if name not in commands:
            complain(path, f"there is no command {name}")


def check_options(path, program):
    told = plain(path)
    text = run(BUILD / program, "--help").stdout
    for option in re.findall(r"^  (--?[a-z]+)", text, re.M):
        if not re.search(rf"^ +{option}\b", told, re.M):
            complain(path, f"option {option} is missing")
    for option in re.findall(r"^\.It Fl (\S+)", path.read_text(encoding="utf-8"), re.M):
        if f"-{option}".replace("\\", "") not in text:
            complain(path, f"{program} has no option -{option}")


def check_links(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not (path.parent / target).exists():
            complain(path, f"link to {target} leads nowhere")


def main(argv):
    write = argv == ["--write"]
    if argv and not write:
        print(__doc__.split("\n\n", maxsplit=1)[0], "\n\nusage: check_docs.py [--write]", file=sys.stderr)
        return 2
    made = [what for path in [*PAGES, *TEXTS] for what in check_made(path, write)]
    for what in ("jail", "placeholders", "man-jail", "man-bailiff.yaml", "man-placeholders"):
        if what not in made:
            complaints.append(f"no page has the section {what}")
    for path in TEXTS:
        check_links(path)
    for path in PAGES:
        check_crossings(path)
    if shutil.which("mandoc"):
        for path in PAGES:
            check_lint(path)
        check_command(TREE / "docs/man/bailiff.1")
        check_options(TREE / "docs/man/bailiffd.8", "bailiffd")
    else:
        print("mandoc is not here: lint, commands and options were left out")
    for line in complaints:
        print(line, file=sys.stderr)
    print(f"{len(PAGES)} manual pages, {len(TEXTS)} texts, {len(made)} sections made by the program: "
          f"{'all well' if not complaints else f'{len(complaints)} complaints'}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
