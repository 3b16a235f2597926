-- +goose Up

-- Decisions of next best actions, with their trace. direction: outbound, inbound. slots and trace are JSON.
create table decisions (
  key       text primary key,
  customer  text not null,
  journey   text not null,
  enrollment text not null,
  step      text not null,
  asked     text not null,
  direction text not null,
  at        bigint not null,
  release   bigint not null,
  control   text not null,
  winner    text not null,
  reason    text not null,
  slots     text not null,
  trace     text not null
);
create index decisions_customer on decisions (customer, at);
create index decisions_time on decisions (at);
create index decisions_enrollment on decisions (enrollment) where enrollment <> '';

-- An offer is an action that was put before a customer, by the key of its ledger row. It is open from offered_at (0: not said yet) until expires_at, and an
-- outcome is learned once. features is what was known of the customer when it was decided.
create table offers (
  key         text primary key,
  customer    text not null,
  action      text not null,
  channel     text not null,
  control     text not null,
  decided_at  bigint not null,
  within_ms   bigint not null,
  offered_at  bigint not null default 0,
  expires_at  bigint not null default 0,
  propensity  double precision not null,
  worth       double precision not null,
  cost        double precision not null,
  features    text not null,
  outcome     text not null default '',
  resolved_at bigint not null default 0,
  accepted_by text not null default '',
  learned     integer not null default 0
);
create index offers_customer on offers (customer, action, offered_at);
create index offers_open on offers (expires_at, key) where outcome = '' and offered_at > 0;
create index offers_unlearned on offers (resolved_at, key) where outcome <> '' and learned = 0;
create index offers_unsaid on offers (decided_at) where offered_at = 0;
create index offers_action on offers (action, offered_at);

-- What is known of an action on a channel. version counts the batches that were learned; the setting `models` is the last one.
create table models (
  action    text not null,
  channel   text not null,
  version   bigint not null,
  evidence  double precision not null,
  positives double precision not null,
  state     text not null,
  primary key (action, channel)
);
create index models_version on models (version);
insert into settings (key, value) values ('models', '0');

-- +goose Down

delete from settings where key = 'models';
drop table models;
drop table offers;
drop table decisions;
