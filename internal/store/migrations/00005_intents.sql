-- +goose Up

-- How strongly a customer's events speak for an intent: strength is its value at a moment, from which it fades by the half-life that the release says.
-- definition is the number of the release since which the intent is defined as it was then: of another one, it is to be summed up anew.
create table intents (
  customer   text not null,
  intent     text not null,
  definition bigint not null,
  strength   double precision not null,
  at         bigint not null,
  primary key (customer, intent)
);

-- What a strength is the sum of. kind is event, text (a message, as it was classified) or set (by hand); n tells evidence of one event apart.
create table intent_evidence (
  customer text not null,
  intent   text not null,
  event    text not null,
  n        integer not null,
  kind     text not null,
  name     text not null,
  at       bigint not null,
  weight   double precision not null,
  primary key (customer, intent, event, n)
);

-- intents of a release: since which release each is defined as it is, as JSON. The setting `intents` is there while customers are still to be summed up
-- anew; its value is the last of them that was.
alter table releases add column intents text not null default '';

-- +goose Down

alter table releases drop column intents;
delete from settings where key = 'intents';
drop table intent_evidence;
drop table intents;
