-- core.orders: Every order that counts in the revenue has a business day and a currency.
select
    order_key,
    currency_code,
    ordered_at,
    order_date
from core.orders
where
    counts_in_revenue
    and not is_quarantined
    and not is_test
    and (order_date is null or currency_code is null)
