"""The keys of constraints, and of the words that stand for them.

Owns: these tables. What each word comes to is `words`'s.
"""

from ha_core.config import kinds, limits
from ha_core.config.model import Comparison, OrderKind, Origin
from ha_core.config.shapes import Key, ListOf, Names, Object, OneOf

WORDS: dict[str, Key] = {
    "prefers": Key(
        Names("node", kinds.TEXT, kinds.WISH),
        "Nodes where it would rather run, the best first; or each with its score.",
    ),
    "avoids": Key(
        Names("node", kinds.TEXT, kinds.WISH),
        "Nodes where it runs only if no other node may run it.",
    ),
    "only_on": Key(Names("node", kinds.TEXT), "The only nodes that may run it.", "all nodes"),
    "never_on": Key(Names("node", kinds.TEXT), "Nodes that may never run it."),
    "with": Key(
        Names("resource", kinds.TEXT, kinds.WEIGHT),
        "Resources whose node it must share; with a score below INFINITY it should.",
    ),
    "apart_from": Key(
        Names("resource", kinds.TEXT, kinds.WEIGHT),
        "Resources whose node it must not share; with a score below INFINITY it should not.",
    ),
    "after": Key(
        Names("resource", kinds.TEXT, kinds.words(OrderKind)),
        "Resources without which it does not start; with optional it only waits for their start.",
    ),
}
"""What a resource says of itself."""
LOCATION = Object(
    {
        "location": Key(kinds.TEXT, "The resource (primitive or group).", needed=True),
        "node": Key(kinds.TEXT, "The node that it prefers or avoids.", needed=True),
        "score": Key(
            kinds.SCORE,
            "Above 0 it prefers the node, below 0 it avoids it; INFINITY must, -INFINITY must not.",
            "INFINITY",
        ),
        "expires": Key(kinds.MOMENT, "The constraint holds until then.", "for ever"),
        "origin": Key(
            kinds.words(Origin),
            "Who made it; 'ha resource clear' removes what move and ban made.",
            "administrator",
        ),
        "until_generation": Key(
            kinds.natural(limits.GENERATION_MAX),
            "Start of the node's daemon with which a move or ban ends; 0: it outlives the node.",
            "0",
        ),
    }
)
RULE = Object(
    {
        "rule": Key(kinds.TEXT, "The resource (primitive or group).", needed=True),
        "attribute": Key(
            kinds.named(limits.ATTRIBUTE, limits.ATTRIBUTE_ALLOWED),
            "Attribute of the nodes: one of the configuration, 'connectivity', or their name.",
            needed=True,
        ),
        "operation": Key(kinds.words(Comparison), "How a node's value is compared.", needed=True),
        "value": Key(
            kinds.VALUE,
            "With what; numbers are compared as numbers. For one_of and none_of: several words.",
        ),
        "score": Key(
            kinds.SCORE,
            "What it gives every node of which it is true; -INFINITY must not.",
            "INFINITY",
        ),
    }
)
COLOCATION = Object(
    {
        "colocation": Key(kinds.TEXT, "The dependent: it is placed second.", needed=True),
        "with": Key(kinds.TEXT, "The primary: it is placed first.", needed=True),
        "score": Key(
            kinds.SCORE,
            "Above 0 together, below 0 apart; INFINITY must, -INFINITY must not.",
            "INFINITY",
        ),
    }
)
_SCORE = Key(kinds.WEIGHT, "How much it counts; INFINITY must.", "INFINITY")
TOGETHER = Object(
    {
        "together": Key(
            Names("resource", kinds.TEXT, least=2),
            "Resources that share a node; the first one is placed first.",
            needed=True,
        ),
        "score": _SCORE,
    }
)
APART = Object(
    {
        "apart": Key(
            Names("resource", kinds.TEXT, least=2),
            "Resources of which no two share a node; the first one is placed first.",
            needed=True,
        ),
        "score": _SCORE,
    }
)
ORDERING = Object(
    {
        "order": Key(
            ListOf(ListOf(kinds.TEXT)),
            "Starts first; several start one after the other, those of an inner list at once.",
            needed=True,
        ),
        "then": Key(kinds.TEXT, "Starts after it; needed where 'order' names one alone."),
        "kind": Key(
            kinds.words(OrderKind),
            "With mandatory 'then' needs 'order'; optional orders them where both start or stop;"
            " serialize never does both at once.",
            "mandatory",
        ),
        "symmetrical": Key(kinds.FLAG, "Whether they stop in reverse order.", "true"),
    }
)
CONSTRAINT = OneOf(
    {
        "location": LOCATION,
        "rule": RULE,
        "colocation": COLOCATION,
        "order": ORDERING,
        "together": TOGETHER,
        "apart": APART,
    }
)
