"""Settings for the sample clusters of the tests: every kind of every class, in every state."""

from cim_provider.views.settings import (
    AttributeView,
    ColocationView,
    ExpressionView,
    LevelView,
    LocationView,
    NodeAttributeView,
    OperationView,
    OptionView,
    OrderView,
    Settings,
    TicketConstraintView,
    TicketView,
)

WALL_MS = 1_700_000_000_000
PRIMITIVES = ("cache", "db", "ip", "server")
TICKETS = (
    TicketView(
        "shop-sites", True, False, WALL_MS, "ann", "the other site is down", ("db",), WALL_MS
    ),
    TicketView("spare", True, True, WALL_MS, "ann", "work on this site"),
    TicketView("unheard", resources=("cache",)),
)


def parameters(*names: str) -> tuple[AttributeView, ...]:
    """Return a path and a password for each of these primitives."""
    return tuple(
        each
        for name in names
        for each in (
            AttributeView(name, "parameter", "state", f"/run/{name}"),
            AttributeView(name, "parameter", "password", "", is_secret=True),
        )
    )


def rule() -> LocationView:
    """Return a location whose rule has another rule in it, a date and a calendar."""
    parts = (
        ExpressionView("db-rack", "1", "all", attribute="rack", operation="eq", value="a"),
        ExpressionView("db-rack", "2", "all", "rule"),
        ExpressionView(
            *("db-rack", "2-1", "any"),
            attribute="speed",
            operation="gte",
            value="fast",
            value_type="integer",
            value_from="parameter",
        ),
        ExpressionView(
            *("db-rack", "2-2", "any", "date"),
            operation="in_range",
            value="2026-01-01T00:00:00.000Z/2026-12-31T00:00:00.000Z",
            begins_wall_ms=WALL_MS,
            ends_wall_ms=WALL_MS + 1,
        ),
        ExpressionView(
            *("db-rack", "3", "all", "calendar"), operation="date_spec", value="hours=9-16"
        ),
        ExpressionView("db-rack", "4", "all", attribute="old", operation="not_defined"),
    )
    return LocationView("db-rack", "db", score=100, role="promoted", expressions=parts)


def constraints() -> Settings:
    """Return constraints of every kind."""
    far = ExpressionView("db-near", "1", attribute="near", operation="defined")
    return Settings(
        locations=(
            LocationView("db-ban", "db", "n1", -1_000_000, origin="ban", expires_wall_ms=WALL_MS),
            LocationView("db-move", "db", "n2", 1_000_000, origin="move", until_generation=3),
            LocationView("db-near", "db", score=None, score_attribute="weight", expressions=(far,)),
            rule(),
            LocationView(
                *("web-prefers-n1", "web", "n1", 100),
                discovery="exclusive",
                source="resources.web.prefers",
            ),
            LocationView("web-x", "web", "n3", 0, discovery="never"),
        ),
        colocations=(
            ColocationView(
                "ip-with-db", "ip", "db", 1_000_000, "started", "promoted", "rack", True
            ),
            ColocationView("apart", "cache", "db", -5, source="constraints.apart.apart"),
        ),
        orders=(
            OrderView("db-ip", "db", "ip", "promote", "start", any_of="either"),
            OrderView("x", "ip", "db", kind="optional", is_symmetrical=False),
            OrderView("y", "ip", "cache", kind="serialize", source="constraints.y.order"),
        ),
        ticket_constraints=tuple(
            TicketConstraintView(
                f"db-needs-{policy}", "shop-sites", "db", role, policy, "resources.db.needs_ticket"
            )
            for policy, role in (
                ("stop", ""),
                ("demote", "promoted"),
                ("freeze", ""),
                ("fence", ""),
            )
        ),
    )


def operations(*names: str) -> tuple[OperationView, ...]:
    """Return operations of every kind for each of these primitives."""
    return tuple(
        each
        for name in names
        for each in (
            OperationView(name, "start", 1, "0", 0, "20s", 20_000, requires="quorum"),
            OperationView(name, "monitor", 1, "10s", 10_000, "20s", 20_000, "fence", "promoted"),
            OperationView(name, "monitor", 2, "1min", 60_000, "5s", 5_000, depth=10),
            OperationView(name, "monitor", 3, "2min", 120_000, "5s", 5_000, is_enabled=False),
        )
    )


def settings() -> Settings:
    """Return settings of every kind, for the primitives cache, db, ip and server."""
    bound = constraints()
    return Settings(
        attributes=(
            *parameters(*PRIMITIVES),
            AttributeView("db", "meta", "target_role", "started"),
            AttributeView("db", "meta", "stickiness", "1", is_default=True),
            AttributeView("db", "meta", "admin_password", "", is_secret=True),
            AttributeView("db", "utilization", "cpu", "4"),
            AttributeView("web", "meta", "priority", "INFINITY"),
            AttributeView("switch", "parameter", "ip", "10.0.0.9"),
            AttributeView("switch", "meta", "targets", "n2"),
            AttributeView("gone", "parameter", "of", "nobody"),
            AttributeView("gone", "meta", "of", "nobody"),
        ),
        operations=(*operations(*PRIMITIVES), OperationView("gone", "stop")),
        locations=bound.locations,
        colocations=bound.colocations,
        orders=bound.orders,
        ticket_constraints=bound.ticket_constraints,
        tickets=TICKETS,
        node_attributes=(
            NodeAttributeView("n1", "rack", "a"),
            NodeAttributeView("n1", "api_token", "", is_secret=True),
            NodeAttributeView("n1", "connectivity", "2000", is_transient=True),
            NodeAttributeView("n1", "connectivity", "of ours"),
        ),
        options=(
            OptionView("dead_after", "1s", "1s", "time", "a time", False, "Silence."),
            OptionView("health.red", "-5", "-INFINITY", "score", "a score", True, "What red is."),
            OptionView(
                "ping.interval", None, "dead_after / 2", "time", "a time", False, "How often."
            ),
            OptionView("note", None, "", "text", "a text", False, "Words."),
        ),
        levels=(LevelView("n1", 1, ("ipmi", "pdu")), LevelView("n1", 2, ("disk",))),
    )


def settings_of_clones() -> Settings:
    """Return settings for the cluster with clones."""
    return Settings(
        attributes=(
            *parameters("cell", "disk", "store", "worker"),
            AttributeView("cells", "meta", "managed", "true"),
            AttributeView("stores", "meta", "target_role", "promoted"),
            AttributeView("base", "meta", "ordered", "false"),
        ),
        operations=operations("store"),
    )
