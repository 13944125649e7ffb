-- core.order_lines: The lines of an order add up to its total, as ordered and as it stands; not of quarantined orders.
-- $1 = 0.02: what a channel's own total may differ from its lines (limits.total_tolerance); as it stands: nothing.
with

sums as (
    select
        orders.order_key,
        orders.order_total_incl_vat,
        orders.order_total_current_incl_vat,
        sum(order_lines.line_total_incl_vat)
        + coalesce(orders.shipping_cost_incl_vat, 0)
        - coalesce(orders.order_discounts, 0) as lines_incl_vat,
        sum(order_lines.line_current_incl_vat)
        -- A net price list has its shipping among the lines.
        + case
            when count(order_lines.line_total_incl_vat) > 0 then coalesce(orders.shipping_cost_incl_vat, 0)
            else 0
        end as lines_current_incl_vat,
        count(*) - count(order_lines.line_total_incl_vat) as lines_unknown,
        count(*) - count(order_lines.line_current_incl_vat) as lines_current_unknown
    from core.orders
    inner join core.order_lines on orders.order_key = order_lines.order_key
    where not orders.is_quarantined
    group by
        orders.order_key,
        orders.order_total_incl_vat,
        orders.order_total_current_incl_vat,
        orders.shipping_cost_incl_vat,
        orders.order_discounts
)

select
    order_key,
    order_total_incl_vat,
    lines_incl_vat,
    order_total_current_incl_vat,
    lines_current_incl_vat
from sums
where
    (lines_unknown = 0 and abs(order_total_incl_vat - lines_incl_vat) > $1)
    or (lines_current_unknown = 0 and order_total_current_incl_vat <> lines_current_incl_vat)
