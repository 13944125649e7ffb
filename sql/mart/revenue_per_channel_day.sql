-- mart.revenue_per_channel_day: revenue per business day, channel, account, country and currency; touched days only.
with

-- A credit gives back, whatever sign its system writes; an order cancelled as a whole sold nothing.
classified as (
    select
        orders.channel,
        orders.account,
        orders.ship_country,
        orders.currency_code,
        orders.quantity,
        orders.quantity_cancelled,
        orders.quantity_refunded,
        orders.order_total_current_incl_vat,
        orders.order_total_current_excl_vat,
        orders.order_vat_amount,
        orders.shipping_incl_vat,
        orders.discounts_incl_vat,
        orders.refunded_total_incl_vat,
        orders.commission,
        orders.order_kind = 'sale' and coalesce(orders.order_status, '') = 'cancelled' as is_cancelled,
        orders.order_kind = 'sale' and coalesce(orders.order_status, '') <> 'cancelled' as is_order,
        orders.order_kind = 'credit' as is_credit,
        orders.order_date
    from mart.orders
    inner join core.touched_days on orders.order_date = touched_days.order_date
    where orders.is_counted
),

sums as (
    select
        channel,
        account,
        ship_country,
        currency_code,
        count(*) filter (where is_order) as orders,
        count(*) filter (where is_cancelled) as orders_cancelled,
        count(*) filter (where is_credit) as credits,
        count(*) filter (where is_order and order_total_current_incl_vat is null) as orders_without_gross,
        count(*) filter (where is_order and order_total_current_excl_vat is null) as orders_without_net,
        count(*) filter (where is_order and order_vat_amount is null) as orders_without_vat,
        count(*) filter (where is_order and shipping_incl_vat is null) as orders_without_shipping,
        count(*) filter (where is_order and commission is null) as orders_without_commission,
        count(*) filter (where is_credit and order_total_current_incl_vat is null) as credits_without_gross,
        count(*) filter (where is_credit and order_total_current_excl_vat is null) as credits_without_net,
        sum(coalesce(quantity, 0) - coalesce(quantity_cancelled, 0)) filter (where is_order) as units,
        sum(
            case
                when is_credit then abs(coalesce(quantity, 0) - coalesce(quantity_cancelled, 0))
                when is_order then coalesce(quantity_refunded, 0)
            end
        ) as units_returned,
        sum(order_total_current_incl_vat) filter (where is_order) as gross_revenue_incl_vat,
        sum(order_total_current_excl_vat) filter (where is_order) as net_revenue_excl_vat,
        sum(order_vat_amount) filter (where is_order) as vat_amount,
        sum(shipping_incl_vat) filter (where is_order) as shipping_incl_vat,
        sum(discounts_incl_vat) filter (where is_order) as discounts_incl_vat,
        sum(refunded_total_incl_vat) filter (where is_order) as refunds_incl_vat,
        sum(abs(order_total_current_incl_vat)) filter (where is_credit) as credits_incl_vat,
        sum(abs(order_total_current_excl_vat)) filter (where is_credit) as credits_excl_vat,
        sum(commission) filter (where is_order) as commission,
        order_date
    from classified
    group by order_date, channel, account, ship_country, currency_code
),

-- Nothing sold is 0.00; something sold and nothing known of it stays null.
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
            coalesce(gross_revenue_incl_vat, case when orders = 0 then 0 end) as decimal(18, 2)
        ) as gross_revenue_incl_vat,
        cast(
            coalesce(net_revenue_excl_vat, case when orders = 0 then 0 end) as decimal(18, 2)
        ) as net_revenue_excl_vat,
        cast(coalesce(vat_amount, case when orders = 0 then 0 end) as decimal(18, 2)) as vat_amount,
        cast(
            coalesce(shipping_incl_vat, case when orders = 0 then 0 end) as decimal(18, 2)
        ) as shipping_incl_vat,
        cast(coalesce(discounts_incl_vat, 0) as decimal(18, 2)) as discounts_incl_vat,
        cast(coalesce(refunds_incl_vat, 0) as decimal(18, 2)) as refunds_incl_vat,
        cast(
            coalesce(credits_incl_vat, case when credits = 0 then 0 end) as decimal(18, 2)
        ) as credits_incl_vat,
        cast(
            coalesce(credits_excl_vat, case when credits = 0 then 0 end) as decimal(18, 2)
        ) as credits_excl_vat,
        cast(coalesce(commission, case when orders = 0 then 0 end) as decimal(18, 2)) as commission,
        order_date
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
    order_date
from quotients
