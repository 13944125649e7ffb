-- mart.revenue_per_channel_day: Revenue per day is the sum of the orders and lines that count, to the cent.
with

pieces as (
    select
        order_key,
        sum(coalesce(quantity, 0) - coalesce(quantity_cancelled, 0)) as units
    from core.order_lines
    where line_kind = 'goods'
    group by order_key
),

counted as (
    select
        orders.order_date,
        orders.channel,
        orders.account,
        orders.ship_country,
        orders.currency_code,
        orders.order_kind,
        coalesce(pieces.units, 0) as units,
        coalesce(orders.order_total_current_incl_vat, 0) as incl_vat,
        coalesce(orders.order_total_current_excl_vat, 0) as excl_vat,
        coalesce(orders.order_vat_amount, 0) as vat_amount,
        coalesce(orders.refunded_total_incl_vat, 0) as refunds
    from core.orders
    left join pieces on orders.order_key = pieces.order_key
    where
        orders.counts_in_revenue
        and not orders.is_quarantined
        and not orders.is_test
        and orders.order_date is not null
        and (orders.order_kind = 'credit' or coalesce(orders.order_status, '') <> 'cancelled')
),

both_sides as (
    select
        order_date,
        channel,
        account,
        ship_country,
        currency_code,
        case when order_kind = 'sale' then 1 else 0 end as orders,
        case when order_kind = 'credit' then 1 else 0 end as credits,
        case when order_kind = 'sale' then units else 0 end as units,
        case when order_kind = 'sale' then incl_vat else 0 end as gross,
        case when order_kind = 'sale' then excl_vat else 0 end as net,
        case when order_kind = 'sale' then vat_amount else 0 end as vat,
        case when order_kind = 'sale' then refunds else 0 end as refunds,
        case when order_kind = 'credit' then abs(incl_vat) else 0 end as credits_incl_vat,
        case when order_kind = 'credit' then abs(excl_vat) else 0 end as credits_excl_vat
    from counted
    union all
    select
        order_date,
        channel,
        account,
        ship_country,
        currency_code,
        -orders as orders,
        -credits as credits,
        -units as units,
        -coalesce(gross_revenue_incl_vat, 0) as gross,
        -coalesce(net_revenue_excl_vat, 0) as net,
        -coalesce(vat_amount, 0) as vat,
        -refunds_incl_vat as refunds,
        -coalesce(credits_incl_vat, 0) as credits_incl_vat,
        -coalesce(credits_excl_vat, 0) as credits_excl_vat
    from mart.revenue_per_channel_day
)

select
    order_date,
    channel,
    account,
    ship_country,
    currency_code,
    cast(sum(orders) as bigint) as orders_missing,
    cast(sum(credits) as bigint) as credits_missing,
    cast(sum(units) as bigint) as units_missing,
    sum(gross) as gross_missing,
    sum(net) as net_missing,
    sum(vat) as vat_missing,
    sum(refunds) as refunds_missing,
    sum(credits_incl_vat) as credits_incl_vat_missing,
    sum(credits_excl_vat) as credits_excl_vat_missing
from both_sides
group by order_date, channel, account, ship_country, currency_code
having
    sum(orders) <> 0
    or sum(credits) <> 0
    or sum(units) <> 0
    or sum(gross) <> 0
    or sum(net) <> 0
    or sum(vat) <> 0
    or sum(refunds) <> 0
    or sum(credits_incl_vat) <> 0
    or sum(credits_excl_vat) <> 0
