-- +goose Up

-- Times are unix milliseconds, 0 for none: virtual, except due_at and lease_until, which are of the wall. Flags are 0 or 1. JSON is TEXT: it is read
-- and written whole, and a JSONB column refuses the NUL that a customer's text may escape.

create table settings (
  key   text primary key,
  value text not null
);
insert into settings (key, value) values ('release', '0');

create table customers (
  id          text primary key,
  version     bigint not null,
  traits      text not null,
  merged_into text not null default '',
  created_at  bigint not null
);
create index customers_merged on customers (merged_into) where merged_into <> '';

create table events (
  id          text primary key,
  customer    text not null,
  name        text not null,
  at          bigint not null,
  received_at bigint not null,
  n           bigint not null,
  properties  text not null,
  source      text not null,
  depth       integer not null
);
create index events_story on events (customer, name, at);
create index events_time on events (customer, at);

create table releases (
  number  bigint primary key,
  content text not null,
  at      bigint not null
);

create table definitions (
  revision text primary key,
  journey  text not null,
  packed   text not null,
  at       bigint not null
);

create table controls (
  journey text primary key,
  paused  integer not null,
  by_whom text not null,
  at      bigint not null
);

create table enrollments (
  id          text primary key,
  workflow_id text not null,
  journey     text not null,
  revision    text not null,
  customer    text not null,
  entry_key   text not null,
  entry_event text not null,
  entry_name  text not null,
  depth       integer not null,
  entered_at  bigint not null,
  closed_at   bigint not null default 0,
  state       text not null,
  outcome     text not null default '',
  reason      text not null default '',
  value       double precision not null default 0,
  holdout     integer not null,
  chain       text not null default '',
  report_seq  bigint not null default 0,
  step        text not null default '',
  step_kind   text not null default '',
  since_at    bigint not null default 0,
  until_at    bigint not null default 0,
  paused      integer not null default 0,
  head        bigint not null default 1,
  tail        bigint not null default 0,
  queued_at   bigint not null default 0,
  due_at      bigint not null default 0,
  lease_token bigint not null default 0,
  lease_until bigint not null default 0,
  attempts    integer not null default 0,
  last_error  text not null default ''
);
create index enrollments_customer on enrollments (customer, journey, entry_key);
create index enrollments_open on enrollments (customer) where state <> 'closed';
create unique index enrollments_address on enrollments (workflow_id) where state <> 'closed';
create index enrollments_workflow on enrollments (workflow_id);
create index enrollments_journey on enrollments (journey, state);
create index enrollments_due on enrollments (due_at, queued_at, id) where head <= tail;

create table deliveries (
  enrollment text not null,
  seq       bigint not null,
  kind      text not null,
  event     text not null,
  body      text not null,
  at        bigint not null,
  primary key (enrollment, seq)
);

create table passages (
  enrollment text not null,
  seq       bigint not null,
  n         integer not null,
  step      text not null,
  kind      text not null,
  visit     integer not null,
  at        bigint not null,
  outcome   text not null,
  primary key (enrollment, seq, n)
);

create table contacts (
  key         text primary key,
  enrollment   text not null,
  journey     text not null,
  step        text not null,
  message     text not null,
  customer    text not null,
  channel     text not null,
  category    text not null,
  topic       text not null,
  status      text not null,
  reason      text not null default '',
  provider_id text not null default '',
  in_doubt    integer not null default 0,
  attempts    integer not null default 0,
  release     bigint not null,
  at          bigint not null,
  token       bigint not null,
  lease_until bigint not null,
  verdict     text not null default '',
  app         text not null default ''
);
create index contacts_limits on contacts (customer, channel, at);
create index contacts_enrollment on contacts (enrollment);
create index contacts_time on contacts (at);

create table bounces (
  channel text not null,
  address text not null,
  reason  text not null,
  at      bigint not null,
  primary key (channel, address)
);
create index bounces_address on bounces (address);

create table handoffs (
  id         text primary key,
  enrollment  text not null,
  journey    text not null,
  step       text not null,
  customer   text not null,
  queue      text not null,
  priority   integer not null,
  note       text not null,
  outcomes   text not null,
  state      text not null,
  agent      text not null default '',
  outcome    text not null default '',
  agent_note text not null default '',
  reason     text not null default '',
  opened_at  bigint not null,
  claimed_at bigint not null default 0,
  closed_at  bigint not null default 0,
  until_at   bigint not null default 0
);
create index handoffs_customer on handoffs (customer, state);
create index handoffs_enrollment on handoffs (enrollment);
create index handoffs_state on handoffs (state, queue);

-- +goose Down
drop table handoffs;
drop table bounces;
drop table contacts;
drop table passages;
drop table deliveries;
drop table enrollments;
drop table controls;
drop table definitions;
drop table releases;
drop table events;
drop table customers;
drop table settings;
