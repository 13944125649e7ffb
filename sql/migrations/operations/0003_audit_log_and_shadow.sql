-- Who decided what, for ever; and what an observing account would have done, held against what its channel shows.
create table audit_log (
    audit_seq bigint not null,
    noted_at $instant$ not null,
    kind varchar(40) not null,
    account varchar(40),
    subject varchar(250) not null,
    value_before text,
    value_after text,
    decided_by varchar(60) not null,
    primary key (audit_seq)
);
create index audit_log_by_account on audit_log (account, audit_seq);

create table shadow_days (
    account varchar(40) not null,
    business_day date not null,
    kind varchar(20) not null,
    comparisons bigint not null,
    failures bigint not null,
    compared bigint not null,
    equal bigint not null,
    unsettled bigint not null,
    differing bigint not null,
    attempted_at $instant$ not null,
    compared_at $instant$,
    problem text,
    primary key (account, business_day, kind)
);

create table shadow_differences (
    difference_seq bigint not null,
    account varchar(40) not null,
    kind varchar(20) not null,
    subject varchar(250) not null,
    sku varchar(200),
    ours text not null,
    theirs text not null,
    reason text,
    first_seen_at $instant$ not null,
    ours_since $instant$ not null,
    last_seen_at $instant$ not null,
    times bigint not null,
    counted_at $instant$,
    resolved_at $instant$,
    primary key (difference_seq)
);
create index shadow_differences_open on shadow_differences (account, kind, resolved_at);

-- Orders whose acceptance was found equal once: what stock or master say later changes nothing about that.
create table shadow_acceptances (
    order_key varchar(250) not null,
    account varchar(40) not null,
    judged_at $instant$ not null,
    primary key (order_key)
);
create index shadow_acceptances_by_age on shadow_acceptances (account, judged_at);

insert into counters (name, value) values ('audit_seq', 0), ('difference_seq', 0);
