-- operations 0001: the first form of the operations store. $instant$, $money2$, $money4$ and $bytes$ are each store's own type.

create table alerts (
    alert_key varchar(200) not null,
    severity varchar(10) not null,
    message text not null,
    first_seen_at $instant$ not null,
    last_seen_at $instant$ not null,
    times integer not null,
    resolved_at $instant$,
    primary key (alert_key)
);

create table bodies (
    content_hash varchar(64) not null,
    content $bytes$ not null,
    encoding varchar(10) not null,
    size_bytes bigint not null,
    first_received_at $instant$ not null,
    redacted_at $instant$,
    primary key (content_hash)
);

create table channel_offers (
    account varchar(40) not null,
    offer_id varchar(200) not null,
    ean varchar(40),
    reference varchar(200),
    sku varchar(200),
    is_own_fulfilment boolean not null,
    subtracts_open_orders boolean not null,
    max_quantity bigint not null,
    is_for_sale boolean,
    stock_set bigint,
    stock_shown bigint,
    is_listed boolean not null,
    seen_at $instant$ not null,
    primary key (account, offer_id)
);
create index channel_offers_by_sku on channel_offers (sku);

create table channel_stock (
    account varchar(40) not null,
    offer_id varchar(200) not null,
    sku varchar(200) not null,
    desired_quantity bigint not null,
    desired_version bigint not null,
    available_quantity bigint not null,
    own_open_quantity bigint not null,
    order_watermark $instant$,
    sent_quantity bigint,
    sent_version bigint not null,
    sent_at $instant$,
    confirmed_quantity bigint,
    confirmed_version bigint not null,
    confirmed_at $instant$,
    read_back_quantity bigint,
    read_back_at $instant$,
    state varchar(20) not null,
    reason text,
    write_reference varchar(200),
    attempts integer not null,
    not_before $instant$,
    change_seq bigint not null,
    primary key (account, offer_id)
);
create index channel_stock_by_change on channel_stock (change_seq);
create index channel_stock_by_sku on channel_stock (sku);
create index channel_stock_due on channel_stock (account, state);

create table counters (
    name varchar(40) not null,
    value bigint not null,
    primary key (name)
);

create table cursors (
    account varchar(40) not null,
    stream varchar(40) not null,
    complete_at $instant$,
    attempted_at $instant$,
    failed_since $instant$,
    reason text,
    primary key (account, stream)
);

create table fetch_backlog (
    account varchar(40) not null,
    external_id varchar(200) not null,
    changed_at $instant$,
    listed_at $instant$ not null,
    attempts integer not null,
    reason text,
    not_before $instant$,
    primary key (account, external_id)
);

create table files (
    account varchar(40) not null,
    content_hash varchar(64) not null,
    name varchar(255) not null,
    kind varchar(40),
    state varchar(20) not null,
    reason text,
    rows_read bigint not null,
    counts text not null,
    received_at $instant$ not null,
    finished_at $instant$,
    primary key (account, content_hash)
);

create table invoice_holds (
    order_key varchar(250) not null,
    account varchar(40) not null,
    reason_code varchar(40) not null,
    reason text not null,
    since $instant$ not null,
    primary key (order_key)
);

create table invoice_orders (
    order_key varchar(250) not null,
    invoice_key varchar(250) not null,
    amount_incl_vat $money2$ not null,
    vat_amount $money2$ not null,
    primary key (order_key)
);
create index invoice_orders_by_invoice on invoice_orders (invoice_key);

create table invoices (
    invoice_key varchar(250) not null,
    account varchar(40) not null,
    books varchar(40) not null,
    reference varchar(60) not null,
    grouping varchar(10) not null,
    invoice_date date not null,
    currency_code varchar(3) not null,
    amount_incl_vat $money2$ not null,
    amount_excl_vat $money2$ not null,
    vat_amount $money2$ not null,
    lines text not null,
    state varchar(20) not null,
    entry_id varchar(100),
    entry_number varchar(40),
    planned_at $instant$ not null,
    booked_at $instant$,
    change_seq bigint not null,
    primary key (invoice_key)
);
create index invoices_by_change on invoices (change_seq);
create unique index invoices_by_reference on invoices (books, reference);

create table leases (
    name varchar(120) not null,
    holder varchar(80) not null,
    fence bigint not null,
    expires_at $instant$ not null,
    primary key (name)
);

create table line_demand (
    order_key varchar(250) not null,
    line_id varchar(200) not null,
    account varchar(40) not null,
    sku varchar(200) not null,
    location varchar(40) not null,
    open_quantity bigint not null,
    placed_at $instant$ not null,
    primary key (order_key, line_id)
);
create index line_demand_open on line_demand (sku, account, open_quantity);

create table line_shipped (
    order_key varchar(250) not null,
    line_id varchar(200) not null,
    evidence_key varchar(120) not null,
    sku varchar(200) not null,
    location varchar(40) not null,
    quantity bigint not null,
    occurred_at $instant$ not null,
    primary key (order_key, line_id, evidence_key)
);

create table order_lines (
    order_key varchar(250) not null,
    line_id varchar(200) not null,
    line_number integer not null,
    line_kind varchar(20) not null,
    sku_said varchar(200),
    ean_said varchar(200),
    sku varchar(200),
    title text,
    offer_id varchar(200),
    vat_class varchar(40),
    quantity bigint,
    quantity_cancelled bigint,
    quantity_shipped bigint,
    quantity_refunded bigint,
    quantity_departed bigint,
    unit_price_incl_vat $money4$,
    unit_price_excl_vat $money4$,
    line_discount_incl_vat $money2$,
    line_total_incl_vat $money2$,
    line_total_excl_vat $money2$,
    line_current_incl_vat $money2$,
    line_current_excl_vat $money2$,
    line_vat_amount $money2$,
    commission $money2$,
    vat_rate_pct $money2$,
    own_fulfilment boolean not null,
    is_known boolean not null,
    changed_at $instant$,
    source_row integer,
    primary key (order_key, line_id)
);
create index order_lines_by_sku on order_lines (sku);

create table order_people (
    order_key varchar(250) not null,
    buyer text not null,
    shipping_address text,
    billing_address text,
    primary key (order_key)
);

create table orders (
    order_key varchar(250) not null,
    account varchar(40) not null,
    system varchar(40) not null,
    channel varchar(40) not null,
    external_order_id varchar(200) not null,
    order_number varchar(200),
    order_kind varchar(10) not null,
    customer_reference varchar(200),
    customer_number varchar(100),
    currency_code varchar(3),
    ship_country varchar(2),
    bill_country varchar(2),
    order_status varchar(20),
    payment_status varchar(20),
    fulfilment_status varchar(20),
    must_flag text not null,
    quarantine_reasons text not null,
    shipping_cost_incl_vat $money2$,
    order_discounts $money2$,
    order_total_incl_vat $money2$,
    order_total_current_incl_vat $money2$,
    order_total_excl_vat $money2$,
    order_total_current_excl_vat $money2$,
    order_vat_amount $money2$,
    refunded_total_incl_vat $money2$,
    commission_total $money2$,
    is_business boolean,
    counts_in_revenue boolean not null,
    own_fulfilment boolean not null,
    is_history boolean not null,
    is_test boolean not null,
    is_quarantined boolean not null,
    ordered_at $instant$,
    order_date date,
    completed_at $instant$,
    changed_at $instant$ not null,
    read_began_at $instant$ not null,
    content_hash varchar(64) not null,
    receipt_seq bigint not null,
    invoice_key varchar(250),
    first_received_at $instant$ not null,
    change_seq bigint not null,
    primary key (order_key)
);
create index orders_by_account on orders (account, is_quarantined);
create unique index orders_by_change on orders (change_seq);
create index orders_by_number on orders (order_number);
create index orders_to_invoice on orders (account, invoice_key, completed_at);

create table outbox (
    effect_key varchar(250) not null,
    account varchar(40) not null,
    kind varchar(40) not null,
    subject_key varchar(250) not null,
    mode varchar(10) not null,
    payload text not null,
    payload_hash varchar(64) not null,
    state varchar(20) not null,
    reason text,
    attempts integer not null,
    not_before $instant$,
    write_reference varchar(200),
    external_id varchar(200),
    planned_at $instant$ not null,
    sent_at $instant$,
    confirmed_at $instant$,
    change_seq bigint not null,
    primary key (effect_key)
);
create index outbox_by_change on outbox (change_seq);
create index outbox_by_subject on outbox (subject_key);
create index outbox_due on outbox (state, account, not_before);

create table pending_shipment_lines (
    pending_key varchar(200) not null,
    account varchar(40) not null,
    order_number varchar(200) not null,
    line text not null,
    reason text not null,
    receipt_seq bigint not null,
    since $instant$ not null,
    primary key (pending_key)
);
create index pending_shipment_lines_by_order on pending_shipment_lines (order_number);

create table product_conflicts (
    conflict_key varchar(64) not null,
    reason_code varchar(40) not null,
    reason text not null,
    skus text not null,
    source_row integer,
    seen_at $instant$ not null,
    primary key (conflict_key)
);

create table product_eans (
    ean varchar(40) not null,
    sku varchar(200) not null,
    primary key (ean)
);
create index product_eans_by_sku on product_eans (sku);

create table products (
    sku varchar(200) not null,
    name text,
    vat_class varchar(40),
    unit varchar(40),
    weight_grams integer,
    cost $money4$,
    supplier varchar(200),
    source varchar(20) not null,
    updated_at $instant$ not null,
    change_seq bigint not null,
    primary key (sku)
);
create index products_by_change on products (change_seq);

create table quarantine (
    quarantine_key varchar(120) not null,
    account varchar(40) not null,
    entity varchar(40) not null,
    entity_key varchar(250) not null,
    receipt_seq bigint not null,
    reason_code varchar(40) not null,
    reason text not null,
    field varchar(200),
    value text,
    line_id varchar(200),
    source_row integer,
    first_seen_at $instant$ not null,
    resolved_at $instant$,
    change_seq bigint not null,
    primary key (quarantine_key)
);
create index quarantine_by_change on quarantine (change_seq);
create index quarantine_by_entity on quarantine (entity_key);
create index quarantine_open on quarantine (resolved_at, account);

create table receipts (
    receipt_seq bigint not null,
    account varchar(40) not null,
    system varchar(40) not null,
    kind varchar(40) not null,
    external_id varchar(200) not null,
    content_hash varchar(64) not null,
    received_at $instant$ not null,
    read_began_at $instant$ not null,
    arrived_by varchar(20) not null,
    request text,
    state varchar(20) not null,
    reason text,
    interpreted_at $instant$,
    primary key (receipt_seq)
);
create index receipts_by_entity on receipts (account, kind, external_id, receipt_seq);
create index receipts_by_hash on receipts (content_hash);
create index receipts_by_state on receipts (state, receipt_seq);

create table shipment_evidence (
    order_key varchar(250) not null,
    line_id varchar(200) not null,
    evidence_key varchar(120) not null,
    is_cumulative boolean not null,
    quantity bigint not null,
    location varchar(40),
    occurred_at $instant$ not null,
    primary key (order_key, line_id, evidence_key)
);

create table shipments (
    shipment_key varchar(250) not null,
    account varchar(40) not null,
    order_key varchar(250) not null,
    carrier varchar(60),
    tracking varchar(200),
    location varchar(40),
    shipped_at $instant$ not null,
    lines text not null,
    receipt_seq bigint not null,
    primary key (shipment_key)
);
create index shipments_by_order on shipments (order_key);

create table stock_movements (
    movement_seq bigint not null,
    sku varchar(200) not null,
    location varchar(40) not null,
    kind varchar(20) not null,
    physical_quantity bigint not null,
    on_hand_delta bigint not null,
    open_demand_delta bigint not null,
    cause varchar(300) not null,
    order_key varchar(250),
    line_id varchar(200),
    occurred_at $instant$ not null,
    booked_at $instant$ not null,
    primary key (movement_seq)
);
create index stock_movements_by_order on stock_movements (order_key);
create index stock_movements_by_position on stock_movements (sku, location, occurred_at);

create table stock_positions (
    sku varchar(200) not null,
    location varchar(40) not null,
    on_hand bigint not null,
    open_demand bigint not null,
    counted_at $instant$,
    counted_quantity bigint,
    updated_at $instant$ not null,
    change_seq bigint not null,
    primary key (sku, location)
);
create index stock_positions_by_change on stock_positions (change_seq);

create table stock_statements (
    statement_key varchar(200) not null,
    kind varchar(20) not null,
    account varchar(40) not null,
    sku varchar(200),
    ean varchar(40),
    location varchar(40) not null,
    quantity bigint not null,
    stated_at $instant$ not null,
    reason text,
    source_row integer,
    is_history boolean not null,
    is_booked boolean not null,
    receipt_seq bigint not null,
    primary key (statement_key)
);
create index stock_statements_by_position on stock_statements (sku, location);

create table tokens (
    token_key varchar(100) not null,
    access_token text,
    refresh_token text,
    obtained_at $instant$,
    expires_at $instant$,
    dead_reason text,
    version bigint not null,
    primary key (token_key)
);

create table warehouse_loads (
    stream varchar(40) not null,
    done_seq bigint not null,
    loaded_at $instant$ not null,
    primary key (stream)
);

insert into counters (name, value) values ('change_seq', 0), ('receipt_seq', 0), ('movement_seq', 0), ('fence', 0);
