"""The documentation, as far as a program can check it: links, names, verbs, words, reasons."""

import importlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from ha_core.cli.main import ha

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
FOLDERS = "ha_core|cim_provider|tests|docs|mof|benchmarks"
NAMED = re.compile(rf"^(?:(?:{FOLDERS})/[\w./*-]*|[\w*-]+(?:/[\w*-]+)*\.(?:py|mof))$")
DOTTED = re.compile(r"(?<![\w/])(?:ha_core|cim_provider)(?:\.\w+)+")
VERB = re.compile(r"(?:^|[\s'\"(|;&$])ha((?: --\w+ \S+)?(?: [a-z][a-z-]*)+)", re.MULTILINE)
MAKE = re.compile(r"(?:^[ $]*|&& |sudo )make ([a-z][a-z-]*)", re.MULTILINE)
OTHERS = re.compile(r"Pacemaker|Heartbeat|Linux-HA|[Cc]orosync|cluster-glue|pacemaker|crm_|ha\.cf")
ENTRY = re.compile(r"^- `([\w-]+)`: (.+)$", re.MULTILINE)
SENTENCE_CHARACTERS_MIN = 40
BOUND = re.compile(r"^\| [^|]+ \| (\d+)(?: (KiB|MiB|s))? \| `([\w.]+)` \|$", re.MULTILINE)
FACTORS = {"": 1, "s": 1, "KiB": 1024, "MiB": 1024 * 1024}
PLACES = (ROOT, ROOT / "ha_core", ROOT / "cim_provider", ROOT / "docs", ROOT / "tests")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the documentation."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its path within the project."""
        return str(self.path.relative_to(ROOT))

    @property
    def prose(self) -> str:
        """What is neither a code block nor a code span."""
        return SPAN.sub(" ", FENCE.sub(" ", self.text))

    def code(self) -> Iterator[str]:
        """Yield every code block and every code span."""
        for block in FENCE.finditer(self.text):
            yield block[0]
        for span in SPAN.finditer(FENCE.sub("", self.text)):
            yield " ".join(span[2].split())


def pages() -> list[Page]:
    """Return every page."""
    return [Page(path, path.read_text(encoding="utf-8")) for path in PAGES]


def slug(heading: str) -> str:
    """Return the anchor that web views of the repository give a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page."""
    return {slug(item) for item in HEADING.findall(FENCE.sub("", path.read_text("utf-8")))}


def broken(page: Page, target: str) -> str:
    """Return what is wrong with a link, or nothing."""
    file, _, anchor = target.partition("#")
    path = (page.path.parent / file).resolve() if file else page.path
    if not path.exists() or not path.is_relative_to(ROOT):
        return f"{page.name}: {target} does not exist"
    if anchor and path.suffix == ".md" and anchor not in anchors(path):
        return f"{page.name}: {target} has no such heading"
    return ""


def is_there(pattern: str) -> bool:
    """Whether a file that a page names exists: at one of our places, or anywhere by name."""
    if "/" not in pattern:
        return any(next(place.rglob(pattern), None) is not None for place in PLACES[1:])
    return any(next(place.glob(pattern.rstrip("/")), None) is not None for place in PLACES)


def is_module(dotted: str) -> bool:
    """Whether a dotted name is a module, a package, or a name that stands in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        stem = ROOT.joinpath(*parts[:length])
        rest = parts[length:]
        if stem.with_suffix(".py").is_file():
            text = stem.with_suffix(".py").read_text(encoding="utf-8")
            return all(re.search(rf"\b{name}\b", text) for name in rest)
        if stem.is_dir():
            return not rest
    return False


def unknown_verb(words: str) -> str:
    """Return the first word of an `ha` line that is no verb, or nothing."""
    group: click.Command = ha
    for word in re.sub(r"--\w+ \S+", "", words).split():
        if not isinstance(group, click.Group):
            return ""
        found = group.get_command(click.Context(group), word)
        if found is None:
            return word
        group = found
    return ""


def test_every_link_leads_somewhere() -> None:
    faults = [
        fault
        for page in pages()
        for target in LINK.findall(FENCE.sub("", page.text))
        if "://" not in target and not target.startswith("mailto:")
        if (fault := broken(page, target))
    ]
    assert not faults, "\n".join(faults)


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {
        (index.parent / target.partition("#")[0]).resolve()
        for target in LINK.findall(index.read_text(encoding="utf-8"))
    }
    folders = {path.parent for path in listed if path.name == "README.md"}
    missing = [
        page.name
        for page in pages()
        if page.path not in listed and page.path != index and page.path.parent not in folders
    ]
    assert not missing, f"not linked from docs/README.md: {missing}"


def test_every_file_that_is_named_exists() -> None:
    faults = [
        f"{page.name}: {name}"
        for page in pages()
        for text in page.code()
        for name in NAMED.findall(text if "\n" not in text else "")
        if not is_there(name)
    ]
    assert not faults, "\n".join(faults)


def test_every_module_that_is_named_exists() -> None:
    faults = [
        f"{page.name}: {name}"
        for page in pages()
        for text in page.code()
        for name in DOTTED.findall(text)
        if not is_module(name)
    ]
    assert not faults, "\n".join(faults)


def test_every_verb_that_is_shown_exists() -> None:
    faults = [
        f"{page.name}: ha{words} (no verb {word!r})"
        for page in pages()
        for text in page.code()
        for words in VERB.findall(text)
        if (word := unknown_verb(words))
    ]
    assert not faults, "\n".join(faults)


def test_every_make_target_that_is_shown_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    shown = {
        (page.name, target)
        for page in pages()
        for text in page.code()
        for target in MAKE.findall(text)
    }
    assert {"run", "test"} <= {target for name, target in shown if name == "README.md"}
    assert not [(name, target) for name, target in shown if target not in targets]


def test_every_dependency_has_its_reason_and_every_reason_its_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    wanted = [*project["dependencies"], *optional["dev"], *optional["fuzz"]]
    names = {re.split(r"[<>=!~ ;\[]", item)[0].lower() for item in wanted}
    reasons = dict(ENTRY.findall((ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")))
    assert set(reasons) == names
    assert not [name for name, text in reasons.items() if len(text) < SENTENCE_CHARACTERS_MIN]


def value_of(dotted: str) -> float:
    """Return the value of a constant, or of a field's default, by its full name."""
    parts = dotted.split(".")
    length = next(number for number, name in enumerate(parts) if not name.islower())
    found: object = importlib.import_module(".".join(parts[:length]))
    for name in parts[length:]:
        # A slotted dataclass has its defaults on its instances only.
        found = getattr(found() if isinstance(found, type) else found, name)
    assert isinstance(found, int | float), dotted
    return found / 1000 if dotted.endswith("_MS") else found


def test_bounds_that_are_shown_are_those_of_the_code() -> None:
    rows = BOUND.findall((ROOT / "docs" / "security.md").read_text(encoding="utf-8"))
    assert len(rows) > 30
    faults = [
        f"{name} is {value_of(name):g}, the page says {number} {unit}"
        for number, unit, name in rows
        if value_of(name) != int(number) * FACTORS[unit]
    ]
    assert not faults, "\n".join(faults)


def avoided() -> list[str]:
    """Return the words of the glossary's last table."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    table = text.partition("## Words that we do not use")[2]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", table, re.MULTILINE)
    return [word.strip() for row in rows if row.strip() not in ("not",) for word in row.split(",")]


def test_words_to_avoid_stand_only_where_another_product_is_spoken_of() -> None:
    words = avoided()
    assert "STONITH" in words
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + r")s?\b")
    faults = [
        f"{page.name}: {found[0]!r} in: {' '.join(part.split())[:100]}"
        for page in pages()
        if page.path.name not in ("glossary.md", "schema-values.md")  # others' names for values
        for part in re.split(r"\n\s*\n|\n\||\n- ", page.prose)
        if (found := pattern.search(part)) and not OTHERS.search(part)
    ]
    assert not faults, "\n".join(faults)
