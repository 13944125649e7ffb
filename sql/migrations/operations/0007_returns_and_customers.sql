-- What customers announced to send back, and who they are where a shop tells; a return moves no goods and no money.
create table channel_returns (
    return_key varchar(250) not null primary key,
    account varchar(40) not null,
    system varchar(40) not null,
    external_return_id varchar(200) not null,
    registered_at $instant$,
    changed_at $instant$ not null,
    read_began_at $instant$ not null,
    content_hash varchar(64) not null,
    receipt_seq bigint not null,
    change_seq bigint not null
);
create index channel_returns_by_account on channel_returns (account, external_return_id);
create index channel_returns_by_change on channel_returns (change_seq);

create table channel_return_lines (
    return_key varchar(250) not null,
    return_line_id varchar(200) not null,
    external_order_id varchar(200),
    external_line_id varchar(200),
    ean_said varchar(200),
    order_key varchar(250),
    line_id varchar(200),
    sku varchar(200),
    quantity bigint,
    state varchar(20) not null,
    state_said varchar(200),
    reason_code varchar(200),
    reason_label varchar(200),
    own_fulfilment boolean not null,
    remarks text not null,
    primary key (return_key, return_line_id)
);
create index channel_return_lines_by_order on channel_return_lines (order_key, line_id);

-- Personal: never in the warehouse, a log or a message.
create table channel_customers (
    customer_key varchar(250) not null primary key,
    account varchar(40) not null,
    external_customer_id varchar(200) not null,
    customer_number varchar(100),
    buyer text not null,
    billing_address text,
    changed_at $instant$ not null,
    read_began_at $instant$ not null
);
create index channel_customers_by_account on channel_customers (account, external_customer_id);
