"""Who may do what: the permissions matrix as data. It drives each DAG's access_control and the seeding of roles."""

from typing import Final, Literal

Role = Literal["DataScientist", "DRHManager", "DevOps", "Developer"]
Permission = tuple[str, str]

ROLES: Final[tuple[Role, ...]] = ("DataScientist", "DRHManager", "DevOps", "Developer")

TRIGGERS: Final[dict[str, frozenset[Role]]] = {
    "future_skills_retraining": frozenset({"DataScientist", "DevOps"}),
    "future_skills_export": frozenset({"DataScientist", "DRHManager", "DevOps"}),
    "future_skills_promotion": frozenset(),
    "future_skills_deployment": frozenset({"DevOps"}),
    "future_skills_prediction": frozenset({"DevOps"}),
    "future_skills_drift": frozenset({"DataScientist", "DevOps"}),
    "future_skills_experiment": frozenset({"DataScientist", "DevOps"}),
    "future_skills_watch": frozenset({"DevOps"}),
}
"""Who may start a run of each DAG."""

ANSWERS: Final[dict[str, frozenset[Role]]] = {"future_skills_promotion": frozenset({"DRHManager"})}
"""Who may answer what a DAG asks."""

DASHBOARD: Final = "Future Skills"
DASHBOARD_DRIFT: Final = "Future Skills Drift"
DASHBOARD_DOWNLOAD: Final = "Future Skills Download"
READERS: Final[dict[str, frozenset[Role]]] = {
    DASHBOARD: frozenset(ROLES),
    DASHBOARD_DRIFT: frozenset({"DataScientist", "DevOps"}),
    DASHBOARD_DOWNLOAD: frozenset({"DRHManager", "DataScientist"}),
}
"""Who may read which part of the dashboard; Admin reads all of it."""

READ, EDIT, CREATE, MENU = "can_read", "can_edit", "can_create", "menu_access"
EVERYONE: Final[frozenset[Permission]] = frozenset(
    {(MENU, name) for name in ("Browse", "DAGs", "DAG Runs", "Task Instances", "Assets", "Docs", "Documentation")}
    | {
        (READ, name)
        for name in (
            "Website", "DAGs", "DAG Runs", "Task Instances", "Task Logs", "XComs", "DAG Code", "DAG Versions", "DAG Warnings",
            "DAG Dependencies", "Assets", "Asset Aliases", "HITL Detail", "ImportError", "Jobs", "Plugins", "Pools",
            "My Profile", "My Password",
        )
    }
    | {(EDIT, "My Profile"), (EDIT, "My Password")}
)  # fmt: skip
"""Reading metrics and logs of every DAG. Nobody here has a right to edit or start DAGs in general: those come per DAG."""

EXTRA: Final[dict[Role, frozenset[Permission]]] = {
    "DataScientist": frozenset(),
    "DRHManager": frozenset({(EDIT, "HITL Detail"), (MENU, "HITL Detail")}),
    "DevOps": frozenset({(EDIT, "DAG Runs"), (EDIT, "Task Instances")}),
    "Developer": frozenset(),
}
"""What a role may do beyond that. DevOps clears and marks where it may edit the DAG, which the promotion DAG is not."""


ADMIN: Final[frozenset[Permission]] = frozenset((READ, resource) for resource in READERS)
"""What Airflow's own Admin role lacks: it is given only what Airflow itself knows."""

PREFIX: Final = "future_skills_"


def global_permissions(role: Role) -> frozenset[Permission]:
    """What a role may do whatever the DAG, as (action, resource) of the FAB auth manager."""
    return EVERYONE | EXTRA[role] | {(READ, resource) for resource, readers in READERS.items() if role in readers}


def access_control(dag_id: str) -> dict[str, dict[str, set[str]]]:
    """The rights of each role on one DAG, in the shape of the DAG argument of that name."""
    result: dict[str, dict[str, set[str]]] = {}
    for role in ROLES:
        triggers, answers = role in TRIGGERS[dag_id], role in ANSWERS.get(dag_id, frozenset())
        result[role] = {
            "DAGs": {READ, EDIT} if triggers or answers else {READ},
            "DAG Runs": {READ, CREATE} if triggers else {READ},
        }
    return result


def permissions(role: Role) -> frozenset[Permission]:
    """Everything a role may do: its global permissions, and those on each DAG, as the FAB auth manager names them."""
    of_dags = {
        (action, f"{kind.removesuffix('s')}:{dag_id}")
        for dag_id in TRIGGERS
        for kind, actions in access_control(dag_id)[role].items()
        for action in actions
    }
    return global_permissions(role) | of_dags


def of_another_dag(resource: str) -> bool:
    """Is it the resource of a DAG that is not the product's? Its own access_control decides about it."""
    kind, colon, dag_id = resource.partition(":")
    return bool(colon) and kind in {"DAG", "DAG Run"} and not dag_id.startswith(PREFIX)
