-- Automatic retrainings of a horizon, newest first, with what became of each: the verdict on the version its run evaluated,
-- "failed" when a day later there is none, NULL while it may still run.
SELECT request.id AS request_id, request.report_id, report.version, request.reason, request.requested_at, request.dag_run_id,
       coalesce(request.outcome, judged.verdict,
                CASE WHEN request.requested_at < now() - interval '1 day' THEN 'failed' END) AS outcome
FROM future_skills_ops.retraining_request AS request
JOIN future_skills_ops.drift_report AS report USING (report_id)
LEFT JOIN LATERAL (
    SELECT verdict
    FROM future_skills_ops.evaluation
    WHERE starts_with(request_key, request.dag_run_id || '/') AND verdict IS NOT NULL
    ORDER BY evaluation_id DESC
    LIMIT 1
) AS judged ON true
WHERE report.horizon_years = %(horizon_years)s
ORDER BY request.requested_at DESC, request.id DESC
LIMIT %(at_most)s
