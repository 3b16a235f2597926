-- +goose Up

-- Times are Unix milliseconds, 0 for none. They are virtual, except due_at, lease_until, missing_since, rate_slot_at,
-- active_at and those of rates, which are of the wall clock. Flags are 0 or 1. JSON is TEXT: it is read and written whole, and a JSONB
-- column refuses the NUL that a customer's text may contain.
--
-- A table is named in SQL by the room that owns it, and by no other package. What other rooms may read of it is a view,
-- whose comment names them (docs/decisions/0014).

-- schema_compatible is the version of the schema that a build must know at least: a migration that removes something raises it.
-- release is the number of the current release; models is the version of the latest learned models. classifier names
-- the classifier in use, 0 for none. intents exists while customers have to be recomputed; its value is the last customer done.
-- temporal is the Temporal namespace that the database belongs to (JSON), from the first start on.
-- audit is the number and the hash of the last entry of the audit log, audit_start those of the last one that retention has deleted,
-- audit_logged the number of the last one that a process has logged.
create table settings (
  key   text primary key,
  value text not null
);
insert into settings (key, value) values ('schema_compatible', '1'), ('release', '0'), ('models', '0'), ('classifier', '0'),
  ('audit', '0 '), ('audit_start', '0 '), ('audit_logged', '0');

-- intents is JSON: for each intent, the release since which it has its definition.
-- by_whom is who published it, as far as known. origin is the release that it publishes again; 0: none.
create table releases (
  number  bigint primary key,
  content text not null,
  at      bigint not null,
  intents text not null default '',
  by_whom text not null default '',
  origin  bigint not null default 0
);

create table definitions (
  revision text primary key,
  journey  text not null,
  packed   text not null,
  at       bigint not null
);

-- draw_id is what the customer's draws hash: the oldest of the ids that are one customer by now; '' is the own id.
-- seed is random: the pseudonyms in workflow ids are made of it, and nobody can tell whose they were when it is deleted.
create table customers (
  id          text primary key,
  version     bigint not null,
  traits      text not null,
  merged_into text not null default '',
  created_at  bigint not null,
  draw_id     text not null default '',
  seed        text not null default ''
);
create index customers_merged on customers (merged_into) where merged_into <> '';

-- For analytics.
create view customer_profiles as select id, traits, merged_into from customers;

-- What was known of two ids when they became one customer, so that a merge of the wrong ones can be undone; see customer.Split. gone
-- is an id that named a customer of its own, or an anonymous id that now belongs to another customer. (at, n) is the place of
-- the merge among events.
create table merges (
  gone             text not null,
  survivor         text not null,
  at               bigint not null,
  n                bigint not null,
  gone_traits      text not null,
  gone_created     bigint not null,
  gone_draw        text not null,
  survivor_traits  text not null,
  survivor_created bigint not null,
  survivor_draw    text not null,
  web              integer not null default 0, -- 1: by a call of a web key, which carried over no address and no permission
  primary key (gone, survivor)
);
create index merges_survivor on merges (survivor, at);

-- The ids of customers who were forgotten, so that late calls do not create them again. digest is an HMAC of the id under
-- the installation's salt (settings, forget_salt): the table does not say who they were. request is the request that it was.
create table forgotten (
  digest  text primary key,
  request text not null,
  at      bigint not null
);
create index forgotten_request on forgotten (request);

-- Requests to forget a customer. customer, pseudonym and secret are emptied when it is done: nothing then says whom it meant.
-- state is ending, deleting, erasing or done. report is JSON, without personal data.
create table forget_requests (
  id        text primary key,
  customer  text not null,
  pseudonym text not null,
  secret    text not null,
  reason    text not null,
  by_whom   text not null,
  at        bigint not null,
  state     text not null,
  done_at   bigint not null default 0,
  report    text not null default '{}'
);
create index forget_requests_open on forget_requests (id) where state <> 'done';

-- Customers whose time zone is not UTC, or was another one. timezone is UTC where the trait names no zone; since_at is
-- the time of the last change.
create table customer_timezones (
  customer text primary key,
  timezone text not null,
  since_at bigint not null
);
create index customer_timezones_zone on customer_timezones (timezone, customer);

-- (received_at, n) is the order in which events were accepted. origin is the id that the call named, or by which the enrollment
-- began that made the event; a merge does not change it.
create table events (
  id          text primary key,
  customer    text not null,
  name        text not null,
  at          bigint not null,
  received_at bigint not null,
  n           bigint not null,
  properties  text not null,
  source      text not null,
  depth       integer not null,
  origin      text not null default '',
  root        text not null default ''
);
-- The events that steps caused, by the event at the beginning of the chain: see customer.Cause.
create index events_root on events (root, received_at) where root <> '';
create index events_story on events (customer, name, at);
create index events_time on events (customer, at);

-- For analytics, and for the rooms that show an event or count events: outbox, message, offer; and intent, when customers are split.
create view event_log as select id, customer, name, at, received_at, n, properties, depth from events;

-- What is known of a mailbox, a phone number or a device token, whichever customer has it. address is folded: one mailbox
-- has one row. It is dead from dead_at until revived_at; dead_send_at is when the message went out that did not arrive.
-- Who reads it has refused marketing from opted_out_at until opted_in_at. A device is of its owner, the customer who has signed in on it
-- last, since claimed_at (wall time); '': of all who have it. wrote_at is when the customer last wrote from it, on a channel with sessions.
create table addresses (
  channel      text not null,
  address      text not null,
  dead_at      bigint not null default 0,
  dead_send_at bigint not null default 0,
  reason       text not null default '',
  revived_at   bigint not null default 0,
  revived_by   text not null default '',
  opted_out_at bigint not null default 0,
  opted_out_by text not null default '',
  opted_in_at  bigint not null default 0,
  opted_in_by  text not null default '',
  owner        text not null default '',
  claimed_at   bigint not null default 0,
  wrote_at     bigint not null default 0,
  primary key (channel, address)
);
create index addresses_owner on addresses (owner) where owner <> '';

create table paused_journeys (
  journey text primary key,
  paused  integer not null,
  by_whom text not null,
  at      bigint not null
);

-- For analytics, and for the rooms that do not act for a paused journey: message, offer.
create view journeys_on_hold as select journey from paused_journeys where paused = 1;

-- next_seq is the first entry of the outbox that is not delivered, last_seq the last one that was added.
-- migrating_to is the revision that the enrollment was ordered to migrate to, until it answers. draw_id is the customer's
-- at the entry: the enrollment's holdout and splits are drawn by it, whatever is merged later. origin is that of the entry event.
-- missing_since is the wall time since which Temporal has no run of it; 0: it has one, or nobody has looked. snapshot is
-- the state that its run reported last (workflows.Snapshot, JSON), from which it begins again where the run is lost.
-- lost_run_id is the first run that it began with before: that one may not claim it again.
-- goal_at and goal_value are of a goal that the customer reached in time, and that the enrollment did not see. They are kept when the events
-- are erased that say so.
create table enrollments (
  id           text primary key,
  workflow_id  text not null,
  journey      text not null,
  revision     text not null,
  customer     text not null,
  instance_key text not null,
  entry_event  text not null,
  entry_name   text not null,
  draw_id      text not null default '',
  origin       text not null default '',
  depth        integer not null,
  entered_at   bigint not null,
  closed_at    bigint not null default 0,
  state        text not null,
  outcome      text not null default '',
  reason       text not null default '',
  value        double precision not null default 0,
  holdout      integer not null,
  first_run_id text not null default '',
  report_seq   bigint not null default 0,
  step         text not null default '',
  step_kind    text not null default '',
  since_at     bigint not null default 0,
  until_at     bigint not null default 0,
  paused       integer not null default 0,
  next_seq     bigint not null default 1,
  last_seq     bigint not null default 0,
  queued_at    bigint not null default 0,
  due_at       bigint not null default 0,
  lease_token  bigint not null default 0,
  lease_until  bigint not null default 0,
  attempts     integer not null default 0,
  last_error   text not null default '',
  migrating_to text not null default '',
  missing_since bigint not null default 0,
  snapshot     text not null default '',
  lost_run_id  text not null default '',
  goal_at      bigint not null default 0,
  goal_value   double precision not null default 0
);
create index enrollments_customer on enrollments (customer, journey, instance_key);
create index enrollments_open on enrollments (customer) where state <> 'closed';
create unique index enrollments_address on enrollments (workflow_id) where state <> 'closed';
create index enrollments_workflow on enrollments (workflow_id);
create index enrollments_journey on enrollments (journey, state);
create index enrollments_due on enrollments (due_at, queued_at, id) where next_seq <= last_seq;
create index enrollments_entries on enrollments (journey, id);
create index enrollments_held_out on enrollments (journey, entered_at) where holdout = 1;

-- For analytics, and for the rooms whose rows belong to an enrollment: outbox, handoff, message, offer; for customer, which keeps the
-- events that open ones read; and for keyring, which asks whose enrollment a run is.
create view enrollment_states as select id, workflow_id, journey, revision, customer, entry_event, entry_name, entered_at, closed_at, state,
  outcome, reason, value, holdout, step, step_kind, paused, goal_at, goal_value from enrollments;

-- For analytics and the outbox: the queue of an enrollment.
create view enrollment_queues as select id, next_seq, last_seq, queued_at, attempts from enrollments;

create table outbox (
  enrollment text not null,
  seq        bigint not null,
  kind       text not null,
  event      text not null,
  body       text not null,
  at         bigint not null,
  trace      text not null default '', -- traceparent of the call that caused it
  primary key (enrollment, seq)
);

-- Outbox entries that Temporal or a run refuses for good. kind, event, body and at are as in outbox; set_at is virtual.
create table dead_letters (
  enrollment text not null,
  seq        bigint not null,
  kind       text not null,
  event      text not null,
  body       text not null,
  at         bigint not null,
  error      text not null,
  attempts   integer not null,
  set_at     bigint not null,
  primary key (enrollment, seq)
);

-- For analytics.
create view dead_letter_log as select enrollment, seq from dead_letters;

-- Calls that were refused at a door: the latest ones, cut to a few kilobytes. id sorts by time, at is virtual, bytes is the size of
-- the whole call, payload its JSON.
create table rejected_calls (
  id      text primary key,
  at      bigint not null,
  door    text not null,
  code    text not null,
  field   text not null,
  message text not null,
  payload text not null,
  bytes   integer not null
);

-- API keys, without their secrets. digest is the SHA-256 of the secret (hex), hint its first characters, scope JSON: what the key may
-- do within its kind, proof the sealed proof secret of a web key. family is the id of the first key of a chain of rotations. Times are
-- of the wall clock; used_at is exact to the minute.
create table api_keys (
  id         text primary key,
  family     text not null,
  name       text not null,
  kind       text not null,
  digest     text not null unique,
  hint       text not null,
  scope      text not null,
  proof      text not null,
  created_at bigint not null,
  created_by text not null,
  expires_at bigint not null,
  revoked_at bigint not null,
  revoked_by text not null,
  used_at    bigint not null
);

-- For analytics.
create view rejected_call_log as select id from rejected_calls;

-- A report after a canceled one repeats its visits, so the key is the visit and not the report. skipped_at is 0, or the
-- time at which the step was skipped, since a skip is no visit. (seq, position) is the order. revision is the one that has
-- the step, which the enrollment may have left since.
create table step_visits (
  enrollment text not null,
  revision   text not null,
  step       text not null,
  visit      integer not null,
  skipped_at bigint not null,
  seq        bigint not null,
  position   integer not null,
  kind       text not null,
  at         bigint not null,
  arm        text not null,
  outcome    text not null,
  primary key (enrollment, step, visit, skipped_at)
);

-- For analytics.
create view visit_log as select enrollment, revision, step, kind, arm, visit, skipped_at, at from step_visits;

create table migrations (
  enrollment text not null,
  revision   text not null,
  journey    text not null,
  origin     text not null,
  step       text not null,
  target     text not null,
  state      text not null,
  reason     text not null default '',
  by_whom    text not null,
  at         bigint not null,
  primary key (enrollment, revision)
);
create index migrations_revision on migrations (revision, enrollment);

create table http_call_responses (
  key        text primary key,
  enrollment text not null,
  status     integer not null,
  body       text not null
);
create index http_call_responses_enrollment on http_call_responses (enrollment);

-- The last known value of the condition by which a customer enters a journey.
create table entry_conditions (
  customer   text not null,
  journey    text not null,
  condition  text not null,
  last_value integer not null,
  primary key (customer, journey)
);

-- since_at is the time at which the journey was published with this schedule. For each zone, done_at is the last moment
-- that is complete, moment the one in progress (0: none), and reached the last customer of it that is done.
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

-- The ledger of messages. action is the next best action that the message carries out, route what the policy chose,
-- policy_trace what it said about each channel (JSON). until_at is the end of the quiet hours that hold the send.
-- rendered is the treatment where it is kept. outcome_unknown is 1 while nobody knows whether the send went out;
-- unknown_count counts such attempts and stays when a later attempt succeeds, so that a message that came twice has its
-- reason in the ledger. best_response is the best reaction so far, 0 to 1; delivered_at to opted_out_at are the times of the first reaction
-- of each kind, by a person. language is the key of the treatment's language, '' for the message's own. rate_slot_at is when a send that waits for
-- its provider's rate may go: its token is taken. revision is that of the step. address has the folded addresses that it
-- went to, one a line: what a report says of a mailbox is looked up by it. segments counts those of a text message, on all numbers.
create table sends (
  key             text primary key,
  enrollment      text not null,
  journey         text not null,
  revision        text not null default '',
  step            text not null,
  message         text not null,
  customer        text not null,
  channel         text not null,
  address         text not null default '',
  category        text not null,
  topic           text not null,
  status          text not null,
  reason          text not null default '',
  provider_id     text not null default '',
  outcome_unknown integer not null default 0,
  unknown_count   integer not null default 0,
  attempts        integer not null default 0,
  release         bigint not null,
  at              bigint not null,
  planned_at      bigint not null default 0, -- for which it was planned, at or before "at": caps compare this
  until_at        bigint not null default 0,
  token           bigint not null,
  lease_until     bigint not null,
  rate_slot_at    bigint not null default 0,
  route           text not null default '',
  policy_trace    text not null default '',
  rendered        text not null default '',
  action          text not null default '',
  tone            text not null default '',
  best_response   double precision not null default 0,
  language        text not null default '',
  delivered_at    bigint not null default 0,
  opened_at       bigint not null default 0,
  clicked_at      bigint not null default 0,
  replied_at      bigint not null default 0,
  bounced_at      bigint not null default 0,
  complained_at   bigint not null default 0,
  opted_out_at    bigint not null default 0,
  segments        integer not null default 0
);
create index sends_message on sends (message, at);
create index sends_limits on sends (customer, channel, at);
create index sends_enrollment on sends (enrollment);
create index sends_time on sends (at);
create index sends_provider on sends (provider_id) where provider_id <> '';
create index sends_window on sends (customer, at);
-- Who wrote back by a text message or a chat, which name no send.
create index sends_replies on sends (channel, address, at) where address <> '' and channel not in ('email', 'push', 'web_push', 'app');

-- For analytics, and for offers, which are made by sends.
create view send_log as select key, enrollment, journey, revision, step, message, customer, channel, status, reason, outcome_unknown, at,
  category, action, tone, language, delivered_at, opened_at, clicked_at, replied_at, bounced_at, complained_at, opted_out_at from sends;

-- Requests for tracked links and pixels, stored before they are answered. due is when it can be judged whether a person made
-- it, 0 once it is: what a person did is an event then, and the row goes soon after; what a machine did stays with its reason,
-- as long as the send. link is which of the message's links it is, links how many there are. Whose it is says the send.
create table tracking_hits (
  id      text primary key,
  send    text not null,
  kind    text not null, -- open or click
  link    integer not null,
  links   integer not null,
  url     text not null,
  at      bigint not null,
  due     bigint not null,
  machine text not null default ''
);
create index tracking_hits_send on tracking_hits (send, at);
create index tracking_hits_due on tracking_hits (due) where due > 0;
create index tracking_hits_done on tracking_hits (at) where due = 0 and machine = '';

-- Links of messages that are too long, or too dear, in their sealed form. utm is how many bytes of the address were added.
create table short_links (
  code  text primary key,
  send  text not null,
  link  integer not null,
  links integer not null,
  utm   integer not null,
  url   text not null,
  at    bigint not null
);
create index short_links_send on short_links (send);

-- How a customer answers on a channel: sums of weights that double every half-life, so that a row is only added to.
create table channel_engagement (
  customer text not null,
  channel  text not null,
  sends    double precision not null,
  answers  double precision not null,
  primary key (customer, channel)
);

-- Rate limits: one row per provider ("email") or part of it ("email:shop@example.com", "webhook:host"). next_at is the
-- theoretical arrival time of GCRA in microseconds; paused_until, in milliseconds, is the provider's Retry-After.
create table rates (
  bucket       text primary key,
  next_at      bigint not null default 0,
  paused_until bigint not null default 0
);

-- acts is JSON: who claimed, took over, assigned, released and resolved it, oldest first. active_at is the last sign of the agent
-- who has it; after a while without one it returns to the queue.
create table handoffs (
  id         text primary key,
  enrollment text not null,
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
  until_at   bigint not null default 0,
  acts       text not null default '[]',
  active_at  bigint not null default 0,
  noticed    text not null default '', -- the state that the staff was told of, in Slack
  notice     text not null default ''  -- the message that told it, as channel:ts
);
create index handoffs_unnoticed on handoffs (opened_at, id) where noticed <> state and (notice <> '' or state = 'open');
create index handoffs_idle on handoffs (active_at, id) where state = 'claimed';
create index handoffs_customer on handoffs (customer, state);
create index handoffs_enrollment on handoffs (enrollment);
create index handoffs_state on handoffs (state, queue);

-- For analytics.
create view handoff_log as select id, journey, customer, queue, note, state, agent, outcome, agent_note, reason, opened_at, claimed_at,
  closed_at from handoffs;

-- How strongly a customer's events point to an intent. strength is the value at the time at; it decays by the half-life
-- of the release. definition is the release since which the intent was defined as it was then: where that differs from
-- the current release, the intent is recomputed.
create table intents (
  customer   text not null,
  intent     text not null,
  definition bigint not null,
  strength   double precision not null,
  at         bigint not null,
  primary key (customer, intent)
);

-- The terms of each strength. kind is event, text (a classified message) or set (by hand); n numbers the terms of one
-- event.
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

-- Trained text classifiers; model is base64, metrics JSON.
create table classifiers (
  version integer primary key,
  source  text not null,
  digest  text not null,
  model   text not null,
  metrics text not null,
  at      bigint not null
);

-- The intent of a customer's message, empty for none; version is the classifier's, 0 for the one behind HTTP.
create table classifications (
  event      text primary key,
  intent     text not null,
  confidence double precision not null,
  version    integer not null
);

-- For message, which shows conversations.
create view message_intents as select event, intent, confidence from classifications;

-- Decisions of next best actions. direction is outbound or inbound; slots and trace are JSON.
create table decisions (
  key        text primary key,
  customer   text not null,
  journey    text not null,
  enrollment text not null,
  step       text not null,
  asked      text not null,
  direction  text not null,
  at         bigint not null,
  release    bigint not null,
  control    text not null,
  winner     text not null,
  reason     text not null,
  slots      text not null,
  trace      text not null
);
create index decisions_customer on decisions (customer, at);
create index decisions_time on decisions (at);
create index decisions_enrollment on decisions (enrollment) where enrollment <> '';

-- An offer is an action shown to one customer, under the key of its ledger row. It is open from offered_at (0: not sent
-- yet) until expires_at; its outcome is learned once. journey is empty where a channel asked. features are those of the customer at the time of the decision.
create table offers (
  key         text primary key,
  customer    text not null,
  journey     text not null default '',
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

-- For analytics.
create view offer_log as select key, journey, action, channel, control, offered_at, outcome, worth, cost from offers;

-- What was learned about an action on a channel. version counts the batches of learning.
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

-- For analytics: what the models know.
create view model_evidence as select action, channel, evidence, positives from models;

-- What people did and looked at, and what tabi did on its own. Rows are added, and never changed, except by retention and where a customer
-- is forgotten. seq is the place in the chain: hash covers the hash before it and all columns, but id, customer and detail only by
-- digest, which is made with salt. So these three can be taken out, with the salt, and the chain holds. at is of the wall clock.
create table audit_log (
  seq      bigint primary key,
  at       bigint not null,
  who      text not null,
  subject  text not null,
  role     text not null,
  door     text not null,
  peer     text not null,
  what     text not null,
  kind     text not null,
  id       text not null,
  customer text not null,
  journey  text not null,
  result   text not null,
  reason   text not null,
  detail   text not null,
  salt     text not null,
  digest   text not null,
  hash     text not null
);
create index audit_log_customer on audit_log (customer, seq) where customer <> '';
create index audit_log_journey on audit_log (journey, seq) where journey <> '';
create index audit_log_who on audit_log (who, seq);

-- The keys that encrypt Temporal's histories, wrapped by a master key that is not in the database. customer is the id of a row of
-- customers; '' for keys of what belongs to no customer. master is the id of the master key. created_at is of the wall clock.
-- Deleting a row makes unreadable what was encrypted by it.
create table customer_keys (
  id         text primary key,
  customer   text not null,
  wrapped    text not null,
  master     text not null,
  created_at bigint not null
);
create unique index customer_keys_customer on customer_keys (customer) where customer <> '';
create index customer_keys_master on customer_keys (master);

-- Signed-in browsers. id is the digest of the cookie, token that of the token that opened the session. member_of is JSON. Times are of the
-- wall clock; ends_at is the absolute limit.
create table sessions (
  id         text primary key,
  way        text not null,
  subject    text not null,
  name       text not null,
  member_of  text not null,
  token      text not null,
  peer       text not null,
  browser    text not null,
  provider   text not null,
  hint       text not null,
  checked_at bigint not null,
  created_at bigint not null,
  seen_at    bigint not null,
  ends_at    bigint not null
);
create index sessions_subject on sessions (subject);
create index sessions_ends on sessions (ends_at);
