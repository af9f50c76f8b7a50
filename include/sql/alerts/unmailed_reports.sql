SELECT report.*
FROM future_skills_ops.drift_report AS report
WHERE (report.drifted OR report.unknown) AND report.horizon_years = %(horizon_years)s AND report.created_at > now() - %(since)s
  AND NOT EXISTS (SELECT FROM future_skills_ops.outbox
                  WHERE outbox.cause = 'drift' AND report.drifted AND outbox.period = report.dataset_id
                     OR outbox.cause = 'data_alarm' AND report.unknown AND outbox.period = report.dataset_id)
ORDER BY report.report_id
