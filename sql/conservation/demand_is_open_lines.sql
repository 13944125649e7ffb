-- What is booked as owed is what orders, cancellations and departures say: ordered less cancelled less departed.
-- Judged are orders of accounts that ship from a place (:accounts); departures are parcels, and what a channel's totals
-- say beyond them. A bundle is owed as its parts, as it is made of now.
with

departed as (
    select
        order_key,
        line_id,
        sum(case when is_cumulative then 0 else quantity end) as parcels,
        max(case when is_cumulative then quantity else 0 end) as said
    from shipment_evidence
    where quantity > 0
    group by order_key, line_id
),

lines as (
    select
        order_lines.order_key,
        order_lines.sku,
        case
            when orders.order_status = 'cancelled' then 0
            else
                order_lines.quantity - coalesce(order_lines.quantity_cancelled, 0)
                - case
                    when coalesce(departed.said, 0) > coalesce(departed.parcels, 0) then departed.said
                    else coalesce(departed.parcels, 0)
                end
        end as pieces
    from order_lines
    inner join orders on order_lines.order_key = orders.order_key
    left join departed
        on
            order_lines.order_key = departed.order_key
            and order_lines.line_id = departed.line_id
    where
        orders.account in (:accounts)
        and orders.is_history = false
        and orders.is_test = false
        and orders.order_kind = 'sale'
        and order_lines.line_kind = 'goods'
        and order_lines.own_fulfilment = true
        and order_lines.is_known = true
        and order_lines.sku is not null
),

compared as (
    select
        lines.order_key,
        lines.sku as ordered_sku,
        coalesce(bundle_parts.part_sku, lines.sku) as sku,
        lines.pieces * coalesce(bundle_parts.quantity, 1) as expected,
        0 as booked
    from lines
    left join bundle_parts on lines.sku = bundle_parts.bundle_sku
    where lines.pieces > 0
    union all
    select
        order_key,
        coalesce(bundle_sku, sku) as ordered_sku,
        sku,
        0 as expected,
        open_quantity as booked
    from line_demand
    where account in (:accounts)
)

select
    order_key,
    ordered_sku,
    sku,
    cast(sum(expected) as bigint) as expected,
    cast(sum(booked) as bigint) as booked
from compared
group by order_key, ordered_sku, sku
having sum(expected) <> sum(booked)
order by order_key, ordered_sku, sku
