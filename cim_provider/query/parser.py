"""The words of a query to its tree, by recursive descent.

Owns: the grammars of WQL, CQL and FQL as far as consoles use them. What the
languages have beyond that is recognised and refused by its name, so that nobody
takes a part of a query for the whole.
Source: DSP0202 1.0 (CQL), DSP0212 1.0 (FQL), OpenPegasus 2.14's WQL.
"""

from typing import Final, NoReturn

from cim_provider.query.faults import QueryFault, invalid, unsupported
from cim_provider.query.like import basic_pattern, sql_pattern
from cim_provider.query.tokens import Kind, Token, tokens
from cim_provider.query.tree import (
    All,
    AnyOf,
    Compare,
    Condition,
    IsA,
    IsNull,
    IsTrue,
    Language,
    Like,
    Literal,
    Not,
    ObjectPath,
    Operand,
    Operator,
    Path,
    Quantifier,
    Select,
    Step,
)
from cim_provider.wbem.errors import Status

DEPTH_MAX: Final = 32
_OPERATORS: Final = {**{each.value: each for each in Operator}, "!=": Operator.UNEQUAL}
_MIRRORED: Final = {
    Operator.LESS: Operator.GREATER,
    Operator.GREATER: Operator.LESS,
    Operator.LESS_OR_EQUAL: Operator.GREATER_OR_EQUAL,
    Operator.GREATER_OR_EQUAL: Operator.LESS_OR_EQUAL,
}
_OLD_NAMES: Final = {"CQL": "DMTF:CQL", "CIM:CQL": "DMTF:CQL"}
"""What consoles called languages before the names had a prefix, or with an older one."""
_CLAUSES: Final = ("GROUP", "HAVING", "ORDER", "WITHIN", "UNION", "LIMIT")
_ARITHMETIC: Final = ("+", "-", "*", "/", "||")


def language_of(name: str) -> Language:
    """Return the language of that name. Raises QueryFault: QUERY_LANGUAGE_NOT_SUPPORTED."""
    try:
        return Language(_OLD_NAMES.get(name, name))
    except ValueError as fault:
        known = ", ".join(Language)
        text = f"query language {name[:64]!r} is not supported; there are {known}"
        raise QueryFault(Status.QUERY_LANGUAGE_NOT_SUPPORTED, text) from fault


def parse_select(language: Language, query: str) -> Select:
    """Return the tree of a whole query in WQL or CQL.

    Raises QueryFault: INVALID_QUERY, QUERY_FEATURE_NOT_SUPPORTED; QUERY_LANGUAGE_NOT_SUPPORTED
    for FQL, which has filters alone.
    """
    if language is Language.FQL:
        text = f"{language} has filters and no queries; queries are in WQL or DMTF:CQL"
        raise QueryFault(Status.QUERY_LANGUAGE_NOT_SUPPORTED, text)
    return _Parser(language, query).select()


def parse_filter(query: str) -> Condition:
    """Return the tree of a filter in FQL.

    Raises QueryFault: INVALID_QUERY, QUERY_FEATURE_NOT_SUPPORTED.
    """
    return _Parser(Language.FQL, query).filter()


class _Parser:
    def __init__(self, language: Language, query: str) -> None:
        self._language = language
        self._tokens = tokens(query)
        self._place = 0
        self._depth = 0
        self._names: tuple[str, ...] = ()
        """What the subject itself is called, in lower case: its class and alias."""

    def select(self) -> Select:
        if self._token.is_word("ASSOCIATORS", "REFERENCES"):
            unsupported(f"{self._token.text.upper()} OF")
        self._expect_word("SELECT")
        for word in ("DISTINCT", "FIRST"):
            if self._token.is_word(word) and self._after.kind is not Kind.SIGN:
                unsupported(word)
        start = self._place
        # The list may use the alias, which stands behind it: so it is read again.
        self._skip_list()
        self._expect_word("FROM")
        class_name = self._name("a class")
        self._names = (class_name.lower(), "__this")
        if self._take_word("AS") or self._is_alias():
            self._names += (self._name("an alias").lower(),)
        if self._token.is_sign(","):
            unsupported("a query over several classes")
        end, self._place = self._place, start
        columns = self._columns()
        self._place = end
        condition = self._condition() if self._take_word("WHERE") else None
        self._finish()
        return Select(columns, class_name, condition)

    def filter(self) -> Condition:
        if self._token.is_word("SELECT"):
            invalid("a filter has no SELECT: write the condition alone")
        found = self._condition()
        self._finish()
        return found

    @property
    def _token(self) -> Token:
        return self._tokens[self._place]

    @property
    def _after(self) -> Token:
        return self._tokens[min(self._place + 1, len(self._tokens) - 1)]

    def _next(self) -> Token:
        found = self._token
        if found.kind is not Kind.END:
            self._place += 1
        return found

    def _take_word(self, *words: str) -> bool:
        if self._token.is_word(*words):
            self._next()
            return True
        return False

    def _take_sign(self, *signs: str) -> bool:
        if self._token.is_sign(*signs):
            self._next()
            return True
        return False

    def _expect_word(self, word: str) -> None:
        if not self._take_word(word):
            self._unexpected(word)

    def _expect_sign(self, sign: str) -> None:
        if not self._take_sign(sign):
            self._unexpected(repr(sign))

    def _name(self, what: str) -> str:
        if self._token.kind is not Kind.NAME:
            self._unexpected(what)
        return self._next().text

    def _unexpected(self, expected: str) -> NoReturn:
        token = self._token
        if token.is_word(*_CLAUSES):
            unsupported(f"{token.text.upper()}")
        if token.is_sign(*_ARITHMETIC):
            unsupported(f"arithmetic ({token.text})")
        where = token.text if token.kind is Kind.END else repr(token.text[:32])
        invalid(f"the query has {where} where {expected} is expected")

    def _finish(self) -> None:
        self._take_sign(";")
        if self._token.kind is not Kind.END:
            self._unexpected("AND, OR or the end")

    def _is_alias(self) -> bool:
        return self._token.kind is Kind.NAME and not self._token.is_word("WHERE", *_CLAUSES)

    def _skip_list(self) -> None:
        while self._token.kind is not Kind.END and not self._token.is_word("FROM"):
            self._next()

    def _columns(self) -> tuple[Path, ...] | None:
        if self._take_sign("*"):
            if not self._token.is_word("FROM"):
                self._unexpected("FROM")
            return None
        found = [self._column()]
        while self._take_sign(","):
            found.append(self._column())
        if not self._token.is_word("FROM"):
            if self._token.is_word("AS"):
                unsupported("AS in the list of SELECT")
            self._unexpected("a comma or FROM")
        return None if None in found else tuple(each for each in found if each is not None)

    def _column(self) -> Path | None:
        """Return one column, None for `Class.*`."""
        if self._after.is_sign("("):
            unsupported(f"the function {self._token.text.upper()} in the list of SELECT")
        path = self._path(allows_star=True)
        return path if path.steps else None

    def _condition(self) -> Condition:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            invalid(f"the query is nested deeper than {DEPTH_MAX}")
        found = [self._conjunction()]
        while self._take_word("OR"):
            found.append(self._conjunction())
        self._depth -= 1
        return found[0] if len(found) == 1 else AnyOf(tuple(found))

    def _conjunction(self) -> Condition:
        found = [self._negation()]
        while self._take_word("AND"):
            found.append(self._negation())
        return found[0] if len(found) == 1 else All(tuple(found))

    def _negation(self) -> Condition:
        is_negated = False
        while self._token.is_word("NOT") and not self._after.is_sign(*_OPERATORS, "."):
            self._next()
            is_negated = not is_negated
        found = self._truth(self._term())
        return Not(found) if is_negated else found

    def _truth(self, condition: Condition) -> Condition:
        """Return a condition in brackets with what may follow: IS [NOT] TRUE or FALSE."""
        if not self._take_word("IS"):
            return condition
        is_negated = self._take_word("NOT")
        if not self._token.is_word("TRUE", "FALSE"):
            self._unexpected("TRUE or FALSE")
        found = IsTrue(condition, wanted=self._next().is_word("TRUE"))
        return Not(found) if is_negated else found

    def _term(self) -> Condition:
        if self._take_sign("("):
            found = self._condition()
            self._expect_sign(")")
            return found
        quantifier = self._quantifier()
        left = self._operand()
        if self._take_word("IS"):
            return self._is(left)
        if self._take_word("ISA"):
            return IsA(self._subject(self._path_of(left, "ISA")), self._class_name())
        is_negated = self._take_word("NOT")
        if is_negated and not self._token.is_word("LIKE"):
            self._unexpected("LIKE")
        if self._take_word("LIKE"):
            found = self._like(left, quantifier)
            return Not(found) if is_negated else found
        if self._token.is_word("IN", "BETWEEN", "SATISFIES"):
            unsupported(self._token.text.upper())
        if not self._token.is_sign(*_OPERATORS):
            self._unexpected("a comparison")
        return self._compare(left, quantifier)

    def _quantifier(self) -> Quantifier | None:
        """Return ANY or EVERY in front of an array."""
        if not self._token.is_word(*Quantifier) or self._after.kind is not Kind.NAME:
            return None
        if self._after.is_word("IS", "ISA", "LIKE", "NOT"):
            return None  # a property of that name
        found = Quantifier(self._next().text.upper())
        if self._after.is_word("IN"):
            unsupported(f"{found} … IN … SATISFIES")
        return found

    def _is(self, left: Operand) -> Condition:
        is_negated = self._take_word("NOT")
        found: Condition
        if self._take_word("NULL"):
            found = IsNull(left)
        elif self._token.is_word("TRUE", "FALSE"):
            value = self._next().is_word("TRUE")
            found = IsTrue(Compare(left, Operator.EQUAL, Literal(True)), wanted=value)
        else:
            self._unexpected("NULL, TRUE or FALSE")
        return Not(found) if is_negated else found

    def _path_of(self, operand: Operand, what: str) -> Path:
        if not isinstance(operand, Path):
            invalid(f"{what} needs a property on its left")
        return operand

    def _class_name(self) -> str:
        if self._token.kind is Kind.TEXT:
            return str(self._next().value)
        return self._name("a class")

    def _like(self, left: Operand, quantifier: Quantifier | None) -> Condition:
        if self._token.kind is not Kind.TEXT:
            self._unexpected("a pattern in quotes")
        text = str(self._next().value)
        make = sql_pattern if self._language is Language.WQL else basic_pattern
        return Like(self._path_of(left, "LIKE"), make(text), quantifier)

    def _compare(self, left: Operand, quantifier: Quantifier | None) -> Condition:
        operator = _OPERATORS[self._next().text]
        right = self._operand()
        if self._token.is_sign(*_ARITHMETIC):
            self._unexpected("AND, OR or the end")
        if isinstance(left, Literal) and isinstance(right, Literal):
            invalid("the query compares two constants")
        if isinstance(left, Literal):
            left, right, operator = right, left, _MIRRORED.get(operator, operator)
        if right == Literal(None):
            if operator not in (Operator.EQUAL, Operator.UNEQUAL):
                invalid(f"nothing is {operator} NULL")
            found = IsNull(left)
            return found if operator is Operator.EQUAL else Not(found)
        if quantifier is not None and not isinstance(left, Path):
            invalid(f"{quantifier} needs an array on its right")
        return Compare(left, operator, right, quantifier)

    def _operand(self) -> Operand:
        token = self._token
        if token.kind in (Kind.NUMBER, Kind.TEXT):
            return Literal(self._next().value)
        if token.kind is not Kind.NAME:
            self._unexpected("a property or a constant")
        if self._after.is_sign("("):
            return self._function()
        if token.is_word("TRUE", "FALSE") and not self._after.is_sign(".", "["):
            return Literal(self._next().is_word("TRUE"))
        if token.is_word("NULL"):
            self._next()
            return Literal(None)
        return self._path()

    def _function(self) -> Operand:
        name = self._next().text.upper()
        if name != "OBJECTPATH":
            unsupported(f"the function {name}")
        self._expect_sign("(")
        of: Path | str = ""
        if self._token.kind is Kind.TEXT:
            of = str(self._next().value)
        elif self._token.is_sign(")"):
            of = Path(())
        else:
            of = self._subject(self._path())
        self._expect_sign(")")
        return ObjectPath(of)

    def _path(self, *, allows_star: bool = False) -> Path:
        steps = [self._step()]
        while self._take_sign("."):
            if allows_star and self._take_sign("*"):
                if len(steps) == 1 and steps[0].name.lower() in self._names:
                    return Path(())
                unsupported("* behind a property")
            steps.append(self._step())
        # A property alone may have the name of its class.
        is_prefixed = len(steps) > 1 and self._is_subject(steps[0])
        return Path(tuple(steps[1:] if is_prefixed else steps))

    def _subject(self, path: Path) -> Path:
        """Return the path of an object; a lone name of the class means the subject itself."""
        is_alone = len(path.steps) == 1 and self._is_subject(path.steps[0])
        return Path(()) if is_alone else path

    def _is_subject(self, step: Step) -> bool:
        return not step.scope and step.index is None and step.name.lower() in self._names

    def _step(self) -> Step:
        name, scope = self._name("a property"), ""
        if self._take_sign("::"):
            name, scope = self._name("a property"), name
        return Step(name, scope, self._index(name) if self._take_sign("[") else None)

    def _index(self, name: str) -> int | None:
        """Return which item of an array is meant; None for [*], which is the whole array."""
        token = self._next()
        index = token.value if isinstance(token.value, int) else None
        if (index is None and not token.is_sign("*")) or (index is not None and index < 0):
            invalid(f"the item {token.text!r} of {name} is no number, expected 0 or more")
        if not self._take_sign("]"):
            unsupported("several items of an array")
        return index
