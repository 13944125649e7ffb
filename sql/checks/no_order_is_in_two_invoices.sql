-- core.invoice_orders: No order is in two sales entries.
select
    order_key,
    count(*) as entries
from core.invoice_orders
group by order_key
having count(*) > 1
