-- +goose Up

-- The latest entries of a journey: enrolment ids sort by time.
create index enrolments_entries on enrolments (journey, id);

-- +goose Down

drop index enrolments_entries;
