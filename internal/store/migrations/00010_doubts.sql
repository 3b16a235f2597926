-- +goose Up

-- How often nobody knew whether an attempt of a send had gone out. Unlike in_doubt it stays when a later attempt surely goes out, so that a mail that came
-- twice has its reason in the ledger.
alter table contacts add column doubts integer not null default 0;
update contacts set doubts = 1 where in_doubt <> 0;

-- +goose Down

alter table contacts drop column doubts;
