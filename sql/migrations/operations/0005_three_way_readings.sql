-- What the channels and the books themselves say, read anew for the three-way comparison.
create table day_readings (
    account varchar(40) not null,
    order_date date not null,
    state varchar(20) not null,
    reason text,
    books_state varchar(20) not null,
    books_reason text,
    invoicing_trigger varchar(10) not null,
    orders_not_read bigint not null,
    read_at $instant$ not null,
    change_seq bigint not null,
    primary key (account, order_date)
);
create index day_readings_by_change on day_readings (change_seq);

create table order_readings (
    order_key varchar(250) not null primary key,
    account varchar(40) not null,
    external_order_id varchar(200) not null,
    order_number varchar(200),
    order_date date,
    currency_code varchar(3),
    is_listed boolean not null,
    is_counted boolean,
    is_missing boolean not null,
    pieces bigint,
    order_total_current_incl_vat $money2$,
    content_hash varchar(64),
    reason text,
    read_at $instant$ not null,
    change_seq bigint not null
);
create index order_readings_by_day on order_readings (account, order_date);
create index order_readings_by_change on order_readings (change_seq);

create table entry_readings (
    invoice_key varchar(250) not null primary key,
    account varchar(40) not null,
    books varchar(40) not null,
    reference varchar(60) not null,
    entries bigint not null,
    entry_date date,
    amount_incl_vat $money2$,
    read_at $instant$ not null,
    change_seq bigint not null
);
create index entry_readings_by_change on entry_readings (change_seq);

-- What the warehouse counted for the order when its entry was planned: what it counts later may be another amount.
alter table invoice_orders add column planned_total_incl_vat $money2$;
