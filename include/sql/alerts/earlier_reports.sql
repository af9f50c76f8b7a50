-- The counted reports before this one against the same reference, newest first.
SELECT columns, created_at
FROM future_skills_ops.drift_report
WHERE reference_batch_id = %(reference)s AND report_id < %(report_id)s AND counted
ORDER BY report_id DESC
LIMIT %(limit)s
