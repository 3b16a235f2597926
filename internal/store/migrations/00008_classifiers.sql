-- +goose Up

-- Trained text classifiers. The setting "classifier" names the one that counts; model is base64, metrics JSON.
create table classifiers (
  version integer primary key,
  source  text not null,
  digest  text not null,
  model   text not null,
  metrics text not null,
  at      bigint not null
);

-- What a customer's message was taken for. intent is empty where it was none of the intents; version is the classifier's, 0 the one behind HTTP.
create table classifications (
  event      text primary key,
  intent     text not null,
  confidence double precision not null,
  version    integer not null
);

-- +goose Down

drop table classifications;
drop table classifiers;
delete from settings where key = 'classifier';
