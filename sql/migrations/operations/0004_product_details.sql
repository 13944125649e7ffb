-- What the master says of an article beyond what orders and stock need; apart, because a supplier's e-mail is personal.
create table product_details (
    sku varchar(200) not null,
    short_description text,
    long_description text,
    weight_unit varchar(10),
    attributes text not null,
    category varchar(200),
    related_skus text not null,
    photo_urls text not null,
    stock_status varchar(40),
    supplier_email varchar(254),
    order_multiple integer,
    updated_at $instant$ not null,
    primary key (sku)
);
