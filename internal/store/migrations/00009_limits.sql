-- +goose Up

-- What providers are sent, and how long they asked to be left alone: one row per provider ("email") or part of it ("email:shop@example.com", "webhook:host").
-- next_at is the theoretical arrival time of GCRA in microseconds, paused_until in milliseconds, both of the wall.
create table rates (
  bucket       text primary key,
  next_at      bigint not null default 0,
  paused_until bigint not null default 0
);

-- Deliveries that Temporal or an instance refuses for good: out of the queue, kept for people. kind, event, body and at are as in deliveries; set_at is virtual.
create table set_aside (
  enrollment text not null,
  seq       bigint not null,
  kind      text not null,
  event     text not null,
  body      text not null,
  at        bigint not null,
  error     text not null,
  attempts  integer not null,
  set_at    bigint not null,
  primary key (enrollment, seq)
);

-- When a send that waits for its rate may go, in milliseconds of the wall: its token is taken.
alter table contacts add column slot_at bigint not null default 0;

-- +goose Down

alter table contacts drop column slot_at;
drop table set_aside;
drop table rates;
