SELECT EXISTS (
    SELECT FROM future_skills_ops.outbox
    WHERE cause = 'digest' AND period <> %(batch_id)s AND created_at > now() - interval '6 days'
)
