-- An offer that keeps another number than it is told, what is not read any more, holds with a history, known refusals.
alter table channel_stock add column drift_ours bigint;
alter table channel_stock add column drift_theirs bigint;
alter table channel_stock add column drift_repairs integer;
alter table channel_stock add column drift_since $instant$;
alter table channel_stock add column drift_repaired_at $instant$;

alter table fetch_backlog add column given_up_at $instant$;

-- Holds are kept after they ended, and numbered, so that the warehouse can take them in.
alter table invoice_holds add column released_at $instant$;
alter table invoice_holds add column change_seq bigint not null default 0;
update counters set value = value + 1
where name = 'change_seq' and exists (select 1 from invoice_holds);
update invoice_holds set change_seq = (
    select value from counters
    where name = 'change_seq'
);
create index invoice_holds_by_change on invoice_holds (change_seq);

-- What a channel refused or is about to refuse, so that another process does not ask meanwhile.
create table rate_blocks (
    account varchar(40) not null,
    endpoint_group varchar(200) not null,
    blocked_until $instant$ not null,
    learned_at $instant$ not null,
    primary key (account, endpoint_group)
);
