-- Takes one mail that is due, those tried least first, and keeps it from other senders for a while: should this one die, the
-- mail is due again afterwards. Committed at once, so that nothing stays locked while a mail server takes its time.
UPDATE future_skills_ops.outbox
SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM future_skills_ops.outbox
    WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= clock_timestamp()
    ORDER BY attempts, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, cause, period, recipient, subject, text_part AS text, html_part AS html, pictures, message_id, created_at
