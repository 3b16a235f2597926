-- +goose Up

-- action is the next best action whose message it is, tone how it was said, trace what the policy said to each channel (JSON), until_at the end of the quiet
-- hours that hold it, and answered the best answer to it so far, 0 to 1. app holds what was said also where it is kept for a conversation.
alter table contacts add column action text not null default '';
alter table contacts add column tone text not null default '';
alter table contacts add column trace text not null default '';
alter table contacts add column until_at bigint not null default 0;
alter table contacts add column answered double precision not null default 0;
create index contacts_window on contacts (customer, at);

-- What is known of how a customer answers on a channel: sums of weights that double every half-life, so that a row is only ever added to.
create table reach (
  customer text not null,
  channel  text not null,
  sends    double precision not null,
  answers  double precision not null,
  primary key (customer, channel)
);

-- +goose Down

drop table reach;
drop index contacts_window;
alter table contacts drop column answered;
alter table contacts drop column until_at;
alter table contacts drop column trace;
alter table contacts drop column tone;
alter table contacts drop column action;
