"""Files that are no configuration at all: one clear sentence each, and no time or memory lost."""

import json
import re
from time import monotonic

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from ha_core.config.check import check
from ha_core.config.parse import parse_text
from ha_core.config.schema import json_schema
from ha_core.config.tree import DEPTH_MAX, TEXT_BYTES_MAX, Scalar, TreeError, read_tree
from ha_core.errors import ConfigError
from tests.core.config.samples import HEAD, faults_of_file
from tests.core.config.test_parse import EVERYTHING

LOADERS = pytest.mark.parametrize(
    "loader", sorted({yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)}, key=str)
)


def refused(text: str, loader: type) -> str:
    """Return the line and the sentence with which the text is refused."""
    with pytest.raises(TreeError) as caught:
        read_tree(text, loader)
    return f"{caught.value.line}: {caught.value}"


@LOADERS
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &x 1\nb: *x\n", "1: holds the anchor &x; allowed: plain values"),
        ("a: &x {}\n", "1: holds the anchor &x; allowed: plain values"),
        ("a: 1\nb: *x\n", "2: holds an alias; allowed: the value written out"),
        ("a: !!python/object/apply:os.system [id]\n", "1: holds the tag"),
        ("a: !!str 1\n", "1: holds the tag tag:yaml.org,2002:str; allowed: plain values"),
        ("a:\n  <<: {b: 1}\n", "2: holds the merge key <<; allowed: the values written out"),
        ("a: 1\n---\nb: 2\n", "2: begins a second document; allowed: one"),
        ("a: 1\n---\n", "2: begins a second document; allowed: one"),
        ("? [a, b]\n: 1\n", "1: has a list or mapping as a key; allowed: a word"),
        ("{a: 1}: 1\n", "1: has a list or mapping as a key; allowed: a word"),
        ("a: 1\n'': 2\n", "2: has an empty key; allowed: a word"),
        ("a: 1\nb: \x00\n", "2: holds the character U+0000; allowed: printable text"),
        ("a: 1\n\nb: \x1b[31m\n", "3: holds the character U+001B; allowed: printable text"),
        ("a: \udcff\n", "1: holds the character U+DCFF; allowed: printable text"),
        ("a: [1, 2", "is not YAML:"),
        ("a: 'open\n", "is not YAML:"),
        ("a: 1\n\tb: 2\n", "2: is not YAML:"),
        ("a: b: c\n", "1: is not YAML: mapping values are not allowed"),
        ("a: @x\n", "1: is not YAML: found character"),
        ("%YAML 9.9\n---\na: 1\n", "1: is not YAML:"),
        ("a" * (TEXT_BYTES_MAX + 1), f"1: is {TEXT_BYTES_MAX + 1} bytes long; allowed:"),
    ],
    ids=range(21),
)
def test_text_that_is_no_plain_yaml_is_refused(loader: type, text: str, sentence: str) -> None:
    assert sentence in refused(text, loader)


@LOADERS
def test_tabs_for_indentation_get_their_cure(loader: type) -> None:
    assert refused("a:\n\tb: 2\n", loader).endswith("(indent with blanks, not with tabs)")


@LOADERS
@pytest.mark.parametrize("form", ["[", "{a: ", "- "], ids=["lists", "mappings", "items"])
def test_nesting_is_refused_where_it_becomes_too_deep(loader: type, form: str) -> None:
    began_s = monotonic()
    sentence = refused(form * 100_000, loader)
    # The reader in C looks ahead, and has a bound of its own.
    assert sentence in (
        f"1: is nested deeper than {DEPTH_MAX} levels",
        "1: is not YAML: exceeded maximum nesting depth",
    )
    assert monotonic() - began_s < 5
    read_tree("[" * DEPTH_MAX + "]" * DEPTH_MAX, loader)


def test_aliases_cannot_make_a_large_tree_of_a_small_file() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    began_s = monotonic()
    assert refused("\n".join(lines), yaml.SafeLoader).startswith("1: holds the anchor &a0")
    assert monotonic() - began_s < 1


def test_deep_json_is_refused_as_deep_yaml_is() -> None:
    text = '{"a":' * 100_000 + "1" + "}" * 100_000
    assert refused(text, yaml.SafeLoader) == f"1: is nested deeper than {DEPTH_MAX} levels"


def test_half_a_character_is_no_text() -> None:
    text = json.dumps({"a": "\ud800"})
    found = read_tree(text, yaml.SafeLoader)
    assert found.items[0][1] == Scalar("\ud800", 1)  # type: ignore[union-attr]  # a mapping
    whole = f'{HEAD}resources: {{r: {{agent: lsb:x, parameters: {{a: "\\0"}}}}}}\n'
    assert faults_of_file(whole) == [
        "c.yaml:6: resources.r.parameters.a: is '\\x00'; "
        "allowed: a text of at most 16384 characters, without null"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "has no 'links', which it needs"),
        ("# nothing\n", "has no 'nodes', which it needs"),
        ("--- \n", "has no 'nodes', which it needs"),
        ("just words\n", "c.yaml:1: the file: is 'just words'; allowed: a mapping of cluster, "),
        ("- a\n", "c.yaml:1: the file: is a list; allowed: a mapping of cluster, "),
        ("a:\n  [1, 2\n", " the file is not YAML: "),
        ("a:\n  [1, 2\n", "(while parsing a flow sequence that begins in line 2)"),
    ],
    ids=["empty", "comment", "document", "scalar", "list", "broken", "place"],
)
def test_file_of_another_shape_is_told_what_it_should_be(text: str, fault: str) -> None:
    assert any(fault in item for item in faults_of_file(text))


KEYS = sorted(set(re.findall(r'"([a-z_]+)": \{', json.dumps(json_schema()))))
WORDS = st.one_of(
    st.sampled_from([*KEYS, "n1", "ring0", "web", "g", "process", "address", "INFINITY", "10s"]),
    st.text(max_size=5),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
RESOURCES = st.dictionaries(WORDS, st.dictionaries(WORDS, VALUES, max_size=4), max_size=4)


def ends_in_faults_or_a_configuration(text: str) -> None:
    """Read the text; any other end is a bug."""
    faults: tuple[str, ...] = ()
    try:
        assert check(parse_text(text, "c.yaml")) == ()
    except ConfigError as error:
        faults = error.faults or ("an error without a fault",)
    assert all(fault.startswith("c.yaml:") and fault.isprintable() for fault in faults)


@settings(max_examples=300)
@given(
    st.sampled_from(["options", "nodes", "resources", "constraints", "defaults", "x"]), RESOURCES
)
def test_known_words_in_any_order_end_in_faults_or_a_configuration(
    name: str, part: dict[str, object]
) -> None:
    base = yaml.safe_load(HEAD)
    ends_in_faults_or_a_configuration(json.dumps({**base, name: part}))


@settings(max_examples=300)
@given(st.integers(0, len(EVERYTHING)), st.integers(0, 30), st.text(max_size=5))
def test_damaged_file_ends_in_faults_or_a_configuration(at: int, gone: int, put: str) -> None:
    ends_in_faults_or_a_configuration(EVERYTHING[:at] + put + EVERYTHING[at + gone :])


def test_many_faults_are_told_up_to_a_bound() -> None:
    text = HEAD + "".join(f"key{number}: 1\n" for number in range(1000))
    found = faults_of_file(text)
    assert len(found) == 201
    assert found[-1] == "c.yaml: 800 more faults"


def test_largest_configuration_is_read_in_seconds() -> None:
    resource = "  r{0}: {{agent: ocf:heartbeat:Dummy, parameters: {{state: /run/r{0}}}}}\n"
    constraint = "  c{0}: {{order: r{1}, then: r{2}}}\n"
    text = HEAD + "resources:\n" + "".join(resource.format(n) for n in range(2_000))
    text += "constraints:\n"
    text += "".join(constraint.format(n, n % 1999, n % 1999 + 1) for n in range(5_000))
    began_s = monotonic()
    assert len(faults_of_file(text + "  c0: 1\n")) == 1
    assert monotonic() - began_s < 10
