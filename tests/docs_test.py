"""The documents agree with the tree: sections of the method that sources cite, links, and source paths in backticks.

Usage: docs_test.py ROOT
"""
import itertools
import re
import sys
from pathlib import Path

SOURCES = ("descriptors", "bayes", "libmlff", "reference", "md", "analysis", "app", "tests", "benchmarks", "examples", "demo",
           "cmake", "docs", "interfaces")


def documents(root):
    return [*root.glob("*.md"), *(root / "docs").glob("*.md"), *(root / "examples").rglob("*.md")]


def without_code(text):
    """Blocks of code set as fenced or indented text hold examples, not links; lines keep their numbers."""
    text = re.sub(r"^```.*?^```", lambda m: "\n" * m[0].count("\n"), text, flags=re.M | re.S)
    return re.sub(r"^ {4}.*$", "", text, flags=re.M)


def anchors(text):
    """Names that GitHub gives to headings: lower case, no punctuation, blanks to hyphens, numbered if they repeat."""
    found = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", without_code(text), flags=re.M):
        heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        found.add(next(n for n in itertools.chain([name], (f"{name}-{k}" for k in itertools.count(1))) if n not in found))
    return found


def check_sections(root):
    """Each `method.md section n` in a source must be a numbered heading of docs/method.md."""
    sections = set(re.findall(r"^## (\d+) ", (root / "docs/method.md").read_text(), flags=re.M))
    n_cited = 0
    for folder in SOURCES:
        for path in [p for p in (root / folder).rglob("*") if p.suffix in (".hpp", ".cpp", ".h")]:
            text = re.sub(r"^\s*///?", "", path.read_text(), flags=re.M)  # a citation may span two lines of comment
            for match in re.finditer(r"method\.md(\s+sections?\s+(\d+(?:(?:,|\s+and|\s+to)\s+\d+)*))?", text):
                where = f"{path.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}"
                if not match[1]:
                    yield f"{where}: method.md is cited without a section; write 'method.md section n'"
                for number in re.findall(r"\d+", match[2] or ""):
                    n_cited += 1
                    if number not in sections:
                        yield f"{where}: docs/method.md has no section {number}; it has {', '.join(sorted(sections))}"
    if n_cited == 0:
        yield "no source cites docs/method.md; is the path of the tree right?"


def check_links(root):
    """Each relative link must lead to a file, and to a heading where it names one."""
    for document in documents(root):
        text = without_code(document.read_text())
        for match in re.finditer(r"\]\(([^)\s]+)\)", text):
            where = f"{document.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}"
            target, _, anchor = match[1].partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            path = (document.parent / target) if target else document
            if not path.exists():
                yield f"{where}: the link {match[1]} leads to no file"
            elif anchor and anchor not in anchors(path.read_text()):
                yield f"{where}: {path.name} has no heading for #{anchor}"


def check_paths(root):
    """Each source path in backticks must exist; the suffix .hpp, .cpp may be left out, {a,b} stands for both."""
    n_paths = 0
    for document in documents(root):
        text = without_code(document.read_text())
        for match in re.finditer(r"`([\w./{},+-]+/[\w./{},+-]*)`", text):
            if match[1].split("/")[0] not in SOURCES:
                continue
            head, braces, tail = re.fullmatch(r"([^{}]*)(?:\{([^{}]*)\})?([^{}]*)", match[1]).groups()
            for middle in (braces or "").split(","):
                n_paths += 1
                name = head + middle + (tail or "")
                if not any((root / (name + suffix)).exists() for suffix in ("", ".hpp", ".cpp", ".h")):
                    line = text.count("\n", 0, match.start()) + 1
                    yield f"{document.relative_to(root)}:{line}: there is no {name}, with or without .hpp or .cpp"
    if n_paths == 0:
        yield "no document names a source; is the path of the tree right?"


def main():
    root = Path(sys.argv[1]).resolve()
    failures = [*check_sections(root), *check_links(root), *check_paths(root)]
    print("\n".join(failures) or "documents agree with the tree")
    return 1 if failures else 0


sys.exit(main())
