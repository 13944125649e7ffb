-- mart.revenue_per_channel_month: Revenue per month is the sum of its days.
with

both_sides as (
    select
        cast(date_trunc('month', cast(order_date as timestamp)) as date) as month_start,
        channel,
        account,
        ship_country,
        currency_code,
        orders,
        units,
        coalesce(gross_revenue_incl_vat, 0) as gross,
        coalesce(net_revenue_excl_vat, 0) as net,
        revenue_after_refunds_incl_vat as after_refunds
    from mart.revenue_per_channel_day
    union all
    select
        month_start,
        channel,
        account,
        ship_country,
        currency_code,
        -orders as orders,
        -units as units,
        -coalesce(gross_revenue_incl_vat, 0) as gross,
        -coalesce(net_revenue_excl_vat, 0) as net,
        -revenue_after_refunds_incl_vat as after_refunds
    from mart.revenue_per_channel_month
)

select
    month_start,
    channel,
    account,
    ship_country,
    currency_code,
    cast(sum(orders) as bigint) as orders_missing,
    cast(sum(units) as bigint) as units_missing,
    sum(gross) as gross_missing,
    sum(net) as net_missing,
    sum(after_refunds) as after_refunds_missing
from both_sides
group by month_start, channel, account, ship_country, currency_code
having
    sum(orders) <> 0
    or sum(units) <> 0
    or sum(gross) <> 0
    or sum(net) <> 0
    or sum(after_refunds) <> 0
