-- Reservations of carts are a term of every position, and every posting of an outside cause has a key of its own.
alter table stock_positions add column reserved bigint not null default 0;
alter table stock_movements add column reserved_delta bigint not null default 0;
alter table stock_movements add column source varchar(60);
alter table stock_movements add column posting_key varchar(200);
create unique index stock_movements_by_posting_key on stock_movements (posting_key);
create index stock_movements_by_booking on stock_movements (sku, booked_at);

-- A line of a bundle demands its parts; the first of them carries how many bundles the channel still owes.
alter table line_demand add column bundle_sku varchar(200);
alter table line_demand add column bundle_quantity bigint;

create table bundle_parts (
    bundle_sku varchar(200) not null,
    part_sku varchar(200) not null,
    quantity bigint not null,
    updated_at $instant$ not null,
    primary key (bundle_sku, part_sku)
);
create index bundle_parts_by_part on bundle_parts (part_sku);

create table reservations (
    reservation_id varchar(40) not null,
    account varchar(40) not null,
    request_key varchar(200) not null,
    request_hash varchar(64) not null,
    shopper varchar(64),
    state varchar(20) not null,
    created_at $instant$ not null,
    expires_at $instant$ not null,
    ended_at $instant$,
    reason varchar(200),
    order_reference varchar(200),
    order_key varchar(250),
    primary key (reservation_id)
);
create unique index reservations_by_request on reservations (account, request_key);
create index reservations_due on reservations (state, expires_at);
create index reservations_by_order on reservations (account, order_reference);

create table reservation_lines (
    reservation_id varchar(40) not null,
    sku varchar(200) not null,
    part_sku varchar(200) not null,
    location varchar(40) not null,
    asked_quantity bigint not null,
    quantity bigint not null,
    primary key (reservation_id, sku, part_sku)
);
create index reservation_lines_by_part on reservation_lines (part_sku);

-- What is on its way, what lies at suppliers, and what is held back because news of sales comes late.
create table incoming_stock (
    account varchar(40) not null,
    purchase_order varchar(100) not null,
    line_id varchar(100) not null,
    sku varchar(200) not null,
    location varchar(40) not null,
    quantity_ordered bigint not null,
    quantity_received bigint not null,
    expected_on varchar(10),
    supplier varchar(200),
    unit_cost $money4$,
    stated_at $instant$ not null,
    receipt_seq bigint not null,
    primary key (account, purchase_order, line_id)
);
create index incoming_stock_by_sku on incoming_stock (sku, location);

create table supplier_stock (
    account varchar(40) not null,
    supplier varchar(200) not null,
    sku varchar(200) not null,
    quantity bigint not null,
    lead_days integer,
    unit_cost $money4$,
    stated_at $instant$ not null,
    receipt_seq bigint not null,
    primary key (account, supplier, sku)
);
create index supplier_stock_by_sku on supplier_stock (sku);

create table stock_buffers (
    account varchar(40) not null,
    sku varchar(200) not null,
    buffer bigint not null,
    lag_seconds bigint not null,
    demand_milli_per_day bigint not null,
    lost_per_day $money4$,
    computed_at $instant$ not null,
    primary key (account, sku)
);

-- What became of every number, one row an event: the present state alone cannot say what was known when.
create table channel_stock_events (
    event_seq bigint not null,
    account varchar(40) not null,
    offer_id varchar(200) not null,
    sku varchar(200) not null,
    kind varchar(20) not null,
    quantity bigint,
    version bigint not null,
    happened_at $instant$ not null,
    reason text,
    primary key (event_seq)
);
create index channel_stock_events_by_offer on channel_stock_events (account, offer_id, event_seq);
create index channel_stock_events_by_sku on channel_stock_events (sku, happened_at);
insert into counters (name, value) values ('stock_event_seq', 0);

create table oversell_cases (
    case_key varchar(300) not null,
    account varchar(40) not null,
    order_key varchar(250) not null,
    line_id varchar(200) not null,
    sku varchar(200) not null,
    quantity bigint not null,
    cause varchar(40) not null,
    is_avoidable boolean not null,
    late_seconds bigint,
    accepted_at $instant$ not null,
    known_at $instant$ not null,
    explanation text not null,
    opened_at $instant$ not null,
    change_seq bigint not null,
    primary key (case_key)
);
create index oversell_cases_by_change on oversell_cases (change_seq);

-- The fast lane: what was delivered to us, durable before it is answered, and what an instance did in a minute.
create table webhook_deliveries (
    account varchar(40) not null,
    delivery_key varchar(200) not null,
    topic varchar(100) not null,
    external_id varchar(200),
    received_at $instant$ not null,
    state varchar(20) not null,
    attempts integer not null,
    not_before $instant$,
    done_at $instant$,
    reason text,
    primary key (account, delivery_key)
);
create index webhook_deliveries_due on webhook_deliveries (state, received_at);

create table lane_minutes (
    minute $instant$ not null,
    instance varchar(60) not null,
    account varchar(40) not null,
    asset varchar(100) not null,
    figures text not null,
    reported_at $instant$,
    primary key (minute, instance, account, asset)
);
create index lane_minutes_to_report on lane_minutes (reported_at, minute);

create table account_stops (
    account varchar(40) not null,
    what varchar(20) not null,
    stopped_at $instant$ not null,
    reason text not null,
    primary key (account, what)
);

-- When so many pieces of a line were cancelled, by the earliest version that said so: what was owed at a past moment.
create table cancellation_evidence (
    order_key varchar(250) not null,
    line_id varchar(200) not null,
    quantity bigint not null,
    occurred_at $instant$ not null,
    primary key (order_key, line_id, quantity)
);

-- Which place serves which account, as the settings say: stock per location and channel is asked in the warehouse.
create table stock_locations (
    account varchar(40) not null,
    location varchar(40) not null,
    is_serving boolean not null,
    change_seq bigint not null,
    primary key (account, location)
);
create index stock_locations_by_change on stock_locations (change_seq);

-- Up to which movement sales were looked at for pieces that were not there.
insert into counters (name, value) values ('oversell_done_seq', 0);
create index channel_stock_events_by_kind on channel_stock_events (account, kind, happened_at);
create index oversell_cases_by_sku on oversell_cases (sku, accepted_at);
create index line_demand_by_time on line_demand (sku, placed_at);

-- The newest complete list of a kind: what an older one says, or leaves out, changes nothing any more.
create table complete_lists (
    account varchar(40) not null,
    kind varchar(40) not null,
    scope varchar(200) not null,
    stated_at $instant$ not null,
    receipt_seq bigint not null,
    primary key (account, kind, scope)
);
