"""What an HR manager reads before approving: the gate's table, the comparison, the exact artefact. Rendered as Markdown."""

from psycopg2.extensions import connection as Connection

from future_skills.ledger.versions import get_evaluation, get_version
from future_skills.registry.approvals import ApprovalRequest
from future_skills.registry.markdown import markdown_environment


def render_request(connection: Connection, request: ApprovalRequest) -> str:
    """The request as Markdown, from the ledger alone."""
    with connection:
        evaluation, version = get_evaluation(connection, request.evaluation_id), get_version(connection, request.version)
    template = markdown_environment().get_template("approval_request.md.j2")
    return template.render(request=request, evaluation=evaluation, metrics=evaluation.metrics, version=version)
