-- mart.revenue_per_channel_week: revenue per ISO week, channel, account, country and currency; touched weeks only.
with

periods as (
    select distinct cast(date_trunc('week', cast(order_date as timestamp)) as date) as week_start
    from core.touched_days
),

days as (
    select
        revenue_per_channel_day.*,
        cast(date_trunc('week', cast(revenue_per_channel_day.order_date as timestamp)) as date) as week_start
    from mart.revenue_per_channel_day
),

sums as (
    select
        days.channel,
        days.account,
        days.ship_country,
        days.currency_code,
        cast(sum(days.orders) as bigint) as orders,
        cast(sum(days.orders_cancelled) as bigint) as orders_cancelled,
        cast(sum(days.credits) as bigint) as credits,
        cast(sum(days.orders_without_gross) as bigint) as orders_without_gross,
        cast(sum(days.orders_without_net) as bigint) as orders_without_net,
        cast(sum(days.orders_without_vat) as bigint) as orders_without_vat,
        cast(sum(days.orders_without_shipping) as bigint) as orders_without_shipping,
        cast(sum(days.orders_without_commission) as bigint) as orders_without_commission,
        cast(sum(days.credits_without_gross) as bigint) as credits_without_gross,
        cast(sum(days.credits_without_net) as bigint) as credits_without_net,
        sum(days.units) as units,
        sum(days.units_returned) as units_returned,
        sum(days.gross_revenue_incl_vat) as gross_revenue_incl_vat,
        sum(days.net_revenue_excl_vat) as net_revenue_excl_vat,
        sum(days.vat_amount) as vat_amount,
        sum(days.shipping_incl_vat) as shipping_incl_vat,
        sum(days.discounts_incl_vat) as discounts_incl_vat,
        sum(days.refunds_incl_vat) as refunds_incl_vat,
        sum(days.credits_incl_vat) as credits_incl_vat,
        sum(days.credits_excl_vat) as credits_excl_vat,
        sum(days.commission) as commission,
        days.week_start
    from days
    inner join periods on days.week_start = periods.week_start
    group by days.week_start, days.channel, days.account, days.ship_country, days.currency_code
),

-- Nothing sold is 0.00; something sold and nothing known of it stays null, also beside days without a sale.
known as (
    select
        channel,
        account,
        ship_country,
        currency_code,
        orders,
        orders_cancelled,
        credits,
        orders_without_gross,
        orders_without_net,
        orders_without_vat,
        orders_without_shipping,
        orders_without_commission,
        credits_without_gross,
        credits_without_net,
        cast(coalesce(units, 0) as bigint) as units,
        cast(coalesce(units_returned, 0) as bigint) as units_returned,
        cast(
            case
                when orders = 0 or orders > orders_without_gross
                    then coalesce(gross_revenue_incl_vat, 0)
            end as decimal(18, 2)
        ) as gross_revenue_incl_vat,
        cast(
            case
                when orders = 0 or orders > orders_without_net
                    then coalesce(net_revenue_excl_vat, 0)
            end as decimal(18, 2)
        ) as net_revenue_excl_vat,
        cast(
            case
                when orders = 0 or orders > orders_without_vat
                    then coalesce(vat_amount, 0)
            end as decimal(18, 2)
        ) as vat_amount,
        cast(
            case
                when orders = 0 or orders > orders_without_shipping
                    then coalesce(shipping_incl_vat, 0)
            end as decimal(18, 2)
        ) as shipping_incl_vat,
        cast(coalesce(discounts_incl_vat, 0) as decimal(18, 2)) as discounts_incl_vat,
        cast(coalesce(refunds_incl_vat, 0) as decimal(18, 2)) as refunds_incl_vat,
        cast(
            case
                when credits = 0 or credits > credits_without_gross
                    then coalesce(credits_incl_vat, 0)
            end as decimal(18, 2)
        ) as credits_incl_vat,
        cast(
            case
                when credits = 0 or credits > credits_without_net
                    then coalesce(credits_excl_vat, 0)
            end as decimal(18, 2)
        ) as credits_excl_vat,
        cast(
            case
                when orders = 0 or orders > orders_without_commission
                    then coalesce(commission, 0)
            end as decimal(18, 2)
        ) as commission,
        week_start
    from sums
),

-- An average without dividing money, which gives floats on one of the engines: a double finds the quotient of cents and
-- orders to within one, and the exact remainder says which whole cent is nearest, half a cent going away from zero.
quotients as (
    select
        known.*,
        known.orders - known.orders_without_gross as divisor,
        cast(abs(known.gross_revenue_incl_vat) * 100 as bigint) as cents,
        cast(
            floor(
                cast(abs(known.gross_revenue_incl_vat) as double precision) * 100
                / cast(nullif(known.orders - known.orders_without_gross, 0) as double precision)
            ) as bigint
        ) as quotient
    from known
)

select
    channel,
    account,
    ship_country,
    currency_code,
    orders,
    orders_cancelled,
    credits,
    orders_without_gross,
    orders_without_net,
    orders_without_vat,
    orders_without_shipping,
    orders_without_commission,
    credits_without_gross,
    credits_without_net,
    units,
    units_returned,
    gross_revenue_incl_vat,
    net_revenue_excl_vat,
    vat_amount,
    shipping_incl_vat,
    discounts_incl_vat,
    refunds_incl_vat,
    credits_incl_vat,
    credits_excl_vat,
    coalesce(gross_revenue_incl_vat, 0) - refunds_incl_vat
    - coalesce(credits_incl_vat, 0) as revenue_after_refunds_incl_vat,
    commission,
    case when gross_revenue_incl_vat < 0 then -0.01 else 0.01 end * (
        quotient
        + case
            when 2 * (cents - quotient * divisor) >= divisor then 1
            when 2 * (cents - quotient * divisor) < -divisor then -1
            else 0
        end
    ) as average_order_value_incl_vat,
    week_start
from quotients
