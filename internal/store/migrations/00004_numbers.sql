-- +goose Up

-- The latest entries of a journey: enrollment ids sort by time.
create index enrollments_entries on enrollments (journey, id);

-- +goose Down

drop index enrollments_entries;
