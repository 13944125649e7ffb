-- mart.orders: the order list with what details need. One row per order_key; only orders in core.touched_orders.
with

-- Joined on placed_at too: an engine with zone maps then reads only the days of the touched orders.
-- Shipped is what the channel says or what our own shipments say, whichever is further.
touched_lines as (
    select
        orders.order_key,
        order_lines.quantity,
        order_lines.quantity_cancelled,
        greatest(
            coalesce(order_lines.quantity_shipped, order_lines.quantity_departed),
            coalesce(order_lines.quantity_departed, order_lines.quantity_shipped)
        ) as quantity_shipped,
        order_lines.quantity_refunded,
        order_lines.line_discount_incl_vat,
        order_lines.line_current_incl_vat,
        order_lines.commission,
        order_lines.line_kind = 'goods' as is_goods,
        order_lines.line_kind = 'shipping' as is_shipping
    from core.touched_orders
    inner join core.orders on touched_orders.order_key = orders.order_key
    inner join core.order_lines
        on orders.order_key = order_lines.order_key and orders.placed_at = order_lines.placed_at
),

line_sums as (
    select
        order_key,
        count(*) as lines_count,
        cast(sum(quantity) filter (where is_goods) as bigint) as quantity,
        cast(sum(quantity_cancelled) filter (where is_goods) as bigint) as quantity_cancelled,
        cast(sum(quantity_shipped) filter (where is_goods) as bigint) as quantity_shipped,
        cast(sum(quantity_refunded) filter (where is_goods) as bigint) as quantity_refunded,
        sum(line_discount_incl_vat) as line_discounts_incl_vat,
        sum(line_current_incl_vat) filter (where is_shipping) as shipping_lines_incl_vat,
        sum(commission) as line_commission,
        count(*) filter (where is_goods and commission is null) as lines_without_commission
    from touched_lines
    group by order_key
),

reasons as (
    select
        quarantine.entity_key as order_key,
        string_agg(distinct quarantine.reason, ' | ' order by quarantine.reason) as open_reasons
    from core.touched_orders
    inner join core.quarantine on touched_orders.order_key = quarantine.entity_key
    where quarantine.resolved_at is null
    group by quarantine.entity_key
)

select
    orders.order_key,
    orders.account,
    orders.system,
    orders.channel,
    orders.external_order_id,
    orders.order_number,
    orders.customer_reference,
    orders.order_kind,
    orders.order_status,
    orders.payment_status,
    orders.fulfilment_status,
    orders.currency_code,
    orders.ship_country,
    orders.bill_country,
    orders.must_flag,
    reasons.open_reasons,
    invoices.invoice_key,
    invoices.reference as invoice_reference,
    invoices.state as invoice_state,
    invoices.entry_number as invoice_entry_number,
    coalesce(line_sums.lines_count, 0) as lines_count,
    line_sums.quantity,
    line_sums.quantity_cancelled,
    line_sums.quantity_shipped,
    line_sums.quantity_refunded,
    orders.order_total_incl_vat,
    orders.order_total_current_incl_vat,
    orders.order_total_current_excl_vat,
    orders.order_vat_amount,
    case
        when orders.shipping_cost_incl_vat is null then line_sums.shipping_lines_incl_vat
        else orders.shipping_cost_incl_vat + coalesce(line_sums.shipping_lines_incl_vat, 0)
    end as shipping_incl_vat,
    case
        when orders.order_discounts is null then line_sums.line_discounts_incl_vat
        else orders.order_discounts + coalesce(line_sums.line_discounts_incl_vat, 0)
    end as discounts_incl_vat,
    orders.refunded_total_incl_vat,
    case
        when orders.commission_total is not null then orders.commission_total
        when line_sums.lines_without_commission = 0 then line_sums.line_commission
    end as commission,
    orders.counts_in_revenue and not orders.is_quarantined and not orders.is_test as is_counted,
    orders.is_quarantined,
    orders.is_test,
    orders.is_history,
    orders.is_business,
    orders.own_fulfilment,
    orders.ordered_at,
    orders.order_date,
    orders.completed_at,
    orders.changed_at
from core.touched_orders
inner join core.orders on touched_orders.order_key = orders.order_key
left join line_sums on orders.order_key = line_sums.order_key
left join reasons on orders.order_key = reasons.order_key
left join core.invoice_orders on orders.order_key = invoice_orders.order_key
left join core.invoices on invoice_orders.invoice_key = invoices.invoice_key
