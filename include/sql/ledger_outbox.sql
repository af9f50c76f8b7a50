-- A mail has its pictures with it, is tried again with growing pauses, and is given up for good when nobody will take it.
ALTER TABLE future_skills_ops.outbox
    ADD COLUMN pictures        jsonb NOT NULL DEFAULT '{}',        -- content id -> PNG in base64
    ADD COLUMN next_attempt_at timestamptz NOT NULL DEFAULT now(), -- while it is being sent: when another sender may have it
    ADD COLUMN given_up_at     timestamptz;                        -- last_error says why

DROP INDEX future_skills_ops.outbox_created_at_idx;
CREATE INDEX outbox_waiting ON future_skills_ops.outbox (next_attempt_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
