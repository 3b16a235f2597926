-- +goose Up

-- A passage is told again by the report after one that was cancelled: its key is what it is, not the report it came with. skip is 0, or for a step that
-- was skipped the moment of it, since a skip is no visit. (seq, n) is the order.
create table passages_of_visits (
  enrollment text not null,
  step      text not null,
  visit     integer not null,
  skip      bigint not null,
  seq       bigint not null,
  n         integer not null,
  kind      text not null,
  at        bigint not null,
  arm       text not null,
  outcome   text not null,
  primary key (enrollment, step, visit, skip)
);
insert into passages_of_visits (enrollment, step, visit, skip, seq, n, kind, at, arm, outcome)
  select enrollment, step, visit, 0, seq, n, kind, at, '', outcome from passages where true order by enrollment, seq, n
  on conflict do nothing;
drop table passages;
alter table passages_of_visits rename to passages;

-- Customers whose time zone is another than UTC, or was: timezone is the trait of that name, UTC where it names no zone, since_at since when.
create table customer_zones (
  customer text primary key,
  timezone text not null,
  since_at bigint not null
);
create index customer_zones_zone on customer_zones (timezone, customer);
-- Customers of older builds are looked at when a schedule needs it; the value is how far that came.
insert into settings (key, value) select 'zones', '' where exists (select 1 from customers);

-- moving is the revision an instance was told to go over to, until it answers.
alter table enrollments add column moving text not null default '';

create table moves (
  enrollment text not null,
  revision  text not null,
  journey   text not null,
  origin    text not null,
  step      text not null,
  target    text not null,
  state     text not null,
  reason    text not null default '',
  by_whom   text not null,
  at        bigint not null,
  primary key (enrollment, revision)
);
create index moves_revision on moves (revision, enrollment);

create table responses (
  key       text primary key,
  enrollment text not null,
  status    integer not null,
  body      text not null
);
create index responses_enrollment on responses (enrollment);

-- What was last known of the condition by which a customer enters a journey.
create table states (
  customer  text not null,
  journey   text not null,
  condition text not null,
  truth     integer not null,
  primary key (customer, journey)
);

-- since_at is when the journey was published with this schedule; of each zone done_at is the last moment that was gone through, moment the one
-- that is under way (0: none), and reached the last customer of it. lease_until is of the wall.
create table schedules (
  journey  text primary key,
  spec     text not null,
  since_at bigint not null
);
create table schedule_zones (
  journey     text not null,
  zone        text not null,
  done_at     bigint not null,
  moment      bigint not null default 0,
  reached     text not null default '',
  lease_until bigint not null default 0,
  token       bigint not null default 0,
  primary key (journey, zone)
);

-- +goose Down

drop table schedule_zones;
drop table schedules;
drop table states;
drop table responses;
drop table moves;
alter table enrollments drop column moving;
drop table customer_zones;
delete from settings where key = 'zones';
create table passages_of_reports (
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
insert into passages_of_reports (enrollment, seq, n, step, kind, visit, at, outcome)
  select enrollment, seq, n, step, kind, visit, at, outcome from passages where skip = 0 on conflict do nothing;
drop table passages;
alter table passages_of_reports rename to passages;
