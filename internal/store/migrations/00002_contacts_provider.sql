-- +goose Up

-- Reports of mail providers name a mail by the provider's own id.
create index contacts_provider on contacts (provider_id) where provider_id <> '';

-- +goose Down

drop index contacts_provider;
