"""The keys of constraints, and of the words that stand for them.

Owns: these tables. What each word comes to is `words`'s.
"""

from ha_core.config import calendar_ranges, kinds, limits
from ha_core.config.model import (
    Comparison,
    Discovery,
    LossPolicy,
    OrderedAction,
    OrderKind,
    Origin,
    Role,
    ValueFrom,
    ValueType,
)
from ha_core.config.shapes import Either, Key, ListOf, Names, Object, OneOf

_NODE_ATTRIBUTE = Key(
    kinds.named(limits.ATTRIBUTE, limits.ATTRIBUTE_ALLOWED),
    "Nodes are the same where this attribute is equal: together means in the same rack, say.",
    "the node itself",
)
_INFLUENCE = Key(
    kinds.FLAG,
    "Whether the wishes of the one that is placed second count for the first.",
    "as 'critical' says",
)
_SYMMETRICAL = Key(kinds.FLAG, "Whether they stop in reverse order.", "true")
_ROLE = Key(kinds.words(Role), "It holds for that role alone.", "any role")
_LOSS = Key(
    kinds.words(LossPolicy),
    "What becomes of it when the ticket is lost.",
    "stop, with the role promoted demote",
)
PLACE = Object(
    {
        "score": Key(kinds.WISH, "How much it counts.", "100"),
        "role": Key(kinds.words(Role), "With promoted it says where it is promoted.", "any role"),
    }
)
BOND = Object(
    {
        "score": Key(kinds.WEIGHT, "How much it counts; INFINITY must.", "INFINITY"),
        "role": Key(kinds.words(Role), "The role that the other one has there.", "any role"),
        "own_role": Key(kinds.words(Role), "The role that it has itself.", "any role"),
        "node_attribute": _NODE_ATTRIBUTE,
        "influence": _INFLUENCE,
    }
)
SEQUENCE = Object(
    {
        "action": Key(kinds.words(OrderedAction), "What the other one must have done.", "start"),
        "own_action": Key(kinds.words(OrderedAction), "What it does after that.", "start"),
        "kind": Key(kinds.words(OrderKind), "How binding it is.", "mandatory"),
        "symmetrical": _SYMMETRICAL,
    }
)
PERMIT = Object({"loss": _LOSS, "role": _ROLE})
WORDS: dict[str, Key] = {
    "prefers": Key(
        Names("node", kinds.TEXT, Either(kinds.WISH, PLACE)),
        "Nodes where it would rather run, the best first; or each with its score.",
    ),
    "avoids": Key(
        Names("node", kinds.TEXT, kinds.WISH),
        "Nodes where it runs only if no other node may run it.",
    ),
    "only_on": Key(Names("node", kinds.TEXT), "The only nodes that may run it.", "all nodes"),
    "never_on": Key(Names("node", kinds.TEXT), "Nodes that may never run it."),
    "with": Key(
        Names("resource", kinds.TEXT, Either(kinds.WEIGHT, BOND)),
        "Resources whose node it must share; with a score below INFINITY it should.",
    ),
    "apart_from": Key(
        Names("resource", kinds.TEXT, Either(kinds.WEIGHT, BOND)),
        "Resources whose node it must not share; with a score below INFINITY it should not.",
    ),
    "after": Key(
        Names("resource", kinds.TEXT, Either(kinds.any_words(OrderKind, OrderedAction), SEQUENCE)),
        "Resources without which it does not start; with optional it only waits for their start,"
        " with promote for their promotion.",
    ),
    "after_any_of": Key(
        Names("resource", kinds.TEXT), "Resources of which one must run before it starts."
    ),
    "needs_ticket": Key(
        Names(
            "ticket",
            kinds.named(limits.ID, limits.ID_ALLOWED),
            Either(kinds.words(LossPolicy), PERMIT),
        ),
        "Tickets without which it does not run here, or is not promoted.",
    ),
}
"""What a resource says of itself."""
LOCATION = Object(
    {
        "location": Key(kinds.TEXT, "The resource (primitive, group or clone).", needed=True),
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
        "role": Key(kinds.words(Role), "With promoted it says where it is promoted.", "any role"),
        "discovery": Key(
            kinds.words(Discovery),
            "Whether it is looked for there before it starts; exclusive: there alone.",
            "always",
        ),
        "live": Key(
            kinds.FLAG,
            "With false on a move, what is moved stops and starts, though it could go live.",
            "true",
        ),
    }
)


def _range(field: str) -> kinds.Kind:
    return kinds.named(limits.CALENDAR_RANGE, calendar_ranges.allowed(field))


CALENDAR: dict[str, Key] = {
    "hours": Key(_range("hours"), "Hours of the day, in UTC: 9-16 is until 16:59:59."),
    "minutes": Key(_range("minutes"), "Minutes of the hour."),
    "seconds": Key(_range("seconds"), "Seconds of the minute."),
    "weekdays": Key(_range("weekdays"), "Days of the week, 1 being Monday."),
    "monthdays": Key(_range("monthdays"), "Days of the month."),
    "yeardays": Key(_range("yeardays"), "Days of the year."),
    "months": Key(_range("months"), "Months of the year."),
    "weeks": Key(_range("weeks"), "Weeks of the year, by ISO 8601."),
    "years": Key(_range("years"), "Years."),
    "weekyears": Key(_range("weekyears"), "Years of weeks, by ISO 8601."),
}
"""What can be said of a moment; all that is said must fit."""
COMPARISON: dict[str, Key] = {
    "attribute": Key(
        kinds.named(limits.ATTRIBUTE, limits.ATTRIBUTE_ALLOWED), "Attribute of the nodes."
    ),
    "operation": Key(kinds.words(Comparison), "How a node's value is compared."),
    "value": Key(kinds.VALUE, "With what. For one_of and none_of: several words."),
    "type": Key(
        kinds.words(ValueType),
        "As what both are compared; a string without regard to case.",
        "string for eq and ne, else a number",
    ),
    "value_from": Key(
        kinds.words(ValueFrom),
        "With parameter or option, 'value' is the name of what the resource has.",
        "literal",
    ),
}
CONDITION = Object(
    {
        **COMPARISON,
        "after": Key(kinds.MOMENT, "It holds after that moment."),
        "before": Key(kinds.MOMENT, "It holds before that moment."),
        "from": Key(kinds.MOMENT, "It holds from that moment on; until 'to', if that is given."),
        "to": Key(kinds.MOMENT, "It holds until that moment, which counts still."),
        **CALENDAR,
    },
    "condition",
)
CONDITION.keys["all"] = Key(ListOf(CONDITION), "Conditions of which every one must hold.")
CONDITION.keys["any"] = Key(ListOf(CONDITION), "Conditions of which one is enough.")
RULE = Object(
    {
        "rule": Key(kinds.TEXT, "The resource (primitive, group or clone).", needed=True),
        "attribute": Key(
            kinds.named(limits.ATTRIBUTE, limits.ATTRIBUTE_ALLOWED),
            "Attribute of the nodes: one of the configuration, 'connectivity', or their name.",
        ),
        "operation": Key(kinds.words(Comparison), "How a node's value is compared."),
        "value": Key(
            kinds.VALUE,
            "With what; numbers are compared as numbers. For one_of and none_of: several words.",
        ),
        "score": Key(
            kinds.SCORE,
            "What it gives every node of which it is true; -INFINITY must not.",
            "INFINITY",
        ),
        "when": Key(
            CONDITION, "Instead of these three: several conditions, dates, times of the day."
        ),
        "score_attribute": Key(
            kinds.named(limits.ATTRIBUTE, limits.ATTRIBUTE_ALLOWED),
            "Instead of a score: the node's attribute that has it; a node without one gets none.",
        ),
        "role": Key(kinds.words(Role), "With promoted it says where it is promoted.", "any role"),
        "discovery": Key(
            kinds.words(Discovery),
            "Whether it is looked for there before it starts; exclusive: there alone.",
            "always",
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
        "role": Key(kinds.words(Role), "The role of the dependent.", "any role"),
        "with_role": Key(kinds.words(Role), "The role of the primary.", "any role"),
        "node_attribute": _NODE_ATTRIBUTE,
        "influence": _INFLUENCE,
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
        "symmetrical": _SYMMETRICAL,
        "first_action": Key(
            kinds.words(OrderedAction), "What 'order' does first, where 'then' names one.", "start"
        ),
        "then_action": Key(kinds.words(OrderedAction), "What 'then' does after that.", "start"),
        "any_of": Key(
            kinds.named(limits.CONSTRAINT_ID, limits.CONSTRAINT_ID_ALLOWED),
            "Of all orderings with that word and one 'then' a single 'order' is enough.",
        ),
    }
)
TICKET = Object(
    {
        "ticket": Key(
            kinds.named(limits.ID, limits.ID_ALLOWED), "Name of the ticket.", needed=True
        ),
        "resource": Key(
            kinds.TEXT, "What runs only with it (primitive, group, clone).", needed=True
        ),
        "role": _ROLE,
        "loss": _LOSS,
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
        "ticket": TICKET,
    }
)
