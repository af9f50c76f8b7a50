SELECT report.*
FROM future_skills_ops.drift_report AS report
WHERE report.horizon_years = %(horizon_years)s AND report.created_at > now() - %(since)s
  AND (report.drifted AND NOT EXISTS (SELECT FROM future_skills_ops.outbox
                                      WHERE (cause, period) = ('drift', report.dataset_id))
       OR report.unknown AND NOT EXISTS (SELECT FROM future_skills_ops.outbox
                                         WHERE (cause, period) = ('data_alarm', report.dataset_id)))
ORDER BY report.report_id
