-- core.invoices: No quarantined, cancelled, historic or test order is in a sales entry that is or may be in the books.
-- A sale cancelled after it was booked stands here until it is credited: a person should see it.
select
    orders.order_key,
    invoices.invoice_key,
    invoices.state,
    orders.order_status,
    orders.is_quarantined,
    orders.is_test,
    orders.is_history
from core.invoice_orders
inner join core.invoices on invoice_orders.invoice_key = invoices.invoice_key
inner join core.orders on invoice_orders.order_key = orders.order_key
where
    invoices.state not in ('aborted', 'failed')
    and (
        orders.is_quarantined
        or orders.is_test
        or orders.is_history
        or coalesce(orders.order_status, '') = 'cancelled'
    )
