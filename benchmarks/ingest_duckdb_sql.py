"""How DuckDB alone takes each system's orders apart: into ``staged_orders`` and ``staged_lines``, for a merge.

Only the members that the tables have are declared; the rest of the text is skipped.
"""

_BOL = """
create temporary table arrived as
select * from read_json(
    '{files}',
    format = 'newline_delimited',
    columns = {{
        orderId: 'VARCHAR',
        orderPlacedDateTime: 'TIMESTAMPTZ',
        shipmentDetails: 'STRUCT(countryCode VARCHAR)',
        billingDetails: 'STRUCT(countryCode VARCHAR)',
        orderItems: 'STRUCT(
            orderItemId VARCHAR, fulfilment STRUCT("method" VARCHAR), offer STRUCT(offerId VARCHAR, reference VARCHAR),
            product STRUCT(ean VARCHAR, title VARCHAR), quantity BIGINT, quantityShipped BIGINT,
            quantityCancelled BIGINT, unitPrice DECIMAL(18, 4), totalPrice DECIMAL(18, 2),
            discounts STRUCT(amount DECIMAL(18, 2))[], commission DECIMAL(18, 2),
            latestChangedDateTime TIMESTAMPTZ
        )[]'
    }}
);
create temporary table staged_lines as
select
    'bol_main:' || orderId as order_key, item.orderItemId as line_id, item.offer.reference as sku_said,
    item.product.ean as ean_said, item.product.title as title, item.offer.offerId as offer_id,
    position as line_number, item.quantity as quantity, item.quantityCancelled as quantity_cancelled,
    item.quantityShipped as quantity_shipped, item.unitPrice as unit_price_incl_vat,
    coalesce(list_sum(list_transform(item.discounts, lambda one: one.amount)), 0) as line_discount_incl_vat,
    item.totalPrice as line_total_incl_vat, item.commission as commission,
    item.fulfilment."method" = 'FBR' as own_fulfilment, item.latestChangedDateTime as changed_at,
    orderPlacedDateTime as placed_at
from (
    select orderId, orderPlacedDateTime, unnest(orderItems) as item, generate_subscripts(orderItems, 1) as position
    from arrived
);
create temporary table staged_orders as
select
    'bol_main:' || orderId as order_key, orderId as external_order_id,
    shipmentDetails.countryCode as ship_country, billingDetails.countryCode as bill_country,
    sums.total as order_total_incl_vat, sums.commission as commission_total, orderPlacedDateTime as ordered_at,
    cast(orderPlacedDateTime at time zone 'Europe/Amsterdam' as date) as order_date, sums.changed_at
from arrived
inner join (
    select
        order_key, sum(line_total_incl_vat) as total, sum(commission) as commission, max(changed_at) as changed_at
    from staged_lines
    group by order_key
) as sums on 'bol_main:' || arrived.orderId = sums.order_key;
"""
_MIRAKL = """
create temporary table arrived as
select * from read_json(
    '{files}',
    format = 'newline_delimited',
    columns = {{
        order_id: 'VARCHAR', created_date: 'TIMESTAMPTZ', last_updated_date: 'TIMESTAMPTZ',
        total_price: 'DECIMAL(18, 2)', total_commission: 'DECIMAL(18, 2)',
        customer: 'STRUCT(
            shipping_address STRUCT(country_iso_code VARCHAR), billing_address STRUCT(country_iso_code VARCHAR)
        )',
        fulfillment: 'STRUCT(center STRUCT(code VARCHAR))',
        order_lines: 'STRUCT(
            order_line_id VARCHAR, offer_sku VARCHAR, product_title VARCHAR, order_line_state VARCHAR, quantity BIGINT,
            origin_unit_price DECIMAL(18, 4), price_unit DECIMAL(18, 4), price DECIMAL(18, 2),
            total_commission DECIMAL(18, 2), cancelations STRUCT(quantity BIGINT)[], last_updated_date TIMESTAMPTZ
        )[]'
    }}
);
create temporary table staged_lines as
select
    'mirakl_main:' || order_id as order_key, item.order_line_id as line_id, item.offer_sku as sku_said,
    cast(null as text) as ean_said, item.product_title as title, item.offer_sku as offer_id,
    position as line_number, item.quantity as quantity,
    coalesce(list_sum(list_transform(item.cancelations, lambda one: one.quantity)), 0) as quantity_cancelled,
    case when item.order_line_state in ('SHIPPED', 'RECEIVED') then item.quantity else 0 end as quantity_shipped,
    item.origin_unit_price as unit_price_incl_vat,
    (item.origin_unit_price - item.price_unit) * item.quantity as line_discount_incl_vat,
    item.price as line_total_incl_vat, item.total_commission as commission,
    fulfillment.center.code = 'DEFAULT' as own_fulfilment, item.last_updated_date as changed_at,
    created_date as placed_at
from (
    select
        order_id, created_date, fulfillment, unnest(order_lines) as item,
        generate_subscripts(order_lines, 1) as position
    from arrived
);
create temporary table staged_orders as
select
    'mirakl_main:' || order_id as order_key, order_id as external_order_id,
    customer.shipping_address.country_iso_code as ship_country,
    customer.billing_address.country_iso_code as bill_country,
    total_price as order_total_incl_vat, total_commission as commission_total, created_date as ordered_at,
    cast(created_date at time zone 'Europe/Amsterdam' as date) as order_date, last_updated_date as changed_at
from arrived;
"""
_SHOPWARE = """
create temporary table arrived as
select * from read_json(
    '{files}',
    format = 'newline_delimited',
    columns = {{
        id: 'VARCHAR', orderDateTime: 'TIMESTAMPTZ', createdAt: 'TIMESTAMPTZ', updatedAt: 'TIMESTAMPTZ',
        amountTotal: 'DECIMAL(18, 2)',
        billingAddress: 'STRUCT(country STRUCT(iso VARCHAR))',
        deliveries: 'STRUCT(
            shippingOrderAddress STRUCT(country STRUCT(iso VARCHAR)), stateMachineState STRUCT(technicalName VARCHAR)
        )[]',
        lineItems: 'STRUCT(
            id VARCHAR, "type" VARCHAR, payload STRUCT(productNumber VARCHAR), product STRUCT(ean VARCHAR),
            label VARCHAR, productId VARCHAR, quantity BIGINT, unitPrice DECIMAL(18, 4), totalPrice DECIMAL(18, 2),
            createdAt TIMESTAMPTZ, updatedAt TIMESTAMPTZ
        )[]'
    }}
);
create temporary table staged_lines as
select
    'shopware_main:' || id as order_key, item.id as line_id, item.payload.productNumber as sku_said,
    item.product.ean as ean_said, item.label as title, item.productId as offer_id,
    position as line_number, item.quantity as quantity, 0 as quantity_cancelled,
    case when deliveries[1].stateMachineState.technicalName = 'shipped' then item.quantity else 0 end
        as quantity_shipped,
    item.unitPrice as unit_price_incl_vat, 0 as line_discount_incl_vat, item.totalPrice as line_total_incl_vat,
    cast(null as decimal(18, 2)) as commission, true as own_fulfilment,
    coalesce(item.updatedAt, item.createdAt) as changed_at, orderDateTime as placed_at
from (
    select
        id, orderDateTime, deliveries, unnest(lineItems) as item, generate_subscripts(lineItems, 1) as position
    from arrived
)
where item."type" = 'product';
create temporary table staged_orders as
select
    'shopware_main:' || id as order_key, id as external_order_id,
    deliveries[1].shippingOrderAddress.country.iso as ship_country, billingAddress.country.iso as bill_country,
    amountTotal as order_total_incl_vat, cast(null as decimal(18, 2)) as commission_total,
    orderDateTime as ordered_at, cast(orderDateTime at time zone 'Europe/Amsterdam' as date) as order_date,
    coalesce(updatedAt, createdAt) as changed_at
from arrived;
"""

STAGES = {"bol": _BOL, "mirakl": _MIRAKL, "shopware": _SHOPWARE}
"""Statements by system; ``files`` is to be filled in."""
